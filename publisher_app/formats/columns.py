"""Columns: which of an input's columns, or names in JSON, holds which field of an event."""

import difflib
import logging
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from msgspec.structs import fields

from contracts import FIELDS, RECORD_FIELDS, MedicationEvent
from contracts.text import read_name
from publisher_app.failures import UnreadableInput
from publisher_app.formats.records import Record

logger = logging.getLogger(__name__)

_FIELDS = (*FIELDS, *RECORD_FIELDS)
_REQUIRED = tuple(field.name for field in fields(MedicationEvent) if field.required)
_OTHER_NAMES = {"patient_id": ("p_id",)}
_AHEAD = 1_000
_MAX_LISTED = 1_000
_IN_NO_RECORD = "no record has a"


class SeveralColumns(ValueError):
    """Several columns could hold one field; the text names them, and says what to write."""


class Columns:
    """Knows the columns of an event's fields.

    Those that a mapping names are meant as written; a field's own name in any case, with or without
    spaces and underscores. As in all texts, names that look equal are equal.
    """

    delimiter: str | None = None
    """What parts them in delimited text, where that is known."""
    elsewhere = "name others with --map (PUBLISHER_MAP)"
    """What to do where a column has another name."""
    another_header = "name its columns with --map (PUBLISHER_MAP)"
    """What to do where the first line is no header, beside writing one."""

    def __init__(self, mapped: Mapping[str, str]) -> None:
        """Take the names of those columns that are ``mapped``, by their fields."""
        self._mapped = {field: _read(name) for field, name in mapped.items()}
        self._exact = {self._mapped.get(field, field) for field in _FIELDS}
        self._seen: set[str] = set()
        self._told_absent: set[str] = set()
        self._told_passed_over: set[str] = set()

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
        return found

    def knows_any_of(self, names: Collection[str]) -> bool:
        """Say whether any of the names is a field's column."""
        return not self._exact.isdisjoint(names) or any(self._candidates(names).values())

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
                wanted = {field: self._mapped.get(field, field) for field in _REQUIRED}
                raise UnreadableInput(self.told_no_header(_spoken(wanted)))
            raise UnreadableInput(self._told_missing("it has no", missing, names))
        try:
            self.find(names)
        except SeveralColumns as error:
            raise UnreadableInput(str(error)) from None
        self._tell_of_passed_over(names)

    def checked(self, records: Iterable[Record], *, live: bool = False) -> Iterator[Record]:
        """Yield records, but none before each mapped column was in one of them.

        In JSON each record has names of its own, so that a mapped column may be absent here and
        there. Where it never comes, not even as null, its name is wrong. The next record of a
        ``live`` input may be far away: there none waits that can be an event.

        Raises:
            UnreadableInput: it is in none of the first 1,000 records, or has another spelling in
                those of a live input.

        """
        return self._checked(iter(records), live=live) if self._mapped else iter(records)

    def check_posted(self, records: Iterable[Record]) -> None:
        """See to it that the mapped columns of required fields are in one of all these records.

        That of an optional field may be in none, but not in another spelling; until it was in some
        record that is logged once.

        Raises:
            UnreadableInput: one is not there.

        """
        if not self._mapped:
            return
        names = _names_in(records)
        absent = self._absent(names)
        if names and (absent.keys() & _REQUIRED or self._are_misspelled(absent, names)):
            raise UnreadableInput(self._told_missing(_IN_NO_RECORD, absent, names))
        self._tell_of_absent(absent, names)
        self._tell_of_passed_over(names)

    def _checked(self, records: Iterator[Record], *, live: bool) -> Iterator[Record]:
        held: list[Record] = []
        names: dict[str, None] = {}
        absent = self._mapped
        for record in islice(records, _AHEAD):
            held.append(record)
            names |= _names_in([record])
            absent = self._absent(names)
            if not absent or (live and self._are_misspelled(absent, names)):
                break
            if live:
                self._tell_of_absent(absent, names)
            if live and not absent.keys() & _REQUIRED:
                yield from held
                held.clear()
        if names and absent:
            raise UnreadableInput(self._told_missing(_IN_NO_RECORD, absent, names))
        self._tell_of_passed_over(names)
        yield from held
        yield from records

    def _absent(self, names: Mapping[str, None]) -> dict[str, str]:
        """Give the mapped columns that are not among the names, by their fields."""
        absent = {field: name for field, name in self._mapped.items() if name not in names}
        if absent:
            read = set(map(_read, names))
            absent = {field: name for field, name in absent.items() if name not in read}
        self._seen |= self._mapped.keys() - absent.keys()
        return absent

    def _are_misspelled(self, absent: Mapping[str, str], names: Iterable[str]) -> bool:
        """Say whether a column is there in other letters, or by the field's own name."""
        keys = set(map(_key, names))
        return any(keys & {_key(name), *_own_keys(field)} for field, name in absent.items())

    def _candidates(self, names: Collection[str]) -> dict[str, list[str]]:
        keys = [(_key(name), name) for name in names]
        found = {}
        for field in _FIELDS:
            if field in self._mapped:
                found[field] = [name for name in names if _read(name) == self._mapped[field]]
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

    def _told_missing(self, what: str, missing: Mapping[str, str], names: Collection[str]) -> str:
        told = self.told_of(names)
        return self.told_missing(what, _spoken(missing, told), told)

    def told_missing(self, what: str, wanted: str, told: Sequence[str]) -> str:
        """Say which columns are ``wanted``, which there are, and what to do."""
        listed = textwrap.shorten(", ".join(told), _MAX_LISTED, placeholder=" …")
        there = f"; the columns are {listed}" if told else ""
        return f"{what} column {wanted}{there}; {self.elsewhere}"

    def told_no_header(self, wanted: str) -> str:
        """Say that a first line names no column that is ``wanted``, and what to do."""
        return (
            f"its first line is no header, as it names none of {wanted}: write one, or "
            f"{self.another_header}"
        )

    def told_of(self, names: Collection[str]) -> Sequence[str]:
        """Give the names of columns as they may be told; none where they may be a patient's."""
        return [*map(_read, names)] if self._may_be_told(names) else []

    def _may_be_told(self, names: Collection[str]) -> bool:
        """Say whether these are names of columns, and not a patient's: errors are logged."""
        digits = any(character.isdigit() for character in chain.from_iterable(names))
        return self.knows_any_of(names) or (len(names) >= len(_REQUIRED) and not digits)

    def _tell_of_absent(self, absent: Mapping[str, str], names: Collection[str]) -> None:
        never_seen = {each: absent[each] for each in absent.keys() - self._seen - self._told_absent}
        if never_seen and names:
            self._told_absent |= never_seen.keys()
            logger.warning("%s", self._told_missing("no record yet has a", never_seen, names))

    def _tell_of_passed_over(self, names: Iterable[str]) -> None:
        for field, column in self._mapped.items():
            own = [name for name in names if self._is_passed_over(name, field)]
            if own and field not in self._told_passed_over:
                self._told_passed_over.add(field)
                logger.warning("%s is read from %s, and not from %s", field, column, _read(own[0]))

    def _is_passed_over(self, name: str, field: str) -> bool:
        return _key(name) in _own_keys(field) and _read(name) != self._mapped[field]


