"""PostgreSQL's words in DATABASE_URL: libpq's own, of which its driver, asyncpg, knows most.

SQLAlchemy takes hosts and logins from a URL, and hands on everything else as the driver's keywords.
Most of libpq's words are none: the driver reads them from a URL of its own, a DSN.
"""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import asyncpg
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from consumer_app.storage.errors import SEE_CERTIFICATE

_DRIVER = "postgresql+asyncpg"
_SCHEMES = ("postgresql", "postgres", _DRIVER)
# A list of hosts, which SQLAlchemy takes from the query alone.
_SEVERAL_HOSTS = re.compile(
    r"(?P<scheme>[^:/?]+://)(?P<login>[^@]*@)?(?P<hosts>[^@/?]*,[^@/?]*)(?=[/?]|$)"
)
_HOST = re.compile(r"(?P<name>[^:\[\]]+|\[[^\]]+\])(?::(?P<port>\d+))?")
_USUAL_PORT = "5432"
# For so long a connection is waited for, unless connect_timeout says otherwise.
_CONNECT_SECONDS = 10
# A word of ours, which libpq does not know.
_BEHIND_PGBOUNCER = "pgbouncer"

_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
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
    return None if os.access(value, os.R_OK) else f"names a file that can't be read: {value}"


# What is wrong with a value, if anything.
_OF_SQLALCHEMY: Mapping[str, Callable[[str], str | None]] = {
    **dict.fromkeys(("host", "port", "user", "password", "passfile", "krbsrvname"), _anything),
    "target_session_attrs": _one_of(*_SESSIONS),
}
_OF_DSN: Mapping[str, Callable[[str], str | None]] = {
    **dict.fromkeys(("application_name", "options", "sslpassword"), _anything),
    "sslmode": _one_of(*_MODES),
    "sslnegotiation": _one_of("postgres", "direct"),
    **dict.fromkeys(("sslrootcert", "sslcert", "sslkey", "sslcrl"), _file),
    **dict.fromkeys(("ssl_min_protocol_version", "ssl_max_protocol_version"), _one_of(*_VERSIONS)),
}
_KNOWN = {
    **_OF_SQLALCHEMY,
    **_OF_DSN,
    "connect_timeout": _seconds,
    _BEHIND_PGBOUNCER: _one_of("true", "false"),
}
_INSTEAD = {
    **dict.fromkeys(("dbname", "database"), "write it behind the host: postgresql://HOST/DATABASE"),
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
    "%2F for /, %3A for :"
)
_OTHERWISE = f"leave it out; what is understood: {', '.join(sorted(_KNOWN))}"


def postgres_url(url: str) -> URL | None:
    """Read the URL of a PostgreSQL as SQLAlchemy takes it; None where it is of another database.

    Raises:
        ValueError: a word of it, or its value, is not understood; the text repeats no secret.

    """
    scheme, _, _ = url.partition("://")
    if scheme not in _SCHEMES:
        return None
    several = _SEVERAL_HOSTS.match(url)
    if several is not None:
        url = f"{several['scheme']}{several['login'] or ''}{url[several.end() :]}"
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(_FORM) from None
    if several is not None:
        address = address.update_query_dict(_hosts(several["hosts"]))
    # SQLAlchemy's word for it.
    if "ssl" in address.query:
        address = address.update_query_pairs([("sslmode", _only(address, "ssl"))], append=True)
        address = address.difference_update_query(["ssl"])
    for word in address.query:
        _check(word, address)
    address = address.set(drivername=_DRIVER)
    try:
        address.get_dialect()().create_connect_args(address)
    except (ArgumentError, ValueError):
        raise ValueError(
            "write each of several hosts with its port: host=A:5432&host=B:5432"
        ) from None
    return address


def _hosts(several: str) -> dict[str, str]:
    found = [_HOST.fullmatch(each) for each in several.split(",")]
    if not all(found):
        raise ValueError(_FORM)
    each_of = [(match["name"], match["port"]) for match in found if match is not None]
    return {
        "host": ",".join(name.strip("[]") for name, _ in each_of),
        "port": ",".join(port or _USUAL_PORT for _, port in each_of),
    }


def _only(address: URL, word: str) -> str:
    value = address.query[word]
    if not isinstance(value, str):
        raise ValueError(f"{word} is in it more than once")  # noqa: TRY004 - of a value, not a type
    return value


def _check(word: str, address: URL) -> None:
    if word not in _KNOWN:
        raise ValueError(f"{word} is not understood: {_INSTEAD.get(word, _OTHERWISE)}")
    if word == "host":
        return
    if problem := _KNOWN[word](_only(address, word)):
        raise ValueError(f"{word} {problem}")


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
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: there is no connection.

    """
    try:
        return await asyncpg.connect(**keywords)
    except asyncpg.ConnectionDoesNotExistError as error:
        raise ConnectionAbortedError(
            "PostgreSQL has ended the connection at its beginning: its log says why; "
            f"{SEE_CERTIFICATE}, which it may refuse"
        ) from error
    except FileNotFoundError as error:
        raise FileNotFoundError(
            "PostgreSQL's socket is not there, or a certificate's file, which DATABASE_URL names "
            "or PGSSLROOTCERT, PGSSLCERT, PGSSLKEY, PGSSLCRL"
        ) from error
