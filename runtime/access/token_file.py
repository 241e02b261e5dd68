"""The file of tokens, for sites without an identity provider: who has one, and for what.

CSV with a header, a line a token: name, sha256, scopes (with spaces between), patient, expires. The
last two may be empty. A token itself stands nowhere: it has 256 random bits, so its plain SHA-256
is of no use to who reads the file.
"""

import csv
import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from runtime.access.callers import SCOPES, Caller, Unauthorized

logger = logging.getLogger(__name__)

PREFIX = "mp_"
"""What a token begins with: it is told from an issuer's, and found where it should not stand."""

COLUMNS = ("name", "sha256", "scopes", "patient", "expires")
_SHA256 = 64
_OTHERS_WRITE = 0o022


class BadTokenFile(Exception):
    """The file of tokens can't be read, or a line of it; the text says which and why."""


class Token(NamedTuple):
    """A token, as the file knows it."""

    caller: Caller
    sha256: str
    expires: datetime | None

    @classmethod
    def new(
        cls, name: str, scopes: Sequence[str], patient: str | None, expires: datetime | None
    ) -> tuple["Token", str]:
        """Make one; return what stands in the file, and the token itself."""
        text = PREFIX + secrets.token_urlsafe(32)
        caller = Caller(name, tuple(scopes), token_id=name, patient=patient)
        return cls(caller, _digest(text), expires), text

    def row(self) -> tuple[str, str, str, str, str]:
        """Write the columns of its line."""
        expires = "" if self.expires is None else self.expires.isoformat().replace("+00:00", "Z")
        scopes = " ".join(self.caller.scopes)
        return self.caller.subject, self.sha256, scopes, self.caller.patient or "", expires


def read_tokens(file: Path) -> list[Token]:
    """Read the file.

    Raises:
        BadTokenFile: there is none, or a line is wrong.

    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            tokens = list(_tokens(csv.DictReader(lines, strict=True)))
    except (OSError, UnicodeError, csv.Error) as error:
        raise BadTokenFile(f"the file of tokens {file} can't be read: {error}") from None
    except ValueError as error:
        raise BadTokenFile(f"the file of tokens {file}, {error}") from None
    return tokens


class TokenFile:
    """Verifies tokens by the file, which is read again when it has changed."""

    def __init__(self, file: Path) -> None:
        """Read it.

        Raises:
            BadTokenFile: it can't be.

        """
        self._file = file
        self._state = _state(file)
        self._tokens = read_tokens(file)
        if file.stat().st_mode & _OTHERS_WRITE:
            logger.warning("others than its owner may write to the file of tokens %s", file)

    async def verify(self, token: str) -> Caller:
        """Return whose the token is.

        Raises:
            Unauthorized: it is none of the file, or has expired.

        """
        self._read_again()
        digest = _digest(token)
        # All are compared, so that the time it takes tells nothing.
        found = [each for each in self._tokens if hmac.compare_digest(each.sha256, digest)]
        if not found:
            raise Unauthorized("the token is unknown")
        if found[0].expires is not None and found[0].expires <= datetime.now(UTC):
            raise Unauthorized("the token has expired")
        return found[0].caller

    def _read_again(self) -> None:
        state = _state(self._file)
        if state == self._state:
            return
        self._state = state
        try:
            self._tokens = read_tokens(self._file)
        except BadTokenFile as error:
            # Half a file, as an editor leaves it for a moment, must lock nobody out.
            logger.error("%s; the tokens that were read before are taken on", error)  # noqa: TRY400
        else:
            logger.info("the file of tokens has changed: it has %d", len(self._tokens))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _state(file: Path) -> tuple[int, ...]:
    """Return what differs once a file has been written or replaced."""
    try:
        stat = os.stat(file)  # noqa: PTH116 - a Path takes three times as long, for each request
    except OSError:
        return ()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _tokens(rows: "csv.DictReader[str]") -> Iterator[Token]:
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise ValueError(f"line 1: it must be {','.join(COLUMNS)}")
    names: set[str] = set()
    for row in rows:
        try:
            token = _token(row)
            if token.caller.subject in names:
                raise ValueError("name: stands there twice")  # noqa: TRY301 - all of a line
        except ValueError as error:
            raise ValueError(f"line {rows.line_num}: {error}") from None
        names.add(token.caller.subject)
        yield token


def _token(row: dict[str, str]) -> Token:
    if None in row or None in row.values():
        raise ValueError(f"a line has {len(COLUMNS)} values")
    name, sha256, scopes = row["name"], row["sha256"].lower(), row["scopes"].split()
    if not name:
        raise ValueError("name: is missing")
    if len(sha256) != _SHA256 or set(sha256) - set("0123456789abcdef"):
        raise ValueError("sha256: is not one, of 64 hexadecimal digits")
    if not scopes or set(scopes) - set(SCOPES):
        raise ValueError(f"scopes: they are {', '.join(SCOPES)}, with a space between")
    caller = Caller(name, tuple(scopes), token_id=name, patient=row["patient"] or None)
    return Token(caller, sha256, read_expiry(row["expires"]) if row["expires"] else None)


def read_expiry(text: str) -> datetime:
    """Read when a token expires: behind a day of UTC, or at a time with an offset.

    Raises:
        ValueError: it is neither.

    """
    try:
        time = datetime.fromisoformat(text)
        if len(text) == len("2027-01-31"):
            return time.replace(tzinfo=UTC) + timedelta(days=1)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("expires: write it like 2027-01-31 or 2027-01-31T12:00:00Z")