def _names_in(records: Iterable[Record]) -> dict[str, None]:
    """Give the names in records, in their order."""
    found: dict[str, None] = {}
    for record in records:
        if isinstance(record.content, dict):
            found |= dict.fromkeys(record.content)
    return found


def _read(name: str) -> str:
    """Read a name as the texts of an event are read."""
    in_one_line = " ".join(name.split())
    try:
        return str(read_name(in_one_line))
    except ValueError:  # with control characters it is no name of ours
        return in_one_line


def _key(name: str) -> str:
    return _read(name).replace(" ", "").replace("_", "").casefold()


def _own_keys(field: str) -> set[str]:
    return {_key(name) for name in (field, *_OTHER_NAMES.get(field, ()))}


def _several(field: str, candidates: Sequence[str]) -> str:
    read = [*map(_read, candidates)]
    if len(set(read)) == 1:
        return f"the column {read[0]} is there {len(read)} times"
    both = " and ".join(read)
    return (
        f"{both} are there together: name the one that holds the {field} with "
        f"--map {field}=… (PUBLISHER_MAP)"
    )


def with_nearest(name: str, names: Iterable[str], *remarks: str) -> str:
    """Give a column's name with remarks, and the nearest of those that there are."""
    by_key = {_key(each): each for each in names}
    close = difflib.get_close_matches(_key(name), by_key, n=1)
    told = [*remarks, *(f"the nearest is {by_key[key]}" for key in close)]
    return f"{name} ({'; '.join(told)})" if told else name


def _spoken(wanted: Mapping[str, str], names: Iterable[str] = ()) -> str:
    """Give the columns of fields, each with the others that would do, and the nearest."""
    there = [*names]
    return ", ".join(
        with_nearest(
            name, there, *(f"or {each}" for each in _OTHER_NAMES.get(field, ()) if name == field)
        )
        for field, name in wanted.items()
    )
