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
from consumer_app.storage.libpq import postgres_url, take_words

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


@pytest.mark.parametrize("password", ["a,b", "a/b,c", "%2C,%40", "a:b,c"])
def test_a_comma_in_a_password_makes_no_list_of_hosts(password: str) -> None:
    for rest in ("h/d", "h:1/d?application_name=a,b", "h"):
        keywords = keywords_of(f"postgresql://u:{password}@{rest}")
        assert (keywords["host"], keywords["password"]) == ("h", unquote(password))


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
        keywords = keywords_of(f"postgresql://{login}{written}")
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
            "ssl_min_protocol_version=TLSv1.3",
            "dsn",
            "postgresql://?ssl_min_protocol_version=TLSv1.3",
        ),
    ],
)
def test_what_has_an_equal_is_understood(query: str, keyword: str, value: object) -> None:
    assert keywords_of(f"postgresql://h/d?{query}")[keyword] == value


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("keepalives=1", "keepalives is not understood: leave it out; what is understood: appl"),
        ("channel_binding=require", "channel_binding is not understood: leave it out"),
        ("dbname=d", "dbname is not understood: write it behind the host"),
        ("statement_cache_size=0", "statement_cache_size is not understood: behind PgBouncer"),
        (
            "sslmode=verify_full",
            "sslmode must be one of disable, allow, prefer, require",
        ),
        ("sslmode=require&sslmode=disable", "sslmode is in it more than once"),
        ("ssl=true", "sslmode must be one of"),
        ("sslmode=require&ssl=require", "sslmode is in it more than once"),
        ("sslrootcert=system", "sslrootcert names no file: write that of the system's CAs"),
        ("sslcert=/none/client.crt", "sslcert names a file that can't be read: /none/client.crt"),
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


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h:port/d",
        f"postgresql://u:4/{SECRET}:@h:port/d",
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
