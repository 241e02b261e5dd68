"""Files fall into a folder that publishers watch, whatever is killed meanwhile."""

import json
import os
from pathlib import Path

import httpx
import pytest

from local.broker import private_broker
from tests.brokers import settle
from tests.databases import SqliteFile
from tests.services import ServiceProcess, eventually


def write(folder: Path, name: str, *patients: str) -> None:
    """Let a file fall into the folder, whole."""
    lines = [
        json.dumps(
            {
                "patient_id": patient,
                "medication_name": "Y",
                "action": "start",
                "event_time": "2021-01-01T02:00:00Z",
            }
        )
        for patient in patients
    ]
    part = folder / f"{name}.part"
    part.write_text("".join(f"{line}\n" for line in lines))
    part.rename(folder / name)


def events(consumer: ServiceProcess, patient: str) -> int:
    answer = httpx.get(f"{consumer.url}/events", params={"patient_id": patient}, timeout=30)
    return len(answer.json()["events"])


def done(folder: Path) -> set[str]:
    return {path.name for path in (folder / "done").glob("*")}


def test_two_publishers_share_a_folder(
    environment: dict[str, str], consumer: ServiceProcess, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder, "before.jsonl", "folder-before")
    settings = environment | {"PUBLISHER_FOLDER": str(folder)}
    publishers = [ServiceProcess("publisher", settings, tmp_path) for _ in range(2)]
    try:
        for each in publishers:
            each.wait_until_ready()
        names = {f"{number}.jsonl" for number in range(20)}
        for name in names:
            write(folder, name, f"folder-{name}")
        eventually(lambda: done(folder) == names | {"before.jsonl"})
    finally:
        for each in publishers:
            each.stop()

    eventually(lambda: events(consumer, "folder-before") == 1)
    eventually(lambda: all(events(consumer, f"folder-{name}") == 1 for name in names))
    assert not any((folder / ".claims").iterdir())


def test_a_folder_that_is_not_there_is_told_and_waited_for(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    settings = environment | {"PUBLISHER_FOLDER": str(folder)}
    publisher = ServiceProcess("publisher", settings, tmp_path)
    try:
        eventually(lambda: "folder" in (publisher.readiness() or {}))
        folder.mkdir()
        write(folder, "a.jsonl", "folder-late")
        eventually(lambda: done(folder) == {"a.jsonl"})
        assert publisher.readiness() == {}
    finally:
        publisher.stop()


@pytest.mark.fault("folder's publisher killed (-9) while RabbitMQ is away")
def test_what_a_killed_publisher_had_in_hand_while_the_broker_was_away_is_published_once(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "broker").mkdir()
    (tmp_path / "database").mkdir()
    with private_broker(tmp_path / "broker") as broker:
        settle(broker)
        settings = {
            "RABBITMQ_URL": broker.url,
            "DATABASE_URL": SqliteFile(tmp_path / "database").url,
            "PUBLISHER_FOLDER": str(folder),
            "PUBLISHER_GIVE_UP_AFTER": "5",
        }
        consumer = ServiceProcess("consumer", settings, tmp_path)
        first = ServiceProcess("publisher", settings, tmp_path)
        for each in (consumer, first):
            each.wait_until_ready()
        broker.kill()
        write(folder, "a.jsonl", *(f"p{number}" for number in range(5)))
        eventually(lambda: [*folder.glob(".claims/*/a.jsonl")])
        first.kill()
        broker.start()
        for beat in folder.glob(".claims/*/.beat"):
            os.utime(beat, (0, 0))  # as if a minute had gone by

        second = ServiceProcess("publisher", settings, tmp_path)
        try:
            eventually(lambda: done(folder) == {"a.jsonl"})
            eventually(lambda: all(events(consumer, f"p{number}") == 1 for number in range(5)))
        finally:
            second.stop()
            consumer.stop()
    assert not (folder / "failed").exists()


def test_a_directory_that_is_named_as_a_profile_is_read_by_it(tmp_path: Path) -> None:
    """Shipped profiles have names; those of one's own lie in the folder."""
    folder = tmp_path / "folder"
    for name in ("synthea-medications", "ward", ".profiles", "other"):
        (folder / name).mkdir(parents=True)
    (folder / ".profiles" / "ward.toml").write_text(
        """
[table]
rows = "events"
actions = { "Gabe" = "point" }
times = { zone = "UTC", formats = ["%d.%m.%Y %H:%M"] }
columns = { patient_id = "mrn", medication_name = "drug", action = "what", event_time = "when" }
"""
    )
    synthea = Path("examples/profiles/synthea-medications.csv").read_bytes()
    files = {
        "synthea-medications/export.csv": synthea,
        "ward/export.csv": b"mrn,drug,what,when\nW1,Heparin,Gabe,05.01.2021 08:30\n",
        "other/export.csv": synthea,
    }
    with private_broker(tmp_path / "broker") as broker:
        settle(broker)
        environment = {
            "RABBITMQ_URL": broker.url,
            "DATABASE_URL": SqliteFile(tmp_path).url,
            "PUBLISHER_FOLDER": str(folder),
        }
        consumer = ServiceProcess("consumer", environment, tmp_path, anew=True)
        publisher = ServiceProcess("publisher", environment, tmp_path, anew=True)
        try:
            for each in (consumer, publisher):
                each.wait_until_ready()
            for name, content in files.items():
                (folder / name).write_bytes(content)
            read = [folder / name for name in ("synthea-medications", "ward")]
            eventually(lambda: all(done(each) == {"export.csv"} for each in read), 60)
            eventually(lambda: events(consumer, "W1") == 2)
        finally:
            publisher.stop()
            consumer.stop()
    assert (folder / "other" / "export.csv").exists()


def test_a_profile_that_ranks_by_the_time_of_an_export_ends_the_start_with_one_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "omop-drug-exposure").mkdir()
    environment = {"RABBITMQ_URL": "amqp://127.0.0.1:1", "PUBLISHER_FOLDER": str(tmp_path)}
    publisher = ServiceProcess("publisher", environment, tmp_path, anew=True)
    assert publisher.process.wait(30) == 3
    told = "PUBLISHER_FOLDER: the directory omop-drug-exposure: the profile of that name ranks by"
    assert told in publisher.log.read_text()
