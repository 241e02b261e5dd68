"""Columns: which of an input's columns, or names in JSON, holds which field of an event."""

import difflib
import logging
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from msgspec.structs import fields

from contracts import FIELDS, MedicationEvent
from publisher_app.failures import UnreadableInput
from publisher_app.formats.records import Record

logger = logging.getLogger(__name__)

_REQUIRED = tuple(field.name for field in fields(MedicationEvent) if field.required)
_OTHER_NAMES = {"patient_id": ("p_id",)}
_AHEAD = 1_000
_MAX_LISTED = 1_000


class SeveralColumns(ValueError):
    """Several columns could hold one field; the text names them, and says what to write."""


class Columns:
    """Knows the columns of an event's fields.

    Those that a mapping names are meant exactly as written; a field's own name in any case, with
    or without spaces and underscores.
    """

    def __init__(self, mapped: Mapping[str, str]) -> None:
        """Take the names of those columns that are ``mapped``, by their fields."""
        self._mapped = mapped
        self._told: set[str] = set()

    def find(self, names: Sequence[str]) -> dict[str, str]:
        """Give the column of each field that has one.

        Raises:
            SeveralColumns: a field has more than one.

        """
        found = {}
        for field, candidates in self._candidates(names).items():
            if len(candidates) > 1:
                raise SeveralColumns(_several(field, candidates))
            if candidates:
                found[field] = candidates[0]
        self._tell_of_passed_over(names)
        return found

    def knows_any_of(self, names: Collection[str]) -> bool:
        """Say whether any of the names is a field's column."""
        return any(self._candidates(names).values())

    def is_header(self, names: Sequence[str]) -> bool:
        """Say whether all is there that a header must name."""
        return not self._missing(names)

    def check_header(self, names: Sequence[str]) -> None:
        """See to it that a header names each required field and mapped column, and none twice.

        Raises:
            UnreadableInput: it does not.

        """
        if missing := self._missing(names):
            if not self._may_be_told(names):
                raise UnreadableInput(_no_header(self._mapped))
            raise UnreadableInput(self._told_missing("it has no", missing, names))
        try:
            self.find(names)
        except SeveralColumns as error:
            raise UnreadableInput(str(error)) from None

    def checked(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield records, but none before each mapped column was in one of them.

        In JSON each record has names of its own, so that a mapped column may be absent here and
        there. Where it never comes, not even as null, its name is wrong.

        Raises:
            UnreadableInput: it is in none of the first 1,000 records.

        """
        return self._once_all_are_there(iter(records)) if self._mapped else iter(records)

    def _once_all_are_there(self, records: Iterator[Record]) -> Iterator[Record]:
        held: list[Record] = []
        names: dict[str, None] = {}
        for record in islice(records, _AHEAD):
            held.append(record)
            if isinstance(record.content, dict):
                names.update(dict.fromkeys(record.content))
            if names.keys() >= set(self._mapped.values()):
                break
        absent = {field: name for field, name in self._mapped.items() if name not in names}
        if names and absent:
            raise UnreadableInput(self._told_missing("no record has a", absent, [*names]))
        yield from held
        yield from records

    def _candidates(self, names: Collection[str]) -> dict[str, list[str]]:
        keys = [(_key(name), name) for name in names]
        found = {}
        for field in FIELDS:
            if field in self._mapped:
                found[field] = [name for name in names if name == self._mapped[field]]
            else:
                own = _own_keys(field)
                found[field] = [name for key, name in keys if key in own]
        return found

    def _missing(self, names: Sequence[str]) -> dict[str, str]:
        """Give the fields without a column that must have one, with the column's name."""
        return {
            field: self._mapped.get(field, field)
            for field, candidates in self._candidates(names).items()
            if not candidates and (field in _REQUIRED or field in self._mapped)
        }

    def _told_missing(self, what: str, missing: Mapping[str, str], names: Sequence[str]) -> str:
        told = names if self._may_be_told(names) else ()
        wanted = ", ".join(_spoken(field, name, told) for field, name in missing.items())
        listed = textwrap.shorten(", ".join(told), _MAX_LISTED, placeholder=" …")
        there = f"; the columns are {listed}" if told else ""
        return f"{what} column {wanted}{there}; name others with --map (PUBLISHER_MAP)"

    def _may_be_told(self, names: Sequence[str]) -> bool:
        """Say whether these are names of columns, and not a patient's: errors are logged."""
        digits = any(character.isdigit() for character in chain.from_iterable(names))
        return self.knows_any_of(names) or (len(names) >= len(_REQUIRED) and not digits)

    def _tell_of_passed_over(self, names: Sequence[str]) -> None:
        for field, column in self._mapped.items():
            own = [name for name in names if name != column and _key(name) in _own_keys(field)]
            if own and field not in self._told:
                self._told.add(field)
                logger.warning("%s is read from %s, and not from %s", field, column, own[0])


def _key(name: str) -> str:
    return "".join(name.split()).replace("_", "").casefold()


def _in_one_line(name: str) -> str:
    return " ".join(name.split())


def _own_keys(field: str) -> set[str]:
    return {_key(name) for name in (field, *_OTHER_NAMES.get(field, ()))}


def _several(field: str, candidates: Sequence[str]) -> str:
    if len(set(candidates)) == 1:
        return f"the column {_in_one_line(candidates[0])} is there {len(candidates)} times"
    both = " and ".join(map(_in_one_line, candidates))
    return (
        f"{both} are there together: name the one that holds the {field} with "
        f"--map {field}=… (PUBLISHER_MAP)"
    )


def _no_header(mapped: Mapping[str, str]) -> str:
    wanted = ", ".join(_spoken(field, mapped.get(field, field)) for field in _REQUIRED)
    return (
        f"its first line is no header, as it names none of {wanted}: write one, or name its "
        "columns with --map (PUBLISHER_MAP)"
    )


def _spoken(field: str, name: str, names: Iterable[str] = ()) -> str:
    """Give a column's name with the others that would do, and the nearest of those there are."""
    remarks = [f"or {other}" for other in _OTHER_NAMES.get(field, ()) if name == field]
    by_key = {_key(each): each for each in names}
    close = difflib.get_close_matches(_key(name), by_key, n=1)
    remarks += [f"the nearest is {_in_one_line(by_key[key])}" for key in close]
    return f"{name} ({'; '.join(remarks)})" if remarks else name
