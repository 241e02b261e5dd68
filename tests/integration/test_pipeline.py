"""Events in at the publisher, periods out at the consumer, over a real broker and database."""

import gzip
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.conftest import Publish
from tests.services import JSON, ServiceProcess, eventually

MIMIC = Path("examples/mimic-iv-demo")


def periods(consumer: ServiceProcess, patient: str, **parameters: str) -> dict[str, Any]:
    answer = httpx.get(
        f"{consumer.url}/periods", params={"patient_id": patient, **parameters}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def spans(answer: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(each["medication_name"], each["start"], each["end"]) for each in answer["periods"]]


def test_a_file_with_the_special_cases_gives_the_right_periods(
    publish: Publish, consumer: ServiceProcess
) -> None:
    done = publish("examples/events.jsonl")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("published 14, rejected 0 in ")
    eventually(lambda: periods(consumer, "4")["periods"])
    assert spans(periods(consumer, "1")) == [("X", "2021-01-01T00:00:00Z", "2021-01-01T01:00:00Z")]
    assert spans(periods(consumer, "2")) == [("Y", "2021-01-01T02:00:00Z", None)]
    assert spans(periods(consumer, "3")) == [("Y", "2021-01-01T03:00:00Z", "2021-01-01T03:00:00Z")]
    assert [each["reason"] for each in periods(consumer, "3")["anomalies"]] == [
        "stop_without_start"
    ]
    assert spans(periods(consumer, "4")) == [
        ("X", "2021-01-01T00:00:00Z", "2021-01-01T01:00:00Z"),
        ("X", "2021-01-01T01:00:00Z", "2021-01-01T02:00:00Z"),
    ]
    assert len(periods(consumer, "4", merge_gap="PT0S")["periods"]) == 1


def test_publishing_a_file_again_changes_nothing(
    publish: Publish, consumer: ServiceProcess
) -> None:
    def received() -> list[Any]:
        answer = httpx.get(f"{consumer.url}/events", params={"patient_id": "5"})
        events: list[Any] = answer.json()["events"]
        return events

    assert publish("examples/events.json").returncode == 0
    eventually(lambda: len(received()) == 4)
    first = received()
    assert publish("examples/events.json").returncode == 0
    # Behind it in the same queue: once this is there, the second publishing is too.
    assert publish("-", stdin=_event("5-marker")).returncode == 0
    eventually(lambda: periods(consumer, "5-marker")["periods"])

    assert received() == first
    assert spans(periods(consumer, "5")) == [("X", "2021-01-01T00:00:00Z", "2021-01-01T01:00:00Z")]


def test_a_csv_file_with_other_columns_and_local_times_is_read_as_told(
    publish: Publish, consumer: ServiceProcess
) -> None:
    done = publish("examples/events.csv", "--map", "patient_id=MRN", "--timezone", "Europe/Berlin")

    assert done.returncode == 0, done.stderr
    eventually(lambda: len(periods(consumer, "6")["periods"]) == 2)
    assert spans(periods(consumer, "6", merge_gap="PT0S")) == [
        ("Heparin; 5 IU/ml", "2021-07-01T06:00:00Z", "2021-07-01T10:30:00Z")
    ]


def test_german_times_are_read_as_told_and_otherwise_rejected_with_what_to_tell(
    publish: Publish, consumer: ServiceProcess, tmp_path: Path
) -> None:
    german, rejects = tmp_path / "german.csv", tmp_path / "rejects.jsonl"
    german.write_text(
        "patient_id;medication_name;action;event_time\n"
        "german;Heparin;start;03.02.2021 07:45\n"
        "german;Heparin;stop;03.02.2021 17:45:30\n"
    )

    refused = publish(german, "--rejects", rejects)
    assert refused.returncode == 1
    reasons = [json.loads(line)["reason"] for line in rejects.read_text().splitlines()]
    assert len(reasons) == 2
    assert all("--time-format" in reason for reason in reasons)

    formats = ("--time-format", "%d.%m.%Y %H:%M", "--time-format", "%d.%m.%Y %H:%M:%S")
    done = publish(german, *formats, "--timezone", "Europe/Berlin")
    assert done.returncode == 0, done.stderr
    eventually(
        lambda: (
            spans(periods(consumer, "german"))
            == [("Heparin", "2021-02-03T06:45:00Z", "2021-02-03T16:45:30Z")]
        )
    )


def test_bad_rows_are_rejected_with_their_reason_and_the_others_published(
    publish: Publish, consumer: ServiceProcess, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.jsonl"
    done = publish("examples/rejected.jsonl", "--rejects", rejects)

    assert done.returncode == 1
    assert "published 2, rejected 8 in " in done.stdout
    assert str(rejects) in done.stdout
    found = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [reject["line"] for reject in found] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert "--timezone" in found[3]["reason"]
    assert found[1]["row"]["event_time"] == 1609466400
    assert rejects.stat().st_mode & 0o077 == 0
    eventually(lambda: periods(consumer, "7")["periods"])


def test_the_mimic_iv_demo_in_shuffled_order_gives_the_periods_of_its_source(
    publish: Publish, consumer: ServiceProcess, tmp_path: Path
) -> None:
    lines = gzip.decompress((MIMIC / "events.jsonl.gz").read_bytes()).splitlines(keepends=True)
    random.Random(7).shuffle(lines)
    shuffled = tmp_path / "shuffled.jsonl"
    shuffled.write_bytes(b"".join(lines))
    truth: dict[str, dict[str, Any]] = defaultdict(dict)
    for line in gzip.decompress((MIMIC / "periods.jsonl.gz").read_bytes()).splitlines():
        history = json.loads(line)
        truth[history["patient_id"]][history["medication_name"]] = history["union"]

    assert publish(shuffled).returncode == 0
    assert publish("-", stdin=_event("mimic-marker")).returncode == 0
    eventually(lambda: periods(consumer, "mimic-marker")["periods"])

    for patient, medications in truth.items():
        found: dict[str, list[list[str | None]]] = defaultdict(list)
        for name, start, end in spans(periods(consumer, patient, merge_gap="PT0S")):
            found[name].append([start, end])
        assert found == medications, patient


def test_an_unreadable_input_ends_with_status_2_and_one_line(publish: Publish) -> None:
    done = publish("examples/no-such-file")

    assert done.returncode == 2
    assert done.stderr.startswith("examples/no-such-file can't be read: No such file")
    assert done.stderr.count("\n") == 1


def test_a_broker_that_is_away_ends_with_status_2_and_says_so(
    publish: Publish, silent_port: int
) -> None:
    done = publish(
        "examples/events.jsonl",
        RABBITMQ_URL=f"amqp://guest:guest@127.0.0.1:{silent_port}/",
        PUBLISHER_GIVE_UP_AFTER="1",
    )

    assert done.returncode == 2
    assert "RabbitMQ can't be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mapped_column_that_is_not_there_ends_with_status_2_and_the_nearest_name(
    publish: Publish,
) -> None:
    done = publish("examples/events.csv", "--map", "patient_id=Mrn", "--timezone", "UTC")

    assert done.returncode == 2
    assert "it has no column Mrn (the nearest is MRN); the columns are MRN, " in done.stderr
    assert "published 0, rejected 0" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_without_a_row_ends_with_status_0_and_is_told(publish: Publish) -> None:
    done = publish("-", stdin="patient_id,medication_name,action,event_time\n")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("; there is no row in it\n")


def test_title_lines_and_another_encoding_are_read_as_told(
    publish: Publish, consumer: ServiceProcess, tmp_path: Path
) -> None:
    file = tmp_path / "export.csv"
    row = "titles;Ätherisches Öl;start;2021-01-01T00:00:00Z"
    text = f"Gaben auf Station 5\n\npatient_id;medication_name;action;event_time\n{row}\n"
    file.write_bytes(text.encode("windows-1252"))

    assert "--encoding" in publish(file).stderr
    assert "--skip-lines 2" in publish(file, "--encoding", "windows-1252").stderr
    done = publish(file, "--encoding", "windows-1252", "--skip-lines", "2")

    assert done.returncode == 0, done.stderr
    eventually(lambda: periods(consumer, "titles")["periods"])
    assert [name for name, *_ in spans(periods(consumer, "titles"))] == ["Ätherisches Öl"]


@pytest.mark.parametrize(
    "option",
    [
        ["--map", "nonsense"],
        ["--map", "order_id=a", "--map", "order_id=b"],
        ["--timezone", "Mars/Olympus"],
        ["--time-format", "%H:%M"],
        ["--encoding", "klingon"],
        ["--skip-lines", "-1"],
    ],
)
def test_a_bad_option_is_named(publish: Publish, option: list[str]) -> None:
    done = publish("examples/events.jsonl", *option)

    assert done.returncode == 2
    assert option[0] in done.stderr


def test_no_patient_and_no_medication_is_in_any_log(
    consumer: ServiceProcess, publisher: ServiceProcess
) -> None:
    secret = "patient-in-no-log"
    posted = httpx.post(f"{publisher.url}/events", content=_event(secret), headers=JSON)
    assert posted.status_code == 202
    eventually(lambda: periods(consumer, secret)["periods"])
    httpx.get(f"{consumer.url}/periods", params={"patient_id": secret, "from": "x"})

    for service in (consumer, publisher):
        log = service.log.read_text()
        assert secret not in log
        assert "Heparin" not in log


def _event(patient: str) -> str:
    return json.dumps(
        {
            "patient_id": patient,
            "medication_name": "Heparin",
            "action": "start",
            "event_time": "2021-01-01T00:00:00Z",
        }
    )
