"""`python -m consumer_app database erase`: a patient is gone, and nothing of anybody else."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from consumer_app.storage.store import EventStore
from contracts import explain_event
from contracts.topology import DEAD_LETTER_QUEUE
from local.broker import PrivateBroker
from local.ports import free_port
from tests.commands import run_command
from tests.databases import SqliteFile
from tests.faults.system import waiting
from tests.integration.test_dead_letters import dead_letters, send
from tests.services import ServiceProcess, eventually

GONE, STAYS = "Grüß 4711", "4711"


def report(patient: str, hour: int, action: str = "start", **more: str) -> dict[str, str]:
    time = f"2021-01-01T{hour:02}:00:00Z"
    return {"patient_id": patient, "medication_name": "X", "action": action, "event_time": time} | (
        more
    )


def erase(environment: dict[str, str], *options: str, status: int = 0) -> list[str]:
    done = run_command(environment, "database", "erase", "--patient", GONE, *options)
    assert done.returncode == status, done.stderr
    assert GONE not in done.stdout + done.stderr
    return (done.stdout + done.stderr).splitlines()


def events_of(consumer: ServiceProcess, patient: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{consumer.url}/events", params={"patient_id": patient}, timeout=60)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["events"]
    return found


@pytest.fixture
def letters(broker: PrivateBroker, environment: dict[str, str]) -> Iterator[None]:
    """Leave no dead letters behind."""
    assert waiting(broker, DEAD_LETTER_QUEUE.name) == 0
    yield
    dead_letters(environment, "drop", "--yes")


@pytest.mark.usefixtures("letters")
def test_a_patient_is_erased_from_the_store_and_the_dead_letters_and_nobody_else(
    broker: PrivateBroker, consumer: ServiceProcess, environment: dict[str, str]
) -> None:
    bad = {"medication_name": "\n"}
    shared = [report(GONE, 1), report(STAYS, 1), report(STAYS, 2, **bad), report(GONE, 3, **bad)]
    asyncio.run(
        send(
            broker,
            json.dumps(shared).encode(),
            json.dumps([report(GONE, hour) for hour in range(10)]).encode(),
            json.dumps(report(GONE, 4, **bad)).encode(),
            run="monday",
        )
    )
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 2)
    eventually(lambda: len(events_of(consumer, GONE)) == 10)

    (counted, *not_reached) = erase(environment)
    assert counted == (
        "10 stored events, and 3 in 2 dead letters would be erased (give --yes to do it)"
    )
    assert len(events_of(consumer, GONE)) == 10, "it was a dry run"
    assert waiting(broker, DEAD_LETTER_QUEUE.name) == 2
    for told in ("backups", "rejects: python -m publisher_app.erase", "audit", "waits in RabbitMQ"):
        assert told in "\n".join(not_reached)

    assert erase(environment, "--yes")[0] == "10 stored events, and 3 in 2 dead letters erased"
    assert events_of(consumer, GONE) == []
    assert len(events_of(consumer, STAYS)) == 1
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 1)
    (line,) = dead_letters(environment, "list").splitlines()
    _, _, origin, run, _, reason = line.split("\t")
    assert (origin, run) == ("medication-events", "monday")
    assert reason.startswith("element 2: medication_name: ")
    assert reason.endswith("; the numbers of elements are those before a patient was erased")
    shown = dead_letters(environment, "show", "1").splitlines()[-1]
    assert json.loads(shown) == shared[1:3]

    assert erase(environment, "--yes")[0] == "0 stored events, and 0 in 0 dead letters erased"
    audit = run_command(environment, "audit", "list", "--patient", GONE).stdout
    assert audit.count("\tdatabase erase\t") == 3, "the audit is kept"
    asyncio.run(send(broker, json.dumps(report(GONE, 7)).encode()))
    eventually(lambda: len(events_of(consumer, GONE)) == 1)


@pytest.mark.usefixtures("letters")
def test_a_letter_that_nobody_can_tell_whose_it_is_stays_and_ends_with_1(
    broker: PrivateBroker, consumer: ServiceProcess, environment: dict[str, str]
) -> None:
    assert consumer.readiness() == {}
    asyncio.run(send(broker, GONE.encode()))
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 1)

    _, told, *_ = erase(environment, status=1)
    assert told.startswith("1 dead letters hold what nobody can tell whose it is, and stay: ")
    assert told.endswith("(numbers 1)")
    _, told, *_ = erase(environment, "--yes", status=1)
    assert told.endswith("(run this without --yes for their numbers)")
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 1)


def test_without_rabbitmq_nothing_is_erased(
    broker: PrivateBroker, consumer: ServiceProcess, environment: dict[str, str]
) -> None:
    asyncio.run(send(broker, json.dumps(report(GONE, 8)).encode()))
    eventually(lambda: events_of(consumer, GONE))
    away = {"RABBITMQ_URL": f"amqp://guest:guest@127.0.0.1:{free_port()}/"}

    (line,) = erase(environment | away, "--yes", status=2)

    assert line.startswith("RabbitMQ can't be reached")
    assert events_of(consumer, GONE)


@pytest.mark.parametrize("where", ["log", "file", "unused"])
def test_no_byte_of_the_identifier_is_left_in_the_files_of_sqlite(
    broker: PrivateBroker, tmp_path: Path, where: str
) -> None:
    database = SqliteFile(tmp_path)
    environment = {"RABBITMQ_URL": broker.url, "DATABASE_URL": database.url}
    consumer = ServiceProcess("consumer", environment, tmp_path)
    try:
        consumer.wait_until_ready()
        others = [report(f"{STAYS}-{number}", 1) for number in range(900)]
        if where != "unused":
            others += [report(GONE, hour) for hour in range(24)]
        asyncio.run(store(database.url, others))
        if where != "log":
            with closing(sqlite3.connect(database.file)) as connection:
                if where == "unused":
                    leave_in_unused_pages(connection, GONE)
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert [*holding(tmp_path, GONE)] == ["events.db-wal" if where == "log" else "events.db"]

        erase(environment, "--yes")

        assert [*holding(tmp_path, GONE)] == []
        assert [*holding(tmp_path, f"{STAYS}-7")] == ["events.db"]
        assert consumer.readiness() == {}
        assert len(events_of(consumer, f"{STAYS}-7")) == 1
    finally:
        consumer.stop()
    assert [*holding(tmp_path, GONE)] == []


def leave_in_unused_pages(connection: sqlite3.Connection, text: str) -> None:
    """Delete a text as most builds of SQLite do, and versions before this one did."""
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("CREATE TABLE former (patient_id)")
    connection.execute("INSERT INTO former VALUES (?)", [text])
    connection.execute("DROP TABLE former")
    connection.commit()


async def store(url: str, reports: Sequence[dict[str, str]]) -> None:
    async with EventStore.at(url) as store:
        await store.add([*map(explain_event, reports)])


def holding(folder: Path, text: str) -> Iterator[str]:
    """Yield the names of the database's files that hold a text."""
    for file in sorted(folder.glob("events.db*")):
        if text.encode() in file.read_bytes():
            yield file.name
