"""What is answered is in the audit, whatever happens then: asked of consumers as they are run."""

import asyncio
import logging
import re
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from consumer_app.audit.archive import Archive
from consumer_app.audit.configured import configured_audit
from consumer_app.audit.errors import AuditUnavailable, Unrecordable
from consumer_app.audit.sinks import ChainTaken, PostgresSink
from consumer_app.settings import ConsumerSettings
from local.broker import PrivateBroker
from local.postgres import PrivatePostgres
from runtime.access.token_file import Token
from tests.commands import run_command
from tests.databases import KINDS, PostgresDatabase, SqliteFile, connect
from tests.services import ServiceProcess, eventually
from tests.unit.access.gates import bearer, token_file
from tests.unit.audit.chains import CODES, chained

pytestmark = pytest.mark.integration

ROLE_THAT_MAY_ONLY_ADD = re.findall(
    r"^```sql\n(.*?)^```$", Path("docs/audit.md").read_text(), re.DOTALL | re.MULTILINE
)
PATIENT = "audited-patient"
TOLD_AWAY = "the audit can't be written: "


class AuditedDatabase:
    """A database whose audit can be kept from being written, and let again."""

    def __init__(self, kind: str, folder: Path, postgres: Callable[[], PrivatePostgres]) -> None:
        self.kind = kind
        database = SqliteFile(folder) if kind == "sqlite" else PostgresDatabase(postgres())
        self.url = database.url
        self.file = folder / "events.db.audit"

    @contextmanager
    def audit_away(self) -> Iterator[None]:
        """Keep it from being written, as somebody who locks it does."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield
            return
        with asyncio.Runner() as runner:
            other = runner.run(connect(self.url))
            runner.run(other.execute("BEGIN; LOCK TABLE audit_record IN EXCLUSIVE MODE"))
            yield
            runner.run(other.close())

    def execute(self, statement: str) -> None:
        """Change what is stored, as somebody with all rights could."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.file)) as connection, connection:
                connection.execute(statement)
        else:
            asyncio.run(_execute(self.url, statement))


async def _execute(url: str, statement: str) -> None:
    connection = await connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> AuditedDatabase:
    return AuditedDatabase(request.param, tmp_path, lambda: request.getfixturevalue("postgres"))


@pytest.fixture
def environment(broker: PrivateBroker, database: AuditedDatabase, tmp_path: Path) -> dict[str, str]:
    return {
        "RABBITMQ_URL": broker.url,
        "DATABASE_URL": database.url,
        "AUDIT_KEY_FILE": str(tmp_path / "audit.key"),
    }


@contextmanager
def serving(environment: dict[str, str], folder: Path, *options: str) -> Iterator[ServiceProcess]:
    service = ServiceProcess("consumer", environment, folder, options=options)
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.stop()


def ask(service: ServiceProcess, path: str = "/periods", **headers: str) -> httpx.Response:
    query = {"patient_id": PATIENT}
    if path == "/periods":
        query["medication_name"] = "audited-drug"
    return httpx.get(f"{service.url}{path}", params=query, headers=headers, timeout=30)


def audit(environment: dict[str, str], *arguments: str, stdin: str = "") -> list[str]:
    """Run a command of the audit's; return the lines that it prints."""
    done = run_command(environment, "audit", *arguments, stdin=stdin.encode())
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout.splitlines()


def outcomes(environment: dict[str, str]) -> list[tuple[str, str]]:
    """Return status and subject of what was recorded of the patient."""
    lines = [line.split("\t") for line in audit(environment, "list", "--patient", PATIENT)]
    return [(line[2], line[3]) for line in lines if line[1] != "command"]


