"""`python -m consumer_app database erase`: a patient is gone, and nothing of anybody else."""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from consumer_app.__main__ import cli
from consumer_app.storage.store import EventStore
from consumer_app.upkeep import erasure
from consumer_app.upkeep.dead_letter_queue import dead_letter_queue
from contracts import RecordVersion, explain_event
from contracts.topology import DEAD_LETTER_QUEUE
from local.broker import PrivateBroker
from local.ports import free_port
from local.postgres import PrivatePostgres
from runtime.broker_errors import BrokerUnavailable
from tests.commands import run_command
from tests.databases import PostgresDatabase, SqliteFile, connect
from tests.faults.proxy import Proxy
from tests.faults.system import channel_to, waiting
from tests.integration.test_dead_letters import dead_letters, send
from tests.processes import run_together
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
    theirs = json.dumps(report(GONE, 4, medication_name="\n")).encode()
    mixed = b"[" + theirs + b',{"mrn": "' + GONE.encode() + b'"}]'
    asyncio.run(send(broker, theirs, mixed, b"no json"))
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 4)
    _, told, *_ = erase(environment, status=1)
    assert told.endswith("(numbers 1, 3, 4)")
    _, told, *_ = erase(environment, "--yes", status=1)
    assert told.endswith("(numbers 1, 2, 3)"), "as they are now"
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 3)
    assert dead_letters(environment, "show", "2").splitlines()[-1] == "no json"


@pytest.mark.usefixtures("letters")
def test_while_others_hold_dead_letters_nothing_is_erased(
    broker: PrivateBroker, consumer: ServiceProcess, environment: dict[str, str]
) -> None:
    bad = json.dumps(report(GONE, 9, medication_name="\n")).encode()
    asyncio.run(send(broker, bad, json.dumps(report(GONE, 9)).encode()))
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 1)
    eventually(lambda: events_of(consumer, GONE))

    async def meanwhile() -> list[str]:
        async with channel_to(broker) as channel:
            await (await channel.get_queue(DEAD_LETTER_QUEUE.name)).get()
            return await asyncio.to_thread(erase, environment, "--yes", status=2)

    (told,) = asyncio.run(meanwhile())
    assert told.startswith("another program holds dead letters")
    assert events_of(consumer, GONE)
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 1)
    erase(environment, "--yes")
    assert waiting(broker, DEAD_LETTER_QUEUE.name) == 0


def be_killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def erase_and_be_killed(environment: dict[str, str], where: str) -> None:
    """Be killed where this function would be called."""
    os.environ.update(environment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, be_killed)
        cli(["database", "erase", "--patient", GONE, "--yes"])


@pytest.mark.fault("erasure killed (-9) before a letter that was written anew goes")
@pytest.mark.usefixtures("letters", "consumer")
def test_an_erasure_that_is_killed_between_two_letters_loses_nothing_of_others(
    broker: PrivateBroker, environment: dict[str, str]
) -> None:
    bad = {"medication_name": "\n"}
    shared = [report(GONE, 1, **bad), report(STAYS, 1, **bad)]
    asyncio.run(send(broker, json.dumps(shared).encode()))
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 1)
    ack = "aio_pika.message.IncomingMessage.ack"
    assert run_together(erase_and_be_killed, environment, ack, processes=1) == [-signal.SIGKILL]
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 2)

    assert erase(environment, "--yes")[0] == "0 stored events, and 1 in 1 dead letters erased"

    assert len(dead_letters(environment, "list").splitlines()) == 2
    for number in "12":
        shown = dead_letters(environment, "show", number).splitlines()[-1]
        assert json.loads(shown) == shared[1:]


@pytest.mark.fault("connection to RabbitMQ reset between two letters of an erasure")
@pytest.mark.usefixtures("letters", "consumer")
def test_an_erasure_that_rabbitmq_breaks_off_loses_nothing_and_is_done_again(
    broker: PrivateBroker, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {"medication_name": "\n"}
    shared = [[report(GONE, hour, **bad), report(STAYS, hour, **bad)] for hour in range(4)]
    asyncio.run(send(broker, *(json.dumps(each).encode() for each in shared)))
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) == 4)
    proxy = Proxy(broker.port)
    monkeypatch.setenv("RABBITMQ_URL", broker.url.replace(str(broker.port), str(proxy.port)))
    sifted: list[bytes] = []

    def reset_at_the_third(body: bytes, patient_id: str) -> erasure.Sifted:
        sifted.append(body)
        if len(sifted) == 3:
            proxy.reset()
        return sift(body, patient_id)

    async def erased() -> None:
        async with dead_letter_queue() as queue:
            await erasure.erase_letters(queue, GONE, dry_run=False)

    sift = erasure.sift
    monkeypatch.setattr(erasure, "sift", reset_at_the_third)
    try:
        with pytest.raises(BrokerUnavailable):
            asyncio.run(erased())
    finally:
        proxy.close()
    eventually(lambda: waiting(broker, DEAD_LETTER_QUEUE.name) >= 4)

    erase(environment, "--yes")

    count = len(dead_letters(environment, "list").splitlines())
    shown = [
        dead_letters(environment, "show", str(number)).splitlines()[-1]
        for number in range(1, count + 1)
    ]
    assert {*shown} == {json.dumps([theirs]) for _, theirs in shared}


