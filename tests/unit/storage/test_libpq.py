"""What DATABASE_URL may say of a PostgreSQL: libpq's words and SQLAlchemy's, and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import asyncpg
import pytest
from sqlalchemy import event

from consumer_app.storage.database import check_database_url, open_database
from consumer_app.storage.errors import DatabaseUnavailable, database_errors
from consumer_app.storage.libpq import connect, postgres_url, take_words

SECRET = "hunter2"


def keywords_of(url: str) -> Mapping[str, Any]:
    """Return what the driver is called with."""
    address = postgres_url(url)
    assert address is not None
    keywords = {**address.get_dialect()().create_connect_args(address)[1]}
    take_words(None, None, None, keywords)
    return keywords


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_each_way_to_begin_it_names_the_one_driver(scheme: str) -> None:
    url = check_database_url(f"{scheme}://u:{SECRET}@h:5433/d")
    assert url == f"postgresql+asyncpg://u:{SECRET}@h:5433/d"
    assert check_database_url(url) == url


@pytest.fixture(autouse=True)
def nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep out what the machine's own user has told libpq."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGSSLMODE", "PGSSLROOTCERT", "PGSSLKEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "file.pem"
    made.touch()
    return made


@pytest.mark.parametrize("password", ["a,b", "%2C,%40", "a:b,c"])
def test_a_comma_in_a_password_makes_no_list_of_hosts(password: str) -> None:
    for rest in ("h/d", "h:1/d?application_name=a,b", "h"):
        keywords = keywords_of(f"postgresql://u:{password}@{rest}")
        assert (keywords["host"], keywords["password"]) == ("h", unquote(password))


def test_hosts_are_looked_for_before_the_query_alone(file: Path) -> None:
    tls = f"sslmode=verify-full&sslrootcert={file}"
    for beginning in ("db.hospital/d", "db.hospital"):
        keywords = keywords_of(
            f"postgresql://{beginning}?application_name=ward@3,west&{tls}&user=u&password=p@s,evil"
        )
        assert keywords["host"] == "db.hospital"
        assert (keywords["user"], keywords["password"]) == ("u", "p@s,evil")
        assert "sslmode=verify-full" in keywords["dsn"]
        assert "application_name=ward%403%2Cwest" in keywords["dsn"]


def test_of_a_plain_address_nothing_but_the_time_limit_is_added() -> None:
    assert keywords_of("postgresql://u:p%40s@h:5433/d") == {
        "user": "u",
        "password": "p@s",
        "host": "h",
        "port": 5433,
        "database": "d",
        "timeout": 10,
    }


@pytest.mark.parametrize(
    ("written", "hosts", "ports"),
    [
        ("a:1,b:2/d", ["a", "b"], [1, 2]),
        ("a,b:2/d", ["a", "b"], [5432, 2]),
        ("[::1]:1,[::2]/d", ["::1", "::2"], [1, 5432]),
        ("/d?host=a:1&host=b:2", ["a", "b"], [1, 2]),
        ("/d?host=a,b&port=1,2", ["a", "b"], [1, 2]),
    ],
)
def test_several_hosts_are_taken_in_each_spelling(
    written: str, hosts: list[str], ports: list[int]
) -> None:
    for login in ("", f"u:{SECRET}@"):
        url = f"postgresql://{login}{written}"
        for each in (url, check_database_url(url)):
            keywords = keywords_of(each)
            assert (keywords["host"], keywords["port"]) == (hosts, ports)


def test_what_the_driver_knows_from_a_url_alone_reaches_it_in_one(tmp_path: Path) -> None:
    authority = tmp_path / "authority & more.crt"
    authority.touch()
    keywords = keywords_of(
        f"postgresql://h/d?sslmode=verify-full&sslrootcert={str(authority).replace('&', '%26')}"
        "&application_name=ward 3&options=-c%20geqo%3Doff"
    )
    name = str(authority).replace("/", "%2F").replace("&", "%26").replace(" ", "+")
    assert keywords["dsn"] == (
        "postgresql://?application_name=ward+3&options=-c+geqo%3Doff"
        f"&sslmode=verify-full&sslrootcert={name}"
    )
    assert "sslmode" not in keywords


@pytest.mark.parametrize(
    ("query", "keyword", "value"),
    [
        ("connect_timeout=3", "timeout", 3),
        ("target_session_attrs=read-write", "target_session_attrs", "read-write"),
        ("ssl=verify-full", "dsn", "postgresql://?sslmode=verify-full"),
        (
            "sslmode=require&ssl_min_protocol_version=TLSv1.3",
            "dsn",
            "postgresql://?sslmode=require&ssl_min_protocol_version=TLSv1.3",
        ),
    ],
)
def test_what_has_an_equal_is_understood(
    query: str, keyword: str, value: object, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", str(file))
    assert keywords_of(f"postgresql://h/d?{query}")[keyword] == value


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("keepalives=1", "a word of it is not understood; those that are: application_name, "),
        (f"password=a&{SECRET}=b", "a word of it is not understood"),
        (f"password=a&{SECRET}", "a word of it is not understood"),
        (f"password=@&{SECRET}", "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("channel_binding=require", "channel_binding is not understood: write sslmode=verify-full"),
        ("dbname=d", "dbname is not understood: write it behind the host"),
        ("statement_cache_size=0", "statement_cache_size is not understood: behind PgBouncer"),
        (
            "sslmode=verify_full",
            "sslmode must be one of disable, allow, prefer, require",
        ),
        ("sslmode=", "sslmode has no value"),
        ("sslmode", "sslmode has no value"),
        ("pgbouncer=", "pgbouncer has no value"),
        ("connect_timeout=&sslmode=require", "connect_timeout has no value"),
        ("host=", "host has no value"),
        ("sslmode=require&sslmode=disable", "sslmode is in it more than once"),
        ("ssl=true", "sslmode must be one of"),
        ("sslmode=require&ssl=require", "sslmode is in it more than once"),
        ("sslrootcert=system", "sslrootcert names no file: write that of the system's CAs"),
        ("sslcert=/none/client.crt", "sslcert names a file that can't be read: /none/client.crt"),
        ("sslcert=/", "sslcert names a file that can't be read: /"),
        ("sslmode=verify-full", "sslmode=verify-full needs an authority: write sslrootcert=FILE"),
        ("sslmode=verify-ca", "sslmode=verify-ca needs an authority: write sslrootcert=FILE"),
        ("options=-c%20a%3Db&pgbouncer=true", "options do not get through PgBouncer: give"),
        ("connect_timeout=0", "connect_timeout must be a number of seconds, from 1 on"),
        ("connect_timeout=5s", "connect_timeout must be a number of seconds"),
        ("target_session_attrs=master", "target_session_attrs must be one of any, primary"),
        ("pgbouncer=yes", "pgbouncer must be one of true, false"),
        ("host=a,b", "write each of several hosts with its port"),
        ("host=a:x&host=b:1", "write each of several hosts with its port"),
    ],
)
def test_what_has_none_is_refused_in_one_line_that_says_what_to_write(
    query: str, told: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - its text is looked at
        check_database_url(f"postgresql://u:{SECRET}@/d?{query}")
    (line,) = str(refused.value).splitlines()
    assert line.startswith(told)
    assert SECRET not in line


@pytest.mark.parametrize("mode", [None, "disable", "allow", "prefer"])
@pytest.mark.parametrize(
    "word",
    ["sslrootcert", "sslcert", "sslkey", "sslcrl", "sslnegotiation", "ssl_min_protocol_version"],
)
def test_what_protects_by_a_mode_alone_is_refused_without_it(
    word: str, mode: str | None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"sslnegotiation": "direct", "ssl_min_protocol_version": "TLSv1.3"}
    url = f"postgresql://h/d?{word}={others.get(word, file)}"
    told = f"^{word} protects nothing by itself: write sslmode=verify-full$"
    with pytest.raises(ValueError, match=told):
        check_database_url(f"{url}&sslmode={mode}" if mode else url)
    if mode:
        monkeypatch.setenv("PGSSLMODE", mode)
    with pytest.raises(ValueError, match=told):
        check_database_url(url)


def test_what_the_environment_adds_to_it_counts(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://h/d?sslcert={file}"
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    with pytest.raises(ValueError, match=r"^sslmode=verify-full needs an authority"):
        check_database_url(url)
    monkeypatch.setenv("PGSSLROOTCERT", str(file))
    with pytest.raises(ValueError, match=r"^sslcert needs its private key: write sslkey=FILE$"):
        check_database_url(url)
    monkeypatch.setenv("PGSSLKEY", str(file))
    assert check_database_url(url)


def test_the_authority_may_be_where_libpq_has_it(tmp_path: Path) -> None:
    authority = tmp_path / ".postgresql" / "root.crt"
    authority.parent.mkdir()
    authority.touch()
    assert check_database_url("postgresql://h/d?sslmode=verify-full")


@pytest.mark.parametrize("query", ["host=c:1", "port=1", "host=c:1&host=d:1"])
def test_a_list_of_hosts_is_written_once(query: str) -> None:
    with pytest.raises(ValueError, match=r"leave out host and port behind it$"):
        check_database_url(f"postgresql://a,b/d?{query}")


def test_a_socket_is_named_behind_the_question_mark() -> None:
    with pytest.raises(ValueError, match=r"\?host=/run/postgresql$"):
        check_database_url("postgresql://%2Frun%2Fpostgresql/d")
    assert keywords_of("postgresql:///d?host=/run/postgresql")["host"] == "/run/postgresql"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h:port/d",
        f"postgresql://u:4/{SECRET}:@h:port/d",
        f"postgresql://u:4/{SECRET}@h/d",
        f"postgresql://u:4?{SECRET}@h/d",
        f"postgresql://u:4?{SECRET}=a@h/d",
        f"postgresql://u:{SECRET}@s@h/d",
        f"postgresql://h&{SECRET}=a,b/d",
        f"postgresql://u:{SECRET}@a,,b/d",
        f"postgresql://u:{SECRET}@h:1,h:x/d",
        f"postgresql:u:{SECRET}",
        f"postgresql+psycopg://u:{SECRET}@h/d",
        f"mysql://u:{SECRET}@h/d",
        f"{SECRET}",
        "sqlite:///events.db",
    ],
)
def test_what_is_no_address_at_all_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^write ") as refused:
        open_database(url)
    assert SECRET not in str(refused.value)


def test_behind_pgbouncer_nothing_is_left_in_a_session_or_asked_of_it() -> None:
    for url, is_said in (("postgresql://h/d", True), ("postgresql://h/d?pgbouncer=true", False)):
        given: dict[str, Any] = {}

        def connect(
            _: object,
            __: object,
            ___: object,
            keywords: Mapping[str, Any],
            into: dict[str, Any] = given,
        ) -> None:
            into.update(keywords)
            raise ConnectionError

        engine = open_database(url).sync_engine
        event.listen(engine, "do_connect", connect)
        with pytest.raises(ConnectionError):
            engine.raw_connection()
        assert ("lock_timeout" in given.get("server_settings", {})) is is_said
        assert (given.get("statement_cache_size") == 0) is not is_said
        assert "pgbouncer" not in given


@pytest.mark.parametrize(
    ("words", "variable", "is_named"),
    [
        ("", None, False),
        ("sslmode=require", None, False),
        ("sslmode=require&sslcert=c", None, True),
        ("", "PGSSLCERT", True),
    ],
)
async def test_a_certificate_is_spoken_of_where_there_is_one(
    words: str, variable: str | None, is_named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_off(**_: object) -> None:
        raise asyncpg.ConnectionDoesNotExistError

    monkeypatch.setattr(asyncpg, "connect", cut_off)
    monkeypatch.delenv("PGSSLCERT", raising=False)
    if variable:
        monkeypatch.setenv(variable, "client.crt")
    with pytest.raises(OSError, match="ended the connection at its beginning") as told:
        await connect(dsn=f"postgresql://?{words}")
    assert ("sslcert" in str(told.value)) is is_named


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InvalidSQLStatementNameError('prepared statement "s" does not exist'),
        asyncpg.DuplicatePreparedStatementError('prepared statement "s" already exists'),
    ],
)
def test_a_session_that_another_client_has_had_is_told_as_what_it_is(error: Exception) -> None:
    with pytest.raises(DatabaseUnavailable) as told, database_errors("read"):
        raise error
    assert str(told.value) == (
        f"the database can't be read: {error}: "
        "where PgBouncer is between, add pgbouncer=true to DATABASE_URL"
    )
