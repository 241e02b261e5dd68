"""Administrations: each RXA of a RAS message becomes part of a version of a record."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from contracts import Action, MedicationEvent, RecordVersion
from publisher_app.formats.events import (
    event_at,
    key_of,
    made_version,
    order_id,
    record_id,
    stop_of,
)
from publisher_app.formats.hl7.errors import (
    DATA_TYPE,
    EVENT,
    NOT_FOUND,
    PROCESSING,
    REQUIRED,
    SEQUENCE,
    TYPE,
    VERSION,
    Wrong,
)
from publisher_app.formats.hl7.messages import Message, Segment
from publisher_app.formats.hl7.options import Hl7Options, Word
from publisher_app.formats.hl7.times import offset_of, read
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.versions import digest_of, written_time

_NEWER = ("2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2")
_TRIGGERS = {**dict.fromkeys(_NEWER, "O17"), "2.3": "O01", "2.3.1": "O01"}
_GIVEN, _NOTHING = ("CP", "PA", ""), ("RE", "NA")
_TAKEN_BACK = ("CA", "DC", "OC")
NOT_ENTERED = (
    "administrations ranked by when they were sent (a profile chooses: ranked_by under [hl7])"
)
BY_OFFSET_OF_HEADER = "times without an offset, read by that of MSH-7"
TAKEN_BACK = "orders with a control code that cancels, which says nothing of what was given"


class _Administered(NamedTuple):
    """An RXA, and the ORC that it stands under."""

    order: Segment | None
    rxa: Segment

    @property
    def is_deletion(self) -> bool:
        """Whether RXA-21 takes back what was reported."""
        return self.rxa.text(21) == "D"

    @property
    def is_by_word(self) -> bool:
        """Whether RXA-20 says what was done, in a word that is none of HL7's."""
        return self.rxa.text(20) not in (*_GIVEN, *_NOTHING)

    def number(self) -> Sequence[str]:
        """Give the filler's number of the order, else behind an empty one the placer's.

        Each with whose it is.
        """
        before: list[str] = []
        for field in (3, 2):
            if self.order is not None and (number := self.order.text(field)):
                return *before, "^".join(filter(None, (number, _authority(self.order, field, 2))))
            before.append("")
        raise Wrong(REQUIRED, "ORC-3", "is missing, and so is ORC-2: patients would share a record")


