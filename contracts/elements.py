"""A message taken apart into what its events need: no more of it is built.

A message may hold anything. Millions of values, wherever they are, would take a hundred times the
memory of its body, and many seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import UNSET, DecodeError, Raw, Struct, ValidationError, defstruct
from msgspec.json import Decoder, decode
from msgspec.structs import astuple

from contracts.event import FIELDS, MAX_EVENTS
from contracts.records import RECORD_FIELDS, is_of_record

# The longest field takes 3 KiB where each of its characters is an escape; the rest is for spaces.
_MOST_FIELD_BYTES = 16 * 1024
_TOO_LONG = "x" * _MOST_FIELD_BYTES


class NotJson(Exception):
    """It is no JSON that can be read; the text tells why, and repeats nothing of it."""


class Elements:
    """Takes lists apart of up to so many elements, and longer ones as far as that."""

    def __init__(self, most: int) -> None:
        # What is in an array behind the last field of its struct is passed over.
        places = [f"_{place}" for place in range(most)]
        self._decode = Decoder(_struct(dict.fromkeys(places, Raw), array_like=True)).decode

    def of(self, body: bytes) -> Sequence[bytes] | None:
        """Return the elements of a list, unread; None where the body is anything else.

        Raises:
            NotJson: it is none.

        """
        if not body.lstrip().startswith(b"["):
            return None
        try:
            elements = astuple(self._decode(body))
        except _UNREADABLE as error:
            raise _not_json(error) from None
        return [bytes(element) for element in elements if element is not UNSET]


def fields_of(element: bytes, *, is_listed: bool = False) -> dict[str, object] | None:
    """Return what an object holds of a report's fields; None where it is no object.

    What is far too long for a field is another text that is. Of a record's version the ``events``
    are taken apart likewise, but not those of what ``is_listed`` among them.

    Raises:
        NotJson: it is none.

    """
    try:
        values = _values(element)
    except _UNREADABLE as error:
        if isinstance(error, ValidationError) and not element.lstrip().startswith(b"{"):
            return None
        raise _not_json(error) from None
    fields = {name: value for name, value in zip(_NAMES, values, strict=True) if value is not UNSET}
    events = fields.pop("events", None)
    if isinstance(events, Raw) and is_of_record(fields):
        if is_listed:
            # What is in it is not taken apart: in each there could be another one.
            fields["events"] = None
        else:
            parts = elements.of(bytes(events))
            listed = None if parts is None else [fields_of(part, is_listed=True) for part in parts]
            fields["events"] = _content(events) if listed is None else listed
    return fields


def _values(element: bytes) -> Iterable[object]:
    if len(element) <= _MOST_FIELD_BYTES:
        return astuple(_decode_fields(element))
    *values, events = astuple(_decode_raw_fields(element))
    return (*(value if value is UNSET else _content(value) for value in values), events)


def _content(value: Raw) -> object:
    return decode(value) if len(value) <= _MOST_FIELD_BYTES else _TOO_LONG


def _struct(fields: Mapping[str, object], *, array_like: bool = False) -> type[Struct]:
    kinds: list[Any] = [(name, kind, UNSET) for name, kind in fields.items()]
    return defstruct("Parts", kinds, array_like=array_like, gc=False)


_OWN_NAMES = (*FIELDS, *RECORD_FIELDS)
_NAMES = (*_OWN_NAMES, "events")
_decode_fields = Decoder(_struct({**dict.fromkeys(_OWN_NAMES, Any), "events": Raw})).decode
_decode_raw_fields = Decoder(_struct(dict.fromkeys(_NAMES, Raw))).decode
# A few more, as it is worth to be told by how many somebody missed.
elements = Elements(2 * MAX_EVENTS)
_UNREADABLE = (DecodeError, UnicodeError, RecursionError)


def _not_json(error: Exception) -> NotJson:
    if isinstance(error, RecursionError):
        return NotJson("nested too deeply")
    if isinstance(error, UnicodeError):
        return NotJson("is not UTF-8")
    return NotJson(str(error).removeprefix("JSON is malformed: "))