def test_who_asks_is_recorded_with_what_came_of_it_and_no_log_names_a_patient(
    environment: dict[str, str], tmp_path: Path
) -> None:
    ward, reading = Token.new("ward", ["periods:read"], None, None)
    pump, writing = Token.new("pump", ["events:write"], None, None)
    one, limited = Token.new("one", ["periods:read"], "other", None)
    tokens = {"ACCESS_TOKENS": str(token_file(tmp_path, ward, pump, one))}
    with serving(environment | tokens, tmp_path) as consumer:
        asked = [
            ask(consumer),
            ask(consumer, **bearer(writing)),
            ask(consumer, **bearer(limited)),
            ask(consumer, **bearer(reading)),
            ask(consumer, "/events", **bearer(reading)),
        ]
    log = consumer.log.read_text()

    assert [answer.status_code for answer in asked] == [401, 403, 403, 200, 200]
    assert outcomes(environment) == [
        *(("401", "-"), ("403", "pump"), ("403", "one"), ("200", "ward"), ("200", "ward"))
    ]
    assert audit(environment, "verify", "--log", "-", stdin=log) == ["ok: 7 records"]
    assert "audit chain 1 has 5 records" in log
    assert PATIENT not in log
    assert "audited-drug" not in log


def test_what_is_changed_deleted_or_cut_off_is_found(
    environment: dict[str, str], database: AuditedDatabase, tmp_path: Path
) -> None:
    with serving(environment, tmp_path) as consumer:
        for _ in range(4):
            ask(consumer)
    log = consumer.log.read_text()
    database.execute("DELETE FROM audit_record WHERE chain = 1 AND number IN (2, 4)")

    assert audit(environment, "verify") == ["chain 1: record 2 is missing"]
    assert audit(environment, "verify", "--log", "-", stdin=log) == [
        "chain 1: record 2 is missing",
        "chain 1: record 4 is missing",
    ]


@pytest.mark.fault("audit away")
def test_nothing_is_answered_while_nothing_can_be_recorded(
    environment: dict[str, str], database: AuditedDatabase, tmp_path: Path
) -> None:
    with serving(environment, tmp_path) as consumer:
        assert ask(consumer).status_code == 200
        with database.audit_away():
            refused = ask(consumer)
            assert refused.status_code == 503
            assert refused.json()["detail"].startswith(TOLD_AWAY)
            assert PATIENT not in refused.text
            problems = consumer.readiness()
            assert problems is not None
            assert problems["audit"].startswith(TOLD_AWAY)
        eventually(lambda: consumer.readiness() == {})
        assert ask(consumer).status_code == 200
    assert TOLD_AWAY in consumer.log.read_text()

    assert outcomes(environment) == [("200", "local")] * 2
    assert audit(environment, "verify")[0].startswith("ok: ")


@pytest.mark.fault("consumer killed behind an answer")
def test_what_was_answered_is_recorded_though_the_consumer_is_killed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    consumer = ServiceProcess("consumer", environment, tmp_path)
    consumer.wait_until_ready()
    answered = [ask(consumer).headers["x-request-id"] for _ in range(20)]
    consumer.kill()

    exported = "\n".join(audit(environment, "export", "--patient", PATIENT))
    assert all(request_id in exported for request_id in answered)
    assert audit(environment, "verify")[0].startswith("ok: ")


def test_processes_beside_each_other_have_chains_of_their_own(
    environment: dict[str, str], tmp_path: Path
) -> None:
    apart = {**environment, "CONSUMER_RECEIVES": "false"}
    with (
        serving(environment, tmp_path) as storing,
        serving(apart, tmp_path, "--workers", "2") as answering,
    ):
        for _ in range(20):
            assert ask(storing).status_code == ask(answering).status_code == 200
    log = storing.log.read_text() + answering.log.read_text()

    assert len(outcomes(environment)) == 40
    assert audit(environment, "verify", "--log", "-", stdin=log)[0].startswith("ok: ")


