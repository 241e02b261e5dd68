"""Messages: segments, fields, repetitions and components, by the delimiters that MSH names.

HL7 v2.5.1, chapter 2 (https://www.hl7.org/implement/standards/product_brief.cfm?product_id=144).
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from publisher_app.formats.hl7.errors import DATA_TYPE, REQUIRED, SEQUENCE, Wrong

MOST_CHARACTERS = 1024 * 1024

_MOST_OF_HEADER = 64 * 1024
_BEGINNING = 16

VT, FS = "\x0b", "\x1c"
_CHARSETS = {
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
    "ISO IR6": "ascii",
    "ISO IR14": "shift_jis",
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_1",
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 12), 13, 14, 15)},
}
_SEGMENT_END = re.compile("\r\n|\r|\n")


class Delimiters(NamedTuple):
    """What parts fields, components, repetitions and sub-components, and begins an escape."""

    field: str
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


class Segment(NamedTuple):
    """One segment, its fields by their numbers from 0, which is its name."""

    fields: Sequence[str]
    delimiters: Delimiters
    charset: str

    @property
    def name(self) -> str:
        """Its three letters."""
        return self.fields[0]

    def raw(self, field: int) -> str:
        """Give a field as it came; what is not there, or ``""``, is empty."""
        found = self.fields[field] if field < len(self.fields) else ""
        return "" if found == '""' else found

    def repetitions(self, field: int) -> list[str]:
        """Part a field into what it repeats."""
        return self.raw(field).split(self.delimiters.repetition)

    def text(self, field: int, component: int = 1) -> str:
        """Give a component of a field's first repetition, as text."""
        found = self.raw(field)
        if not found or (component == 1 and found.isalnum()):  # as most are
            return found
        return self.component(found.partition(self.delimiters.repetition)[0], component)

    def component(self, repetition: str, component: int) -> str:
        """Give a component as text. A raw ``&`` stays, as it does in names."""
        parts = repetition.split(self.delimiters.component)
        found = parts[component - 1] if component <= len(parts) else ""
        return "" if found == '""' else self._unescaped(found)

    def subcomponent(self, repetition: str, component: int, subcomponent: int) -> str:
        """Give a part of a component as text."""
        parts = repetition.split(self.delimiters.component)
        found = parts[component - 1] if component <= len(parts) else ""
        inner = found.split(self.delimiters.subcomponent)
        return self._unescaped(inner[subcomponent - 1]) if subcomponent <= len(inner) else ""

    def _unescaped(self, text: str) -> str:
        escape = self.delimiters.escape
        if not escape or escape not in text:
            return text
        parts = text.split(escape)
        if len(parts) % 2 == 0:  # one that is not closed is meant as it stands
            return text
        return "".join(
            part if number % 2 == 0 else self._meant(part) for number, part in enumerate(parts)
        )

    def _meant(self, escape: str) -> str:
        d = self.delimiters
        known = {
            "F": d.field,
            "S": d.component,
            "T": d.subcomponent,
            "R": d.repetition,
            "E": d.escape,
            ".br": " ",
        }
        if escape in known:
            return known[escape]
        if escape[:1] == "X":
            try:
                return bytes.fromhex(escape[1:]).decode(self.charset)
            except ValueError:
                raise Wrong(DATA_TYPE, "an escape", f"is no text of {self.charset}") from None
        return ""  # highlighting, and what a sender has made up


class Message(NamedTuple):
    """One message; the first of its segments is MSH."""

    segments: Sequence[Segment]

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    def named(self, name: str) -> Iterator[Segment]:
        """Yield the segments of that name."""
        return (each for each in self.segments if each.name == name)


def read_message(content: bytes, charset: str | None = None) -> Message:
    """Read a message: decoded as its MSH-18 says, else by the ``charset``, else as UTF-8.

    Raises:
        Wrong: it can't be read.

    """
    content = _from_header(content)
    delimiters = _delimiters(_beginning(content))
    encoding = _charset(content, delimiters) or charset or "utf-8"
    try:
        text = content.decode(encoding)
    except ValueError:
        raise Wrong(DATA_TYPE, "MSH-18", f"the message is not {encoding}") from None
    return _message(text, delimiters, encoding)


def message_of(text: str, encoding: str) -> Message:
    """Part a message that is text already: of this encoding, whatever its MSH-18 says.

    Raises:
        Wrong: it can't be read.

    """
    delimiters = _delimiters(text[:_BEGINNING])
    if not text.isascii() and _has_undecoded(text):
        raise Wrong(DATA_TYPE, "MSH", f"the message is not {encoding}")
    return _message(text, delimiters, encoding)


def _has_undecoded(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _message(text: str, delimiters: Delimiters, encoding: str) -> Message:
    segments = [
        Segment(_fields(line, delimiters), delimiters, encoding)
        for line in _SEGMENT_END.split(text)
        if line.strip()
    ]
    return Message(segments)


def header_of(content: bytes) -> Segment | None:
    """Read MSH alone, as it is written, of a message whose rest may not be read.

    None where there is none.
    """
    content = _from_header(content)
    try:
        delimiters = _delimiters(_beginning(content))
    except Wrong:
        return None
    fields = _fields(_first_line(content), delimiters)
    # An escape that is none is no reason to leave a sender without an answer.
    return Segment(fields, delimiters._replace(escape=""), "latin-1")


def _from_header(content: bytes) -> bytes:
    """Leave out what some senders put before MSH: a byte order mark, and ends of lines."""
    return content.removeprefix(BOM_UTF8).lstrip(b"\r\n")


def _first_line(content: bytes) -> str:
    return _SEGMENT_END.split(content[:_MOST_OF_HEADER].decode("latin-1"), maxsplit=1)[0]


def _beginning(content: bytes) -> str:
    return content[:_BEGINNING].decode("latin-1")


def _delimiters(beginning: str) -> Delimiters:
    field = beginning[3:4]
    if not beginning.startswith("MSH") or not field or field.isalnum() or field.isspace():
        raise Wrong(SEQUENCE, "MSH", "is not the first segment")
    named = _SEGMENT_END.split(beginning[4:])[0].partition(field)[0]
    if len(named) < len("^~\\"):
        raise Wrong(REQUIRED, "MSH-2", "names too few delimiters: write ^~\\&")
    if len({field, *named}) <= len(named):
        raise Wrong(DATA_TYPE, "MSH-2", "names a delimiter twice")
    if any(map(str.isalnum, named)):
        raise Wrong(DATA_TYPE, "MSH-2", "names a letter or digit as a delimiter")
    return Delimiters(field, *named[:4])


def _fields(line: str, delimiters: Delimiters) -> Sequence[str]:
    fields = line.split(delimiters.field)
    if fields[0] in ("MSH", "FHS", "BHS"):
        fields.insert(1, delimiters.field)  # as their first field they name it
    return fields


def _charset(content: bytes, delimiters: Delimiters) -> str | None:
    fields = _fields(_first_line(content), delimiters)
    named = fields[18].split(delimiters.repetition) if len(fields) > 18 else []  # noqa: PLR2004
    names = [each.strip().upper() for each in named if each.strip()]
    unknown = [each for each in names if each not in _CHARSETS]
    if unknown:
        raise Wrong(DATA_TYPE, "MSH-18", "names a character set that is not known")
    # Where one is switched to by escapes, its encoding knows the first one, too.
    return _CHARSETS[names[-1]] if names else None