@pytest.mark.fault("erasure killed (-9) before the SQLite file is written anew")
def test_an_erasure_that_is_killed_before_the_file_is_written_anew_is_done_again(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    database = SqliteFile(tmp_path)
    environment = {"RABBITMQ_URL": broker.url, "DATABASE_URL": database.url}
    asyncio.run(store(database.url, [report(GONE, 1), report(STAYS, 1)]))
    rewrite = "consumer_app.upkeep.erase_commands.rewrite"
    killed = run_together(erase_and_be_killed, environment, rewrite, processes=1)
    assert killed == [-signal.SIGKILL]
    with closing(sqlite3.connect(database.file)) as connection:
        leave_in_unused_pages(connection, GONE)
    assert [*holding(tmp_path, GONE)]

    assert erase(environment, "--yes")[0] == "0 stored events, and 0 in 0 dead letters erased"

    assert [*holding(tmp_path, GONE)] == []


def test_copies_beside_the_file_and_runs_that_tell_the_patient_are_named(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    database = SqliteFile(tmp_path)
    environment = {"RABBITMQ_URL": broker.url, "DATABASE_URL": database.url}
    asyncio.run(store(database.url, [report(GONE, 1)], "monday", f"file {GONE}.csv"))
    asyncio.run(store(database.url, [report(STAYS, 1)], f"{STAYS}.csv", f"file {STAYS}.csv"))
    copies = [f"{database.file}.{end}" for end in ("before-2.0.0", "until-20260101T000000Z")]
    for each in copies:
        Path(each).touch()

    for options in ([], ["--yes"]):
        told = erase(environment, *options)
        (runs,) = (line for line in told if line.startswith("- names of runs"))
        assert runs.endswith(": of 1 of `database runs`")
        for each in copies:
            assert f"- {each}, which holds all patients: delete it" in "\n".join(told)
        assert "VACUUM" not in "\n".join(told), "it is no PostgreSQL"
    assert all(map(os.path.exists, copies))


def test_of_postgresql_s_files_the_identifier_goes_with_what_is_told(
    broker: PrivateBroker, postgres: PrivatePostgres, tmp_path: Path
) -> None:
    url = PostgresDatabase(postgres).url
    # The audit names the patient, too, and stays.
    audit = {"AUDIT_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/audit.db"}
    environment = {"RABBITMQ_URL": broker.url, "DATABASE_URL": url} | audit
    patients = [f"{STAYS}-{number}" for number in range(200)]
    asyncio.run(store(url, [report(each, 1) for each in (*patients, GONE)]))
    asyncio.run(store_records(url, [f"{each} of a record" for each in (*patients, GONE)]))
    asyncio.run(execute(url, "ANALYZE"))
    assert asyncio.run(holding_in_postgres(postgres, url, GONE))

    told = "\n".join(erase(environment, "--yes"))
    assert told.startswith("2 stored events"), "of both kinds"
    asyncio.run(execute(url, "VACUUM"))
    assert asyncio.run(holding_in_postgres(postgres, url, GONE)), "that would be enough"

    statements = [
        "VACUUM (FULL, ANALYZE) patient, event, record, record_event",
        "VACUUM FULL pg_statistic",
    ]
    assert "; ".join(statements) in told
    asyncio.run(execute(url, *statements))
    assert asyncio.run(holding_in_postgres(postgres, url, GONE)) == []
    assert asyncio.run(holding_in_postgres(postgres, url, f"{STAYS}-7"))


def test_of_a_sqlite_file_the_identifier_goes_with_that_of_the_records(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    database = SqliteFile(tmp_path)
    environment = {"RABBITMQ_URL": broker.url, "DATABASE_URL": database.url}
    environment["AUDIT_DATABASE_URL"] = f"sqlite+aiosqlite:///{tmp_path}/audit/audit.db"
    (tmp_path / "audit").mkdir()
    asyncio.run(store_records(database.url, [f"{each} of a record" for each in (STAYS, GONE)]))
    asyncio.run(store(database.url, [report(GONE, 1)]))
    assert [*holding(tmp_path, GONE)]

    assert erase(environment, "--yes")[0] == "2 stored events, and 0 in 0 dead letters erased"

    assert [*holding(tmp_path, GONE)] == []
    assert [*holding(tmp_path, f"{STAYS} of a record")] == ["events.db"]


async def store_records(url: str, record_ids: Sequence[str]) -> None:
    """Store a record of a patient for each, with the patient's identifier in its own."""
    versions = [
        RecordVersion(each, "1", [explain_event(report(each.removesuffix(" of a record"), 2))])
        for each in record_ids
    ]
    async with EventStore.at(url) as store:
        await store.add(versions)


async def holding_in_postgres(server: PrivatePostgres, url: str, text: str) -> list[str]:
    """List the names of a database's files that hold a text."""
    connection = await connect(url)
    await connection.execute("CHECKPOINT")
    number = await connection.fetchval(
        "SELECT oid FROM pg_database WHERE datname = current_database()"
    )
    await connection.close()
    files = sorted((server.folder / "data" / "base" / str(number)).iterdir())
    return [file.name for file in files if text.encode() in file.read_bytes()]


async def execute(url: str, *statements: str) -> None:
    connection = await connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


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


async def store(
    url: str, reports: Sequence[dict[str, str]], run: str | None = None, source: str | None = None
) -> None:
    async with EventStore.at(url) as store:
        await store.add([*map(explain_event, reports)], run, source)


def holding(folder: Path, text: str) -> Iterator[str]:
    """Yield the names of the database's files that hold a text; the audit is to keep it."""
    for file in sorted(folder.glob("events.db*")):
        if ".audit" not in file.name and text.encode() in file.read_bytes():
            yield file.name
