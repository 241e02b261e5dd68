"""Erasure: a patient leaves the store and the dead letters, and nobody else does.

A dead letter may hold events of several patients: it is written anew without those of the one, and
the others stay in it as they came.
"""

import json
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any, NamedTuple

from aio_pika.abc import AbstractIncomingMessage

from consumer_app.dead_letters import Death, kept_headers
from consumer_app.storage.errors import may_be_full
from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.dead_letter_queue import DeadLetterQueue
from contracts import MAX_EVENTS, checked_patient, is_of_record
from contracts.elements import Elements, NotJson
from contracts.topology import DEAD_LETTER_EXCHANGE

_LOCK_TIMEOUT_SECONDS = 60.0
_NUMBERS_ARE_FORMER = "; the numbers of elements are those before a patient was erased"
_MOST = 2 * MAX_EVENTS
# One more shows that there are more.
_elements = Elements(_MOST + 1)
# Read whole, a longer one could take a hundred times as much memory; no event is nearly as long.
_MOST_ELEMENT_BYTES = 2**20


class Whose(Enum):
    """Whose an element of a message is."""

    THEIRS = auto()
    ANOTHERS = auto()
    NOBODY_KNOWS = auto()


class Sifted(NamedTuple):
    """A dead letter's body without a patient."""

    erased: int
    """Elements that are the patient's."""
    rest: bytes | None
    """What is left as it came; None where nothing is."""
    is_unclear: bool
    """Whether some of what is left may be the patient's, too: nobody can tell."""


@dataclass
class ErasedLetters:
    """What is erased of the dead letters, or would be."""

    events: int = 0
    letters: int = 0
    """Those that held the events."""
    unclear: list[int] = field(default_factory=list)
    """Numbers of letters that stay, and of which can't be told whether they hold the patient."""


def sift(body: bytes, patient_id: str) -> Sifted:
    """Take a patient's events out of the body of a message, which may hold anything."""
    try:
        elements = _elements.of(body)
    except NotJson:
        return Sifted(0, body, is_unclear=True)
    if elements is None:
        whose = _whose(body, patient_id)
        if whose is Whose.THEIRS:
            return Sifted(1, None, is_unclear=False)
        return Sifted(0, body, is_unclear=whose is Whose.NOBODY_KNOWS)
    if len(elements) > _MOST:
        return Sifted(0, body, is_unclear=True)
    return _sift(body, elements, patient_id)


def _sift(body: bytes, elements: Sequence[bytes], patient_id: str) -> Sifted:
    found = [_whose(element, patient_id) for element in elements]
    is_unclear = Whose.NOBODY_KNOWS in found
    erased = found.count(Whose.THEIRS)
    if not erased:
        return Sifted(0, body, is_unclear)
    pairs = zip(elements, found, strict=True)
    kept = [element for element, whose in pairs if whose is not Whose.THEIRS]
    return Sifted(erased, b"[" + b",".join(kept) + b"]" if kept else None, is_unclear)


def _whose(element: bytes, patient_id: str) -> Whose:
    if len(element) > _MOST_ELEMENT_BYTES:
        return Whose.NOBODY_KNOWS
    try:
        content = json.loads(element, object_pairs_hook=_once)
        return _whose_version(content, patient_id) or _whose_event(content, patient_id)
    except (ValueError, RecursionError):
        return Whose.NOBODY_KNOWS


def _whose_version(content: Any, patient_id: str) -> Whose | None:  # noqa: ANN401 - as below
    """Tell whose events a version of a record holds, where it is one; of several nobody knows."""
    events = content.get("events") if isinstance(content, dict) else None
    if not isinstance(events, list) or not is_of_record(content) or "patient_id" in content:
        return None
    others = {name: value for name, value in content.items() if name != "events"}
    found = {_whose_event(each, patient_id) for each in events}
    if any(_is(patient_id, text) for text in _texts(others)):
        found.add(Whose.NOBODY_KNOWS)
    return found.pop() if len(found) == 1 else Whose.NOBODY_KNOWS if found else Whose.ANOTHERS


