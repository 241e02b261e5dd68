"""PostgreSQL's words in DATABASE_URL: libpq's own, of which its driver, asyncpg, knows most.

SQLAlchemy takes hosts and logins from a URL, and hands on everything else as the driver's keywords.
Most of libpq's words are none: the driver reads them from a URL of its own, a DSN.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_plus, urlencode

import asyncpg
from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError

from consumer_app.storage.errors import shared_session

_DRIVER = "postgresql+asyncpg"
_SCHEMES = ("postgresql", "postgres", _DRIVER)
# What follows the scheme. SQLAlchemy would take an @ of the query for the end of the login.
_ADDRESS = re.compile(
    r"(?:(?P<user>[^:/?@]*)(?::(?P<password>[^/?@]*))?@)?(?P<hosts>[^/?@]*)"
    r"(?:/(?P<database>[^?@]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?:(?P<name>[^:\[\]&=%]+)|\[(?P<ip>[^\]]+)\])?(?::(?P<port>\d*))?")
_USUAL_PORT = "5432"
# For so long a connection is waited for, unless connect_timeout says otherwise.
_CONNECT_SECONDS = 10
# A word of ours, which libpq does not know.
_BEHIND_PGBOUNCER = "pgbouncer"

_TLS_OR_NOTHING = ("require", "verify-ca", "verify-full")
_MODES = ("disable", "allow", "prefer", *_TLS_OR_NOTHING)
_SESSIONS = ("any", "primary", "standby", "prefer-standby", "read-write", "read-only")
_VERSIONS = ("TLSv1.2", "TLSv1.3")


def _anything(_: str) -> str | None:
    return None


def _one_of(*values: str) -> Callable[[str], str | None]:
    return lambda value: None if value in values else f"must be one of {', '.join(values)}"


def _seconds(value: str) -> str | None:
    return None if value.isdecimal() and int(value) else "must be a number of seconds, from 1 on"


def _file(value: str) -> str | None:
    if value == "system":
        return (
            "names no file: write that of the system's CAs, which on Debian is "
            "/etc/ssl/certs/ca-certificates.crt"
        )
    can_be_read = Path(value).is_file() and os.access(value, os.R_OK)
    return None if can_be_read else f"names a file that can't be read: {value}"


# What is wrong with a value, if anything.
_OF_SQLALCHEMY: Mapping[str, Callable[[str], str | None]] = {
    **dict.fromkeys(("host", "port", "user", "password", "passfile", "krbsrvname"), _anything),
    "target_session_attrs": _one_of(*_SESSIONS),
}
# Of no effect without TLS.
_OF_TLS: Mapping[str, Callable[[str], str | None]] = {
    **dict.fromkeys(("sslrootcert", "sslcert", "sslkey", "sslcrl"), _file),
    "sslpassword": _anything,
    "sslnegotiation": _one_of("postgres", "direct"),
    **dict.fromkeys(("ssl_min_protocol_version", "ssl_max_protocol_version"), _one_of(*_VERSIONS)),
}
_OF_DSN: Mapping[str, Callable[[str], str | None]] = {
    **dict.fromkeys(("application_name", "options"), _anything),
    "sslmode": _one_of(*_MODES),
    **_OF_TLS,
}
_KNOWN = {
    **_OF_SQLALCHEMY,
    **_OF_DSN,
    "connect_timeout": _seconds,
    _BEHIND_PGBOUNCER: _one_of("true", "false"),
}
_INSTEAD = {
    **dict.fromkeys(("dbname", "database"), "write it behind the host: postgresql://HOST/DATABASE"),
    **dict.fromkeys(
        ("channel_binding", "require_auth"),
        "write sslmode=verify-full, which tells the server from any other",
    ),
    "fallback_application_name": "write application_name",
    "hostaddr": "write host",
    "requiressl": "write sslmode=require",
    "timeout": "write connect_timeout",
    **dict.fromkeys(
        ("statement_cache_size", "prepared_statement_cache_size", "prepared_statement_name_func"),
        f"behind PgBouncer write {_BEHIND_PGBOUNCER}=true",
    ),
}
_FORM = (
    "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and in names and passwords %40 for @, "
    "%2F for /, %3A for :, %3F for ?"
)
# Not named: it may be a piece of a password.
_UNKNOWN = f"a word of it is not understood; those that are: {', '.join(sorted(_KNOWN))}"


def postgres_url(url: str) -> URL | None:
    """Read the URL of a PostgreSQL as SQLAlchemy takes it; None where it is of another database.

    Raises:
        ValueError: a word of it, or its value, is not understood; the text repeats no secret.

    """
    scheme, _, rest = url.partition("://")
    if scheme not in _SCHEMES:
        return None
    parts = _ADDRESS.fullmatch(rest)
    if parts is None:
        raise ValueError(_FORM)
    user, password, database = (
        part and unquote(part) for part in parts.group("user", "password", "database")
    )
    words = _words(parts["query"]) if parts["query"] else {}
    _check_together(words)
    host, port, several = _hosts(parts["hosts"])
    if several and not several.keys().isdisjoint(words):
        raise ValueError("several hosts stand before the ?: leave out host and port behind it")
    address = URL.create(_DRIVER, user, password, host, port, database, {**words, **several})
    try:
        address.get_dialect()().create_connect_args(address)
    except (ArgumentError, ValueError):
        raise ValueError(
            "write each of several hosts with its port: host=A:5432&host=B:5432"
        ) from None
    return address


def _hosts(written: str) -> tuple[str | None, int | None, Mapping[str, str]]:
    """Return a host and its port; several are words, as SQLAlchemy takes them from those alone."""
    if "%" in written:
        raise ValueError("write the folder of a socket behind the ?: ?host=/run/postgresql")
    found = [_HOST.fullmatch(each) for each in written.split(",")]
    if None in found:
        raise ValueError(_FORM)
    hosts = [(each["name"] or each["ip"], each["port"]) for each in found if each is not None]
    if len(hosts) == 1:
        ((host, port),) = hosts
        return host, int(port) if port else None, {}
    if not all(host for host, _ in hosts):
        raise ValueError(_FORM)
    names = ",".join(host for host, _ in hosts)
    return None, None, {"host": names, "port": ",".join(port or _USUAL_PORT for _, port in hosts)}


def _words(query: str) -> dict[str, str | list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for each in query.split("&"):
        word, _, value = map(unquote_plus, each.partition("="))
        if word in _INSTEAD:
            raise ValueError(f"{word} is not understood: {_INSTEAD[word]}")
        # SQLAlchemy's word for it.
        word = "sslmode" if word == "ssl" else word
        if word not in _KNOWN:
            # It may be of a password, too, that has a ? in it.
            raise ValueError(_FORM if "@" in query else _UNKNOWN)
        if not value:
            raise ValueError(f"{word} has no value")
        if problem := _KNOWN[word](value):
            raise ValueError(f"{word} {problem}")
        found[word].append(value)
    for word, values in found.items():
        if len(values) > 1 and word != "host":
            raise ValueError(f"{word} is in it more than once")
    return {word: values if len(values) > 1 else values[0] for word, values in found.items()}


def _check_together(words: Mapping[str, object]) -> None:
    """See that no word is silently of no effect beside the others, or for want of one.

    Raises:
        ValueError: one is.

    """
    mode = words.get("sslmode") or os.environ.get("PGSSLMODE")
    of_tls = [word for word in words if word in _OF_TLS]
    if of_tls and mode not in _TLS_OR_NOTHING:
        raise ValueError(f"{of_tls[0]} protects nothing by itself: write sslmode=verify-full")
    if mode in ("verify-ca", "verify-full") and not _has_authority(words):
        raise ValueError(f"sslmode={mode} needs an authority: write sslrootcert=FILE")
    if "sslcert" in words and not ("sslkey" in words or os.environ.get("PGSSLKEY")):
        raise ValueError("sslcert needs its private key: write sslkey=FILE")
    if "options" in words and words.get(_BEHIND_PGBOUNCER) == "true":
        raise ValueError(
            "options do not get through PgBouncer: give the role them by ALTER ROLE … SET"
        )


def _has_authority(words: Mapping[str, object]) -> bool:
    # Where the driver looks for it; unlike Path's, this does without a home.
    usual = os.path.expanduser("~/.postgresql/root.crt")  # noqa: PTH111
    return "sslrootcert" in words or Path(os.environ.get("PGSSLROOTCERT") or usual).is_file()


def is_behind_pgbouncer(address: URL) -> bool:
    """Tell whether a URL says that PgBouncer is between, which shares a server's sessions out."""
    return address.query.get(_BEHIND_PGBOUNCER) == "true"


