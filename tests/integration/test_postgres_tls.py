"""PostgreSQL is believed by its certificate alone, and believes who stores by theirs."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from consumer_app.storage.store import EventStore
from tests.certificates import Certificate, ca, issue
from tests.databases import PostgresDatabase, connect
from tests.processes import run_module
from tests.runs import event
from tests.tls_postgres import CERTIFIED, TlsPostgres

EVENT = event("p", 0)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="medication-periods-tls-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def authority(folder: Path) -> Certificate:
    return ca(folder / "ours")


@pytest.fixture(scope="module")
def other(folder: Path) -> Certificate:
    return ca(folder / "other", "Another authority")


@pytest.fixture(scope="module")
def good(authority: Certificate) -> Certificate:
    return issue(authority, "server")


@pytest.fixture(scope="module")
def server(authority: Certificate, good: Certificate) -> Iterator[TlsPostgres]:
    with TemporaryDirectory(prefix="medication-periods-postgres-") as made:
        started = TlsPostgres(Path(made), good, authority)
        started.start()
        asyncio.run(execute(started, f"CREATE ROLE {CERTIFIED} LOGIN SUPERUSER"))
        yield started
        started.stop()


@pytest.fixture
def database(server: TlsPostgres, good: Certificate) -> Iterator[str]:
    yield PostgresDatabase(server).url
    server.renew(good)


async def execute(server: TlsPostgres, statement: str) -> None:
    connection = await connect(server.url)
    await connection.execute(statement)
    await connection.close()


async def cut_off(server: TlsPostgres) -> None:
    """End all connections, so that the next statement is the first of a new one."""
    await execute(
        server,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )


def verified(url: str, authority: Path, client: Certificate | None = None) -> str:
    words = f"sslmode=verify-full&sslrootcert={authority}"
    if client is None:
        return f"{url}?{words}"
    url = url.replace("postgres@", f"{CERTIFIED}@")
    return f"{url}?{words}&sslcert={client.file}&sslkey={client.key}"


def refused(why: str) -> str:
    return f"PostgreSQL's certificate is refused: {why}"


async def problem_of(url: str) -> str:
    async with EventStore.at(url) as store:
        return await store.problem() or ""


async def told_by(url: str, asking: str) -> object:
    async with EventStore.at(url) as store, store._engine.connect() as connection:
        return (await connection.exec_driver_sql(asking)).scalar_one()


async def stored_over_tls(url: str) -> bool:
    async with EventStore.at(url) as store:
        await store.add([EVENT])
        assert await store.events_of(EVENT.patient_id) == [EVENT]
    return await told_by(url, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is True


async def test_a_server_with_a_certificate_of_the_authority_is_stored_in(
    database: str, authority: Certificate
) -> None:
    assert await stored_over_tls(verified(database, authority.file))


@pytest.mark.fault("PostgreSQL with a wrong certificate")
async def test_one_of_another_authority_is_refused(database: str, other: Certificate) -> None:
    assert refused("self-signed certificate in certificate chain") in await problem_of(
        verified(database, other.file)
    )


@pytest.mark.fault("PostgreSQL with a wrong certificate")
async def test_one_that_has_expired_is_refused(
    database: str, server: TlsPostgres, authority: Certificate
) -> None:
    server.renew(issue(authority, "late", expired=True))
    assert await problem_of(verified(database, authority.file)) == (
        f"the database can't be read: {refused('certificate has expired')}; it must name the host "
        "of DATABASE_URL, and be of an authority in its sslrootcert"
    )


@pytest.mark.fault("PostgreSQL with a wrong certificate")
async def test_one_of_another_host_is_refused(
    database: str, server: TlsPostgres, authority: Certificate
) -> None:
    server.renew(issue(authority, "elsewhere", hosts=["elsewhere.example"]))
    assert "PostgreSQL's certificate is refused: IP address mismatch" in await problem_of(
        verified(database, authority.file)
    )


def test_a_command_ends_with_one_line(database: str, other: Certificate) -> None:
    environment = {"DATABASE_URL": verified(database, other.file)}
    done = run_module("consumer_app", ["database", "runs"], environment)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert refused("self-signed certificate in certificate chain") in line


async def test_who_has_a_certificate_needs_no_password(
    database: str, authority: Certificate
) -> None:
    assert await stored_over_tls(verified(database, authority.file, issue(authority, CERTIFIED)))


@pytest.mark.fault("PostgreSQL asked with a wrong certificate")
async def test_who_has_none_or_a_wrong_one_is_refused(
    database: str, authority: Certificate, other: Certificate
) -> None:
    none = verified(database, authority.file).replace("postgres@", f"{CERTIFIED}@")
    assert "requires a valid client certificate" in await problem_of(none)
    of_another = verified(database, authority.file, issue(authority, "somebody"))
    assert "certificate authentication failed for user" in await problem_of(of_another)
    for wrong in (issue(other, CERTIFIED), issue(authority, "late", expired=True)):
        problem = await problem_of(verified(database, authority.file, wrong))
        assert "sslcert" in problem


async def test_new_certificates_are_taken_at_the_next_connection(
    database: str,
    server: TlsPostgres,
    authority: Certificate,
    other: Certificate,
    tmp_path: Path,
) -> None:
    trusted = Path(shutil.copy(authority.file, tmp_path))
    mine = issue(authority, CERTIFIED)
    url = verified(database, trusted, mine)
    async with EventStore.at(url) as store:
        await store.add([EVENT])

        server.renew(issue(other, "server"))
        await cut_off(server)
        assert refused("") in (await store.problem() or "")
        shutil.copy(other.file, trusted)
        assert await store.problem() is None

        issue(authority, CERTIFIED, expired=True)
        await cut_off(server)
        assert "sslcert" in (await store.problem() or "")
        issue(authority, CERTIFIED)
        assert await store.problem() is None
        assert await store.events_of(EVENT.patient_id) == [EVENT]


async def test_a_file_that_is_gone_is_told_of(
    database: str, authority: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "a certificate's file, which DATABASE_URL names or PGSSLROOTCERT"
    trusted = Path(shutil.copy(authority.file, tmp_path))
    monkeypatch.setenv("PGSSLROOTCERT", str(trusted))
    for url in (verified(database, trusted), f"{database}?sslmode=verify-full"):
        shutil.copy(authority.file, trusted)
        async with EventStore.at(url) as store:
            await asyncio.to_thread(trusted.unlink)
            assert told in (await store.problem() or "")


async def test_postgresql_is_told_the_other_words_of_the_url(database: str) -> None:
    url = f"{database}?sslmode=disable&application_name=ward 3&options=-c%20geqo%3Doff"
    assert await told_by(url, "SHOW application_name") == "ward 3"
    assert await told_by(url, "SHOW geqo") == "off"
    assert await told_by(url, "SHOW lock_timeout") == "5s", "ours are not lost by it"