def _whose_event(content: Any, patient_id: str) -> Whose:  # noqa: ANN401 - it may be anything
    try:
        if checked_patient(content.pop("patient_id")) == patient_id:
            return Whose.THEIRS
        is_elsewhere = any(_is(patient_id, text) for text in _texts(content))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return Whose.NOBODY_KNOWS
    return Whose.NOBODY_KNOWS if is_elsewhere else Whose.ANOTHERS


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a field is there twice")
    return content


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        yield from _texts([*content.keys(), *content.values()])
    elif isinstance(content, list):
        for each in content:
            yield from _texts(each)


def _is(patient_id: str, text: str) -> bool:
    try:
        return checked_patient(text) == patient_id
    except ValueError:
        return False


async def erase_letters(queue: DeadLetterQueue, patient_id: str, *, dry_run: bool) -> ErasedLetters:
    """Take a patient's events out of all dead letters.

    What is left of a letter is confirmed before the letter goes, so nothing is lost by a crash.

    Raises:
        BrokerUnavailable: RabbitMQ breaks off; what is erased stays so.

    """
    outcome = ErasedLetters()
    async for number, letter in queue.letters():
        erased, rest, is_unclear = sift(letter.body, patient_id)
        if is_unclear:
            outcome.unclear.append(number)
        if not erased:
            continue
        outcome.events += erased
        outcome.letters += 1
        if not dry_run:
            if rest is not None:
                await queue.publish(
                    letter,
                    rest,
                    _headers_of_rest(letter),
                    DEAD_LETTER_EXCHANGE,
                    letter.routing_key or "",
                )
            await letter.ack()
    return outcome


def _headers_of_rest(letter: AbstractIncomingMessage) -> dict[str, Any]:
    death = Death.of(letter.headers)
    reason = death.reason.removesuffix(_NUMBERS_ARE_FORMER) + _NUMBERS_ARE_FORMER
    return death._replace(reason=reason).headers() | kept_headers(letter.headers)


def check_room(database: Path) -> None:
    """See that there is room to write a SQLite file anew.

    SQLite writes it to a temporary file, and from there to the log.

    Raises:
        CommandFailed: there is none.

    """
    size = sum(
        part.stat().st_size for end in ("", "-wal") if (part := Path(f"{database}{end}")).exists()
    )
    needed: Counter[int] = Counter()
    for folder in (database.resolve().parent, _temporary_folder()):
        disk = folder.stat().st_dev
        needed[disk] += size
        if shutil.disk_usage(folder).free < needed[disk]:
            raise CommandFailed(
                f"{folder} needs {needed[disk] / 1e6:.0f} MB free for the database to be written "
                "anew, and nothing is erased: make room, or name a folder for SQLite's temporary "
                "files in SQLITE_TMPDIR"
            )


def _temporary_folder() -> Path:
    """Name the folder that SQLite chooses for its temporary files."""
    named = (os.environ.get(name, "") for name in ("SQLITE_TMPDIR", "TMPDIR"))
    folders = (Path(each) for each in (*named, "/var/tmp", "/usr/tmp", "/tmp") if each)  # noqa: S108
    usable = (each for each in folders if each.is_dir() and os.access(each, os.W_OK | os.X_OK))
    return next(usable, Path())


def rewrite(database: Path) -> None:
    """Write a SQLite file anew, so that nothing of what was deleted is left in it or its log.

    Consumers may have it open; they store nothing meanwhile. ``check_room`` says what it takes.

    Raises:
        CommandFailed: it can't be done now.

    """
    try:
        with closing(sqlite3.connect(database, _LOCK_TIMEOUT_SECONDS)) as connection:
            connection.execute("VACUUM")
            is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        temporary = "; its temporary files go to SQLITE_TMPDIR" if may_be_full(error) else ""
        raise CommandFailed(f"{_left(database)} ({error}{temporary})") from error
    if is_busy:
        raise CommandFailed(f"{_left(database)} (its log is being read)")


def _left(database: Path) -> str:
    return (
        f"the patient is deleted, but may be left in unused parts of {database}, which can't be "
        "written anew now: run this again"
    )