def take_words(_: object, __: object, ___: object, keywords: dict[str, Any]) -> None:
    """Turn the words of a URL into the driver's keywords; listens to SQLAlchemy's do_connect.

    The driver reads the files that the words name at each connection anew.
    """
    keywords.pop(_BEHIND_PGBOUNCER, None)
    keywords["timeout"] = int(keywords.pop("connect_timeout", _CONNECT_SECONDS))
    words = {word: keywords.pop(word) for word in _OF_DSN if word in keywords}
    if words:
        keywords["dsn"] = f"postgresql://?{urlencode(words)}"


async def connect(**keywords: Any) -> asyncpg.Connection:  # noqa: ANN401 - the driver's
    """Connect as asyncpg does, and say what it does not.

    By TLS 1.3 PostgreSQL refuses a client's certificate once the client is through with the
    handshake. Its reason is lost where the connection is reset before that is read.

    Raises:
        UnusableDatabase: the session is not as it was asked for.
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: there is no connection.

    """
    connection = await _connect(**keywords)
    try:
        await _see_that_it_is_as_asked(connection, keywords.get("server_settings", {}))
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _see_that_it_is_as_asked(
    connection: asyncpg.Connection, asked: Mapping[str, str]
) -> None:
    # PgBouncer may be told to ignore what is asked of a session. Its sessions are shared then, and
    # a statement of ours may be another consumer's of that name: a wrong answer, and no error.
    setting = "plan_cache_mode"
    if setting in asked:
        showing = await connection.prepare(f"SHOW {setting}", name="")
        if await showing.fetchval() != asked[setting]:
            raise shared_session()


async def _connect(**keywords: Any) -> asyncpg.Connection:  # noqa: ANN401 - the driver's
    try:
        return await asyncpg.connect(**keywords)
    except asyncpg.ConnectionDoesNotExistError as error:
        has_certificate = "sslcert=" in keywords.get("dsn", "") or "PGSSLCERT" in os.environ
        or_so = "; it may refuse the certificate in sslcert" if has_certificate else ""
        raise ConnectionAbortedError(
            f"PostgreSQL has ended the connection at its beginning: its log says why{or_so}"
        ) from error
    except FileNotFoundError as error:
        raise FileNotFoundError(
            "PostgreSQL's socket is not there, or a certificate's file, which DATABASE_URL names "
            "or PGSSLROOTCERT, PGSSLCERT, PGSSLKEY, PGSSLCRL"
        ) from error
