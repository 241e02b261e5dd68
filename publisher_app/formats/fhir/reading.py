"""Reading: resources, Bundles of any type, arrays and NDJSON are taken apart into records.

A Bundle is held as text while it is taken apart, at most MOST_CHARACTERS; of NDJSON one line is.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import IO, NamedTuple, cast

import msgspec

from contracts import RecordVersion
from publisher_app.failures import UnreadableInput
from publisher_app.formats.fhir.administrations import deletion_reported, version_reported
from publisher_app.formats.fhir.gathered import Gathered
from publisher_app.formats.fhir.options import FhirOptions
from publisher_app.formats.fhir.references import (
    REFERRED_TYPES,
    Gathering,
    Resolver,
    Scope,
)
from publisher_app.formats.fhir.resources import (
    ERROR,
    KIND,
    Administration,
    Bundle,
    BundleEntry,
    Changed,
    Erroneous,
    Request,
    Response,
    read_head,
    read_referred,
)
from publisher_app.formats.fhir.versions import ranking_of
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.records import Record

MOST_CHARACTERS = 64 * 1024 * 1024
_MOST_NESTED = 10
_PIECE = 1024 * 1024
_BLOCK = 64 * 1024
_TOO_LARGE = "is larger than 64 MB: write one resource a line (NDJSON)"
_ONLY_REFERRED = ("include", "outcome")
_NEED_A_RESOURCE = ("POST", "PUT")
OTHERS = "resources of other types, left out"

_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
_bundle = msgspec.json.Decoder(Bundle).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_changed = msgspec.json.Decoder(Changed).decode
_administration = msgspec.json.Decoder(Administration).decode
_erroneous = msgspec.json.Decoder(Erroneous).decode


class Entry(NamedTuple):
    """What a record needs to be read, besides itself."""

    scope: Resolver
    full_url: str | None = None
    request: Request | None = None
    response: Response | None = None


class Resources:
    """Reads the resources of one input; each is a record."""

    def __init__(
        self,
        options: FhirOptions,
        outer: Resolver | None = None,
        gather: Callable[[Gathering], None] | None = None,
    ) -> None:
        """``gather`` reads the input a first time, for what its resources refer to, if it can be.

        ``outer`` knows what was gathered in before: the inputs beside this one, and this one itself
        if it can be read twice.
        """
        self._options = options
        self._outer = outer
        self._gather = gather

    def records(self, read: Sequence[str], rest: IO[str], line: int) -> Iterator[Record]:
        """Take a text apart, of which the beginning was ``read``, from its first line on.

        Raises:
            UnreadableInput: it is no JSON, or too large.

        """
        if is_one_a_line(read):
            yield from self._one_a_line(read, rest, line)
        else:
            yield from self.records_of(_whole(read, rest), line)

    def records_of(self, body: bytes, place: int) -> Iterator[Record]:
        """Take one resource apart, or an array of them.

        Raises:
            UnreadableInput: it is neither.

        """
        resources = _resources(body)
        scope = _scope_of((BundleEntry(resource=each) for each in resources), self._outer)
        for number, each in enumerate(resources):
            yield from self._resource(each, place + number, Entry(scope))

    def _one_a_line(self, read: Sequence[str], rest: IO[str], first: int) -> Iterator[Record]:
        numbered = enumerate(_lines(read, rest), start=first)
        if self._outer is not None and self._gather is not None:
            yield from self._lines(numbered, Entry(self._outer), None)
            return
        with Gathered(self._outer) as own:
            if self._gather is not None:
                self._gather(own)
            yield from self._lines(numbered, Entry(own), None if self._gather else own)

    def _lines(
        self, numbered: Iterable[tuple[int, str]], entry: Entry, into: Gathering | None
    ) -> Iterator[Record]:
        """Take lines apart; keep what others refer to, where that was not done before."""
        for number, line in numbered:
            if len(line) >= MOST_CHARACTERS:
                yield Record(number, None, _TOO_LARGE)
            elif line := line.strip():
                body = msgspec.Raw(line.encode(errors="surrogateescape"))
                if into is not None and _may_tell(line, into):
                    _refer(body, None, into, into)
                yield from self._resource(body, number, entry)

    def _resource(
        self, body: msgspec.Raw, place: int, entry: Entry, depth: int = 0
    ) -> Iterator[Record]:
        try:
            kind = read_head(body).resource_type
        except _UNREADABLE as error:
            yield Record(place, _shown(body), f"is no resource: {error}")
            return
        if kind == "Bundle":
            yield from self._bundle(body, place, entry.scope, depth + 1)
        elif kind == KIND or kind is None:
            problem = None if kind else "has no resourceType"
            yield Record(place, body, problem, entry)
        elif kind not in REFERRED_TYPES:
            yield Record(place, body)

    def _bundle(
        self, body: msgspec.Raw, place: int, outer: Resolver, depth: int
    ) -> Iterator[Record]:
        try:
            entries = _bundle(body).entry
        except _UNREADABLE as error:
            yield Record(place, _shown(body), f"is no Bundle: {error}")
            return
        if depth > _MOST_NESTED:
            yield Record(place, _shown(body), "is a Bundle in too many others")
            return
        scope = _scope_of(entries, outer)
        for number, each in enumerate(entries):
            yield from self._entry(each, place + number, scope, depth)

    def _entry(
        self, entry: BundleEntry, place: int, scope: Resolver, depth: int
    ) -> Iterator[Record]:
        context = Entry(scope, entry.full_url, entry.request, entry.response)
        if entry.request is not None and entry.request.method == "DELETE":
            if KIND in entry.request.url:
                shown = {"request": {"method": "DELETE", "url": entry.request.url}}
                yield Record(place, shown, None, context)
        elif entry.has_resource and not _only_refers(entry):
            yield from self._resource(entry.resource, place, context, depth)
        elif entry.request is not None and entry.request.method in _NEED_A_RESOURCE:
            yield Record(place, None, "resource: is missing", context)

    def by_entry(
        self, body: bytes, most: int
    ) -> tuple[str | None, Sequence[tuple[Request | None, Sequence[Record]]]]:
        """Take a Bundle apart: its type, and of each entry what is asked and the records in it.

        Raises:
            UnreadableInput: it is none, or has more than so many entries.

        """
        try:
            if read_head(body).resource_type != "Bundle":
                raise UnreadableInput("it is no Bundle")
            bundle = _bundle(body)
        except _UNREADABLE as error:
            raise UnreadableInput(f"it is no Bundle: {error}") from None
        scope = _scope_of(bundle.entry, self._outer)
        entries: list[tuple[Request | None, Sequence[Record]]] = []
        left = most
        for number, each in enumerate(bundle.entry):
            # Those of a Bundle in it are entries, too.
            records = [*islice(self._entry(each, number, scope, 1), left + 1)]
            left -= max(len(records), 1)
            if left < 0:
                raise UnreadableInput(f"it has more than {most:,} entries: send several Bundles")
            entries.append((each.request, records))
        return bundle.type, entries

    def reports_of(self, record: Record, notes: Counter[str]) -> Iterator[RecordVersion]:
        """Read the version of a record that a resource, or its deletion, is.

        Raises:
            NoEvent: it is none.

        """
        if record.problem is not None:
            raise NoEvent(record.problem)
        entry = record.context
        if not isinstance(entry, Entry):
            notes[OTHERS] += 1
            return
        if entry.request is not None and entry.request.method == "DELETE":
            response = entry.response or Response()
            yield deletion_reported(
                entry.request.url,
                response.last_modified,
                response.etag,
                entry.scope,
                self._options,
            )
            return
        resource = _decoded(cast("msgspec.Raw", record.content))
        version = version_reported(
            resource, entry.full_url, entry.request, entry.scope, self._options, notes
        )
        if version is not None:
            yield version


def _scope_of(entries: Iterable[BundleEntry], outer: Resolver | None) -> Scope:
    # What is in an inner Bundle is its own first: here it counts where nothing else has its name.
    within = Scope(outer)
    scope = Scope(within)
    for each in entries:
        if each.has_resource:
            _refer(each.resource, each.full_url, scope, within)
    return scope


def is_one_a_line(read: Sequence[str]) -> bool:
    """Say whether a text that begins so has one resource a line."""
    first = "".join(read).lstrip().partition("\n")[0].rstrip()
    return first.startswith("{") and first.endswith("}")


def _lines(read: Sequence[str], rest: IO[str]) -> Iterator[str]:
    """Yield lines whole; of one that is too large only its beginning."""
    pieces: list[str] = []
    size = 0
    for piece in _pieces(read, rest):
        if not pieces and piece.endswith("\n"):
            yield piece
            continue
        if size < MOST_CHARACTERS:
            pieces.append(piece)
            size += len(piece)
        if piece.endswith("\n"):
            yield "".join(pieces)
            pieces, size = [], 0
    if pieces:
        yield "".join(pieces)


def _pieces(read: Sequence[str], rest: IO[str]) -> Iterator[str]:
    beginning = io.StringIO("".join(read), newline="")
    return chain(beginning, iter(partial(rest.readline, _PIECE), ""))


def _blocks(read: Sequence[str], rest: IO[str]) -> Iterator[str]:
    """Yield whole lines, many at a time; one that is too large in parts, which are no JSON."""
    begun = "".join(read)
    while block := begun + rest.read(_BLOCK):
        yield block + rest.readline(MOST_CHARACTERS)
        begun = ""


def _decoded(content: msgspec.Raw) -> Administration:
    try:
        return _administration(content)
    except _UNREADABLE as error:
        if (taken_back := _as_error(content)) is not None:
            return taken_back
        raise NoEvent(f"is no MedicationAdministration: {error}") from None


def _as_error(content: msgspec.Raw) -> Administration | None:
    """Read what takes a record back, whatever shape the rest of it has; None if it does not."""
    try:
        told = _erroneous(content)
    except _UNREADABLE:
        return None
    if told.status != ERROR:
        return None
    return Administration(told.id, told.meta, told.identifier, status=ERROR)


def gather(read: Sequence[str], rest: IO[str], into: Gathering) -> None:
    """Keep the Patients and Medications of an input, for others that refer to them.

    Raises:
        UnreadableInput: it is no JSON, or too large.

    """
    if is_one_a_line(read):
        for block in _blocks(read, rest):
            # Most have nothing to keep, and are passed over by three searches in C.
            if _may_tell(block, into):
                for line in io.StringIO(block, newline=""):
                    if len(line) < MOST_CHARACTERS and _may_tell(line, into):
                        body = msgspec.Raw(line.strip().encode(errors="surrogateescape"))
                        _refer(body, None, into, into)
    else:
        for each in _resources(_whole(read, rest)):
            _refer(each, None, into, into)


def _may_tell(text: str, into: Gathering) -> bool:
    """Say whether there may be something to keep in lines: most are not worth another look."""
    # Quoted, as every reference to a Patient holds the word.
    is_referred = '"Patient"' in text or '"Medication"' in text or '"Bundle"' in text
    return is_referred or into.ranked_by != "lastUpdated"


def _refer(
    body: msgspec.Raw, full_url: str | None, into: Gathering, within: Gathering, depth: int = 0
) -> None:
    """Keep what others need to know of a resource, or ``within`` of all in a Bundle."""
    try:
        kind = read_head(body).resource_type
        if kind in REFERRED_TYPES:
            into.add(read_referred(body), full_url)
        elif kind == KIND:
            if into.ranked_by != "lastUpdated":
                changed = _changed(body)
                into.rank(ranking_of(changed.meta, changed.status))
        elif kind == "Bundle" and depth <= _MOST_NESTED:
            for each in _bundle(body).entry:
                if each.has_resource:
                    _refer(each.resource, each.full_url, within, within, depth + 1)
    except _UNREADABLE:
        return  # told of where its turn comes, if it is to be published


def _whole(read: Sequence[str], rest: IO[str]) -> bytes:
    whole = "".join(read) + rest.read(MOST_CHARACTERS)
    if len(whole) > MOST_CHARACTERS:
        raise UnreadableInput(f"it {_TOO_LARGE}")
    return whole.encode(errors="surrogateescape")


def _resources(body: bytes) -> Sequence[msgspec.Raw]:
    try:
        if body.lstrip().startswith(b"["):
            return _list(body)
        read_head(body)
    except _UNREADABLE as error:
        raise UnreadableInput(f"it is not JSON: {error}") from None
    return [msgspec.Raw(body)]


def _only_refers(entry: BundleEntry) -> bool:
    return (
        entry.request is None and entry.search is not None and entry.search.mode in _ONLY_REFERRED
    )


def _shown(body: msgspec.Raw) -> str:
    return bytes(body).decode(errors="backslashreplace")