def test_the_writer_of_events_keeps_no_record_waiting(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    database = SqliteFile(tmp_path)
    environment = {"RABBITMQ_URL": broker.url, "DATABASE_URL": database.url}
    with serving(environment, tmp_path) as consumer, database.locked():
        for _ in range(5):
            assert ask(consumer).status_code == 200
            assert ask(consumer).elapsed.total_seconds() < 4


def test_a_purge_beside_a_consumer_keeps_all_that_is_newer(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with serving(environment, tmp_path) as consumer:
        ask(consumer)
        ask(consumer)
        # Two reads, and this command.
        [_, second, _] = audit(environment, "list", "--patient", PATIENT)
        before = second.partition("\t")[0]
        assert audit(environment, "purge", "--before", before, "--yes") == ["1 records removed"]
        ask(consumer)
    log = consumer.log.read_text()

    assert outcomes(environment) == [("200", "local")] * 2
    assert audit(environment, "verify", "--log", "-", stdin=log)[0].startswith("ok: ")


@pytest.fixture
def owner_url(postgres: PrivatePostgres) -> Iterator[str]:
    """Give the URL of a database in which the documented role may add."""
    yield PostgresDatabase(postgres).url
    asyncio.run(_execute(postgres.url, "DROP ROLE IF EXISTS audit_writer"))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT record FROM audit_record",
        "UPDATE audit_record SET chain = 2",
        "DELETE FROM audit_record",
        "TRUNCATE audit_record",
        "DROP TABLE audit_record",
        "INSERT INTO audit_anchor VALUES (1, 1, '', '')",
        "DELETE FROM audit_anchor",
    ],
)
async def test_what_the_role_that_may_only_add_may_not_do(
    owner_url: str, tmp_path: Path, statement: str
) -> None:
    writer_url, _ = await asyncio.to_thread(documented_role, owner_url, tmp_path)
    writer = await connect(writer_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute(statement)
    finally:
        await writer.close()
        await _execute(owner_url, "DROP OWNED BY audit_writer")


def documented_role(owner_url: str, folder: Path) -> tuple[str, dict[str, str]]:
    """Make the role as it is documented; return its URL, and the settings of the owner."""
    settings = {"AUDIT_DATABASE_URL": owner_url, "AUDIT_KEY_FILE": str(folder / "audit.key")}
    assert len(audit(settings, "list")) == 1
    for statements in ROLE_THAT_MAY_ONLY_ADD:
        asyncio.run(_execute(owner_url, statements))
    return owner_url.replace("postgres@", "audit_writer@"), settings


def test_a_consumer_records_by_a_role_that_may_only_add(
    broker: PrivateBroker, owner_url: str, tmp_path: Path
) -> None:
    writer_url, of_owner = documented_role(owner_url, tmp_path)
    of_writer = {**of_owner, "AUDIT_DATABASE_URL": writer_url}
    rest = {"RABBITMQ_URL": broker.url, "DATABASE_URL": SqliteFile(tmp_path).url}
    try:
        with serving({**rest, **of_writer}, tmp_path) as consumer:
            assert ask(consumer).status_code == 200
        refused = run_command(of_writer, "audit", "list")
        assert refused.returncode == 2
        assert refused.stderr.strip() == (
            "the audit can't be read: permission denied for table audit_record"
        )

        assert outcomes(of_owner) == [("200", "local")]
        assert audit(of_owner, "verify")[0].startswith("ok: ")
    finally:
        asyncio.run(_execute(owner_url, "DROP OWNED BY audit_writer"))


@pytest.mark.parametrize(
    ("key", "told"),
    [(None, "the audit has records, and its key"), ("00" * 32, "is not the key of this audit")],
)
def test_two_keys_for_one_audit_are_refused_at_the_start(
    environment: dict[str, str], tmp_path: Path, key: str | None, told: str
) -> None:
    with serving(environment, tmp_path) as consumer:
        ask(consumer)
    other = tmp_path / "other.key"
    if key is not None:
        other.write_text(key)
    second = ServiceProcess("consumer", {**environment, "AUDIT_KEY_FILE": str(other)}, tmp_path)

    assert second.process.wait(60) == 3
    log = second.log.read_text()
    assert "the start can't go on: " in log
    assert told in log
    assert other.exists() == (key is not None)


def test_nobody_without_a_token_can_keep_others_from_answers(
    environment: dict[str, str], tmp_path: Path
) -> None:
    ward, reading = Token.new("ward", ["periods:read"], None, None)
    # Too long and too random for an index of PostgreSQL's.
    hostile = secrets.token_urlsafe(20_000)
    with serving(
        {**environment, "ACCESS_TOKENS": str(token_file(tmp_path, ward))}, tmp_path
    ) as consumer:
        for _ in range(2):
            asked = httpx.get(f"{consumer.url}/periods", params={"patient_id": hostile})
            assert asked.status_code == 401
            assert ask(consumer, **bearer(reading)).status_code == 200
        assert consumer.readiness() == {}

    assert audit(environment, "verify") == ["ok: 4 records"]


def test_a_command_whose_record_is_deleted_is_missed_by_the_consumer_s_log(
    environment: dict[str, str],
    database: AuditedDatabase,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As the minute is long, the consumer's part is done here.
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    watching = configured_audit(ConsumerSettings())

    async def tell() -> None:
        await watching.open()
        await asyncio.to_thread(audit, environment, "list")
        await watching._tell_of_others()
        await watching.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(tell())
    database.execute("DELETE FROM audit_record WHERE chain = 1")

    # This command's own record takes the place.
    found = audit(environment, "verify", "--log", "-", stdin="\n".join(caplog.messages))
    assert found == ["chain 1: record 1 is another than the one in the log"]


LINKS = chained(['{"time":"1","patient":"2"}', '{"time":"2"}'])


@pytest.fixture
async def sink(owner_url: str) -> AsyncIterator[PostgresSink]:
    sink = PostgresSink(owner_url)
    yield sink
    await sink.close()


async def test_postgresql_tells_a_record_that_it_can_not_keep_from_being_away(
    sink: PostgresSink,
) -> None:
    await sink.open()
    for record in ("{secret", '{"time":"1","patient":"\\u0000secret"}'):
        with pytest.raises(Unrecordable, match=r"can't keep a record: SQLSTATE 22") as refused:
            await sink.append([LINKS[0]._replace(record=record)])
        assert "secret" not in str(refused.value)
    await sink.append(LINKS)

    assert await sink.heads(0) == [LINKS[1].head]
    with pytest.raises(ChainTaken):
        await sink.append(LINKS)


async def test_no_forged_row_keeps_others_from_recording(
    sink: PostgresSink, owner_url: str
) -> None:
    await sink.open()
    for row in ("0, 1", "1, 0", "9223372036854775807, 1"):
        with pytest.raises(asyncpg.CheckViolationError):
            await _execute(owner_url, f"INSERT INTO audit_record VALUES ({row}, '{{}}', '')")
    other = await connect(owner_url)
    await other.execute("BEGIN; INSERT INTO audit_record VALUES (1, 1, '{}', '')")
    await sink.open()
    await other.close()


async def test_a_connection_that_has_ended_meanwhile_is_made_anew(
    sink: PostgresSink, owner_url: str
) -> None:
    await sink.open()
    await sink.append(LINKS[:1])
    await _execute(
        owner_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    # The news of it has to come.
    await asyncio.sleep(0.5)
    await sink.append(LINKS[1:])

    assert await sink.heads(0) == [LINKS[1].head]


async def test_commits_that_are_not_waited_for_are_refused(
    sink: PostgresSink, owner_url: str
) -> None:
    name = owner_url.rpartition("/")[2]
    await _execute(owner_url, f"ALTER DATABASE {name} SET synchronous_commit = off")

    with pytest.raises(AuditUnavailable, match="synchronous_commit is off"):
        await sink.open()


async def test_of_two_purges_at_once_each_counts_what_it_has_removed(
    sink: PostgresSink, owner_url: str
) -> None:
    await sink.open()
    await sink.append(chained([f'{{"time":"{number}"}}' for number in range(9)]))

    async def purge() -> int:
        async with Archive(owner_url) as archive:
            return await archive.purge("5", CODES)

    assert sorted(await asyncio.gather(purge(), purge())) == [0, 5]
    async with Archive(owner_url) as archive:
        assert (await archive.verify(CODES, [])).problems == []
