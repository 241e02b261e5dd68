"""Erasure: a patient leaves the store and the dead letters, and nobody else does.

A dead letter may hold events of several patients: it is written anew without those of the one, and
the others stay in it as they came.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

from aio_pika import Message
from aio_pika.abc import AbstractIncomingMessage, DeliveryMode
from pydantic import TypeAdapter, ValidationError

from consumer_app.dead_letters import Death, kept_headers
from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.dead_letter_queue import DeadLetterQueue
from contracts import MAX_EVENTS, PatientId
from contracts.elements import Elements, NotJson, fields_of
from contracts.topology import DEAD_LETTER_EXCHANGE

_CONFIRM_TIMEOUT_SECONDS = 30.0
_LOCK_TIMEOUT_SECONDS = 60.0
_NUMBERS_ARE_FORMER = "; the numbers of elements are those before a patient was erased"
_MOST = 2 * MAX_EVENTS
# One more shows that there are more.
_elements = Elements(_MOST + 1)
_PATIENT = TypeAdapter(PatientId)


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
    try:
        fields = fields_of(element) or {}
        found = _PATIENT.validate_python(fields.get("patient_id"))
    except (NotJson, ValidationError):
        return Whose.NOBODY_KNOWS
    return Whose.THEIRS if found == patient_id else Whose.ANOTHERS


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
                await _put_back(queue, letter, rest)
            await letter.ack()
    return outcome


async def _put_back(queue: DeadLetterQueue, letter: AbstractIncomingMessage, rest: bytes) -> None:
    death = Death.of(letter.headers)
    reason = death.reason.removesuffix(_NUMBERS_ARE_FORMER) + _NUMBERS_ARE_FORMER
    exchange = await queue.channel.get_exchange(DEAD_LETTER_EXCHANGE.name, ensure=False)
    await exchange.publish(
        Message(
            rest,
            headers=death._replace(reason=reason).headers() | kept_headers(letter.headers),
            content_type=letter.content_type,
            delivery_mode=DeliveryMode.PERSISTENT,
        ),
        letter.routing_key or "",
        timeout=_CONFIRM_TIMEOUT_SECONDS,
    )


def rewrite(database: Path) -> None:
    """Write a SQLite file anew, so that nothing of what was deleted is left in it or its log.

    Consumers may have it open; they store nothing meanwhile. It takes as much room again.

    Raises:
        CommandFailed: it can't be done now.

    """
    try:
        with closing(sqlite3.connect(database, _LOCK_TIMEOUT_SECONDS)) as connection:
            connection.execute("VACUUM")
            is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise CommandFailed(f"{_left(database)} ({error})") from error
    if is_busy:
        raise CommandFailed(f"{_left(database)} (its log is being read)")


def _left(database: Path) -> str:
    return (
        f"the patient is deleted, but may be left in unused parts of {database}, which can't be "
        "written anew now: run this again"
    )