class Administrations:
    """Reads the administrations of a message."""

    def __init__(self, message: Message, options: Hl7Options, notes: Counter[str]) -> None:
        self._message = message
        self._options = options
        self._notes = notes
        self._sent = message.header.text(7)
        self._offset = offset_of(self._sent)
        self._times: dict[str, datetime] = {}

    def versions(self) -> Iterator[RecordVersion]:
        """Yield the versions that a message reports; those of the good RXA before it raises.

        Raises:
            Wrong: the message is not taken, or some of it is not.

        """
        self._check()
        administered = [*self._administered()]
        # To delete a record takes its key alone.
        patient = "" if all(each.is_deletion for each in administered) else self._patient()
        wrong: list[Wrong] = []
        of_records: dict[str, list[_Administered]] = {}
        for each in administered:
            try:
                of_records.setdefault(self._key(each), []).append(each)
            except Wrong as problem:
                wrong.append(problem)
        for key, said in of_records.items():
            try:
                yield self._version(key, said, patient)
            except Wrong as problem:
                wrong.append(problem)
        if wrong:
            raise wrong[0]
        if not of_records:
            raise Wrong(SEQUENCE, "RXA", "is missing")

    def _administered(self) -> Iterator[_Administered]:
        """Yield each RXA with the ORC that it stands under."""
        order: Segment | None = None
        for segment in self._message.segments:
            if segment.name == "ORC":
                order = segment
                if segment.text(1) in _TAKEN_BACK:
                    self._notes[TAKEN_BACK] += 1
            elif segment.name == "RXA":
                yield _Administered(order, segment)

    def _check(self) -> None:
        header = self._message.header
        kind, trigger, version = header.text(9), header.text(9, 2), header.text(12)
        if kind != "RAS":
            raise Wrong(TYPE, "MSH-9", "is no RAS: administrations are read, and no others")
        expected = _TRIGGERS.get(version)
        if expected is None:
            raise Wrong(VERSION, "MSH-12", "is none of 2.3 to 2.8.2")
        if trigger and trigger != expected:
            raise Wrong(EVENT, "MSH-9.2", f"is not {expected}, as RAS stands under in {version}")
        if header.text(11) not in self._options.processing:
            taken = ", ".join(self._options.processing)
            raise Wrong(PROCESSING, "MSH-11", f"is none that is taken: {taken}")

    def _patient(self) -> str:
        found = [*self._message.named("PID")]
        if len(found) != 1:
            why = "is missing" if not found else "is there more than once"
            raise Wrong(REQUIRED, "PID", why)
        [segment] = found
        repeated = [each for each in segment.repetitions(3) if segment.component(each, 1)]
        if self._options.authority is not None:
            of_authority = [
                each
                for each in repeated
                if self._options.authority
                in (segment.subcomponent(each, 4, 1), segment.subcomponent(each, 4, 2))
            ]
            if not of_authority:
                raise Wrong(REQUIRED, "PID-3", "has no identifier of the configured authority")
            return segment.component(of_authority[0], 1)
        records = [each for each in repeated if segment.component(each, 5) == "MR"]
        if not repeated:
            raise Wrong(REQUIRED, "PID-3", "is missing")
        return segment.component([*records, *repeated][0], 1)

    def _version(self, key: str, said: Sequence[_Administered], patient: str) -> RecordVersion:
        """Put together what the message says of a record: all of it, or nothing."""
        sent = self._time("MSH-7", self._sent) if self._sent else None
        ranked = self._ranked(said, sent)
        events = [event for each in said for event in self._events(each, patient)]
        behind = "" if sent is None else written_time(sent)
        version = f"{written_time(ranked)}/{behind}/{digest_of(events)}"
        try:
            return made_version(record_id(self._options.source, key), version, events)
        except NoEvent as problem:
            raise Wrong(DATA_TYPE, "RXA", str(problem)) from None

    def _ranked(self, said: Sequence[_Administered], sent: datetime | None) -> datetime:
        """Say when it was entered; where that is not told, or does not rank, when it was sent."""
        by = self._options.ranked_by
        told = () if by == "MSH-7" else (each.rxa.text(22) for each in said)
        if entered := [self._time("RXA-22", text) for text in told if text]:
            return max(entered)
        if by == "RXA-22":
            raise Wrong(REQUIRED, "RXA-22", "is missing, by which the profile ranks")
        if sent is None:
            raise Wrong(REQUIRED, "MSH-7", "is missing, and nothing else ranks it")
        if by is None:
            self._notes[NOT_ENTERED] += 1
        return sent

    def _key(self, said: _Administered) -> str:
        """Name the record: by the sender, the order and the administration's number in it."""
        header, rxa = self._message.header, said.rxa
        sender = (_authority(header, field, 1) for field in (3, 4))
        parts = [*sender, *said.number(), _counted(rxa)]
        if said.is_deletion and self._options.words and not rxa.text(20):
            raise Wrong(REQUIRED, "RXA-20", "is missing: the word is part of the record")
        if said.is_by_word:
            parts += [rxa.text(20), self._start(rxa)]
        elif self._options.by_start:
            parts.append(self._start(rxa))
        elif not _counted(rxa):
            raise Wrong(REQUIRED, "RXA-2", "is missing: the doses of an order would share a record")
        return key_of(parts)

    def _start(self, rxa: Segment) -> str:
        return written_time(self._time("RXA-3", rxa.text(3)))

    def _done(self, said: _Administered) -> Word | None:
        """Say what was done: by a word of the profile, or None where the times tell it."""
        action, status = said.rxa.text(21), said.rxa.text(20)
        if action not in ("", "A", "U", "D"):
            raise Wrong(NOT_FOUND, "RXA-21", "is none of A, U and D")
        word = self._options.words.get(status)
        if said.is_by_word and word is None:
            raise Wrong(NOT_FOUND, "RXA-20", "is neither of HL7's codes nor a word of the profile")
        return "none" if said.is_deletion or status in _NOTHING else word

    def _events(self, said: _Administered, patient: str) -> Sequence[MedicationEvent]:
        rxa, done = said.rxa, self._done(said)
        if done == "none":
            return []
        begin, end = self._edges(rxa, self._time("RXA-3", rxa.text(3)), done)
        first = begin or end
        if first is None:
            return []
        number, name = said.number()[-1], _drug(rxa)
        try:
            event = event_at(
                first.astimezone(UTC),
                Action.START if begin else Action.STOP,
                patient_id=patient,
                medication_name=name,
                order_id=order_id(number if said.is_by_word else f"{number}/{_counted(rxa)}"),
            )
            if begin and end:
                return [event, stop_of(event, end.astimezone(UTC))]
        except NoEvent as problem:
            raise Wrong(DATA_TYPE, "RXA", str(problem)) from None
        return [event]

    def _edges(
        self, rxa: Segment, start: datetime, done: Word | None
    ) -> tuple[datetime | None, datetime | None]:
        if done is not None:
            return (
                start if done in ("start", "point") else None,
                start if done in ("stop", "point") else None,
            )
        if not rxa.text(4):
            return start, None if self._options.is_pump else start
        end = self._time("RXA-4", rxa.text(4))
        if end < start:
            raise Wrong(NOT_FOUND, "RXA-4", "is before RXA-3")
        return start, end

    def _time(self, where: str, text: str) -> datetime:
        if not text:
            raise Wrong(REQUIRED, where, "is missing")
        if (known := self._times.get(text)) is not None:
            return known
        if self._options.zone is None and self._offset and not offset_of(text):
            self._notes[BY_OFFSET_OF_HEADER] += 1
        time = self._times[text] = read(where, text, self._options.zone, self._offset)
        return time


def _authority(segment: Segment, field: int, first: int) -> str:
    """Name an authority by its namespace, which is the first component, else its universal id."""
    return segment.text(field, first) or segment.text(field, first + 1)


def _counted(rxa: Segment) -> str:
    """Give the administration's number in its order, however many zeros it is written with."""
    text = rxa.text(2).strip()
    return text.lstrip("0") or "0" if text.isdigit() else text


def _drug(rxa: Segment) -> str:
    names = (each for each in (rxa.text(5, 2), rxa.text(5, 5)) if each.strip())
    if name := next(names, None):
        return name
    code = rxa.text(5)
    if not code:
        raise Wrong(REQUIRED, "RXA-5", "is missing")
    system = rxa.text(5, 3)
    return f"{system}|{code}" if system else code
