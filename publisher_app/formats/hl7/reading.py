"""Reading: files of messages, alone or in batches, are taken apart into records."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import IO

from contracts import RecordVersion
from publisher_app.formats.hl7.administrations import Administrations
from publisher_app.formats.hl7.messages import FS, MOST_CHARACTERS, VT, message_of, read_message
from publisher_app.formats.hl7.options import Hl7Options
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.records import Record

_COUNTED = {"BTS": "messages", "FTS": "batches"}
_AROUND = ("FHS", "BHS", "BTS", "FTS")
_COUNT = re.compile(r"\d{1,9}", re.ASCII)


class Messages:
    """Reads the messages of one input; each is a record."""

    def __init__(self, options: Hl7Options, encoding: str | None = None) -> None:
        """Take the ``encoding`` that the input was read in; without one its messages say it."""
        self._options = options
        self._encoding = encoding

    def records(self, read: Sequence[str], rest: IO[str], line: int) -> Iterator[Record]:
        """Take a text apart, of which the beginning was ``read``, from its first line on.

        A trailer that counts otherwise is a record of its own that says so.
        """
        message = _Message(line)
        counted = Counter[str]()
        for number, segment in enumerate(_segments(read, rest), start=line):
            name = segment[:3]
            if name == "MSH" or name in _AROUND:
                yield from message.ended()
                message = _Message(number)
                if name in _COUNTED:
                    yield from _recount(number, segment, counted)
                counted = _count(name, counted)
            if name == "MSH" or message.has_begun:
                message.add(segment)
            elif name not in _AROUND:
                yield Record(number, segment, "is no segment of a message: MSH is missing")
        yield from message.ended()

    def reports_of(self, record: Record, notes: Counter[str]) -> Iterator[RecordVersion]:
        """Yield the versions that a message reports, and then raise what is wrong with the others.

        Raises:
            NoEvent: some of it can't be read.

        """
        if record.problem is not None:
            raise NoEvent(record.problem)
        content = str(record.content)
        if self._encoding is None:
            of_bytes = content.encode(errors="surrogateescape")
            message = read_message(of_bytes, self._options.charset)
        else:
            message = message_of(content, self._encoding)
        yield from Administrations(message, self._options, notes).versions()


class _Message:
    """A message as it is read, segment by segment."""

    def __init__(self, place: int) -> None:
        self._place = place
        self._segments: list[str] = []
        self._size = 0

    @property
    def has_begun(self) -> bool:
        return bool(self._segments)

    def add(self, segment: str) -> None:
        self._size += len(segment)
        if self._size <= MOST_CHARACTERS or not self._segments:
            self._segments.append(segment)

    def ended(self) -> Iterator[Record]:
        """Yield the message, if there is one."""
        if self._segments:
            is_long = self._size > MOST_CHARACTERS
            problem = f"is longer than {MOST_CHARACTERS} characters" if is_long else None
            yield Record(self._place, "\r".join([*self._segments, ""]), problem)


def _segments(read: Sequence[str], rest: IO[str]) -> Iterator[str]:
    """Yield segments, whichever way their ends are written; frames are undone."""
    for text in chain(read, iter(lambda: rest.readline(MOST_CHARACTERS), "")):
        for line in text.replace("\r\n", "\r").replace("\n", "\r").split("\r"):
            if segment := line.strip(VT + FS + " \t\ufeff"):
                yield segment


def _count(name: str, counted: Counter[str]) -> Counter[str]:
    """Count what a trailer is to count: the messages since BHS, and the batches since FHS."""
    if name == "MSH":
        return counted + Counter(BTS=1)
    if name == "BTS":
        return Counter(FTS=counted["FTS"] + 1)
    return Counter() if name == "FHS" else Counter(FTS=counted["FTS"])


def _recount(place: int, segment: str, counted: Counter[str]) -> Iterator[Record]:
    name, separator, told = segment[:3], segment[3:4], ""
    if separator:
        told = segment[4:].partition(separator)[0].strip()
    is_right = _COUNT.fullmatch(told) is not None and int(told) == counted[name]
    if told and not is_right:
        words = f"{name}-1: is another number of {_COUNTED[name]} than the {counted[name]} before"
        yield Record(place, segment, words)
