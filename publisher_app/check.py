"""A file looked through, and nothing of it published: what is in it, and what looks wrong."""

import re
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contracts import Action, MedicationEvent, RecordVersion, Report, legible
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.recognition import Formats, Notes
from publisher_app.formats.records import Record
from publisher_app.inputs.files import OpenFile
from publisher_app.seen import SeenKeys, key_of

_FIRST = 5
_EDGES = (Action.START, Action.STOP)
_MOST_REASONS = 100
_MOST_WORD = 40
_FROM_A_SPREADSHEET = re.compile(r'\d+([.,]\d+)?E\+?\d+|="?.*"?', re.IGNORECASE)
_SET_UP = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE told (history INTEGER PRIMARY KEY, start REAL, stop REAL, name TEXT);
    CREATE TABLE begun (record INTEGER PRIMARY KEY, first REAL, last REAL);
"""
_TELL = """
    INSERT INTO told VALUES (?, ?, ?, ?) ON CONFLICT (history) DO UPDATE SET
    start = min(ifnull(start, excluded.start), ifnull(excluded.start, start)),
    stop = min(ifnull(stop, excluded.stop), ifnull(excluded.stop, stop))
"""
_BEGIN = """
    INSERT INTO begun VALUES (?1, ?2, ?2) ON CONFLICT (record) DO UPDATE SET
    first = min(first, excluded.first), last = max(last, excluded.last)
"""
_COUNT_MOVED = "SELECT count(*) FROM begun WHERE first < last"
_MOVED = (
    "records whose versions begin at different times: were they corrected, or is RXA-2 the same of "
    "several doses (by_start under [hl7])?"
)
_COUNT = "SELECT count(*), min(name) FROM told WHERE stop < ifnull(start, stop + 1)"
_STOPPED_FIRST = "orders with a stop before any start, such as"
_ALIKE = "differ in leading zeros or case alone"
_WRITTEN_BY_A_SPREADSHEET = 'as a spreadsheet writes them: 1.2E+10, 1,2E+10 or ="001"'


def _key(text: str) -> int:
    return key_of(text.encode(errors="surrogatepass"))


class _Identifiers:
    """Counts different identifiers, and those that look wrong, in little memory."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen, self._alike = SeenKeys(), SeenKeys()
        self.count = 0
        self.suspicions = Counter[str]()

    def add(self, identifier: str) -> None:
        if self._seen.add(_key(identifier)):
            return
        self.count += 1
        if self._alike.add(_key(identifier.casefold().lstrip("0"))):
            self.suspicions[f"{self._what} whose identifiers {_ALIKE}"] += 1
        if _FROM_A_SPREADSHEET.fullmatch(identifier):
            self.suspicions[f"{self._what} {_WRITTEN_BY_A_SPREADSHEET}"] += 1


@dataclass
class Found:
    """What is in a file."""

    name: str
    columns: list[str] = field(default_factory=list)
    rows: int = 0
    events: int = 0
    versions: int = 0
    rejected: int = 0
    first: list[MedicationEvent] = field(default_factory=list)
    actions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    notes: Notes = field(default_factory=Notes)
    suspicions: Counter[str] = field(default_factory=Counter)
    earliest: datetime | None = None
    latest: datetime | None = None
    patients: int = 0

    def __str__(self) -> str:
        span = f", {self.earliest:%Y-%m-%d} to {self.latest:%Y-%m-%d}" if self.earliest else ""
        of_records = f" in {self.versions} versions of records" if self.versions else ""
        told = [
            f"{self.name}: {self.rows} records, {self.events} events{of_records}, "
            f"{self.rejected} rejected; {self.patients} patients{span}"
        ]
        if self.columns:
            told.append(f"columns: {', '.join(self.columns)}")
        for title, counted in (
            ("events", self.actions),
            ("rejected", self.reasons),
            ("told", self.notes),
            ("look at", self.suspicions),
        ):
            told += (f"{title}: {count:>9,}  {what}" for what, count in counted.most_common())
        told += (
            f"first: {each.event_time:%Y-%m-%d %H:%M:%S}Z {each.action} {each.patient_id} "
            f"{each.medication_name} {each.order_id or ''}".rstrip()
            for each in self.first
        )
        return "\n".join(told)


class _Look:
    """Looks at one report after another."""

    def __init__(self, found: Found, now: datetime, *, is_hl7: bool) -> None:
        self._found = found
        # Some senders put 1 into every RXA-2, so that each dose would replace the one before.
        self._may_share_records = is_hl7
        self._now = now
        self._patients, self._orders = _Identifiers("patients"), _Identifiers("orders")
        self._told = sqlite3.connect("", isolation_level=None)
        self._told.executescript(_SET_UP)

    def ended(self) -> None:
        """Count what is known at the end alone, in whichever order it came."""
        self._found.patients = self._patients.count
        stopped, example = self._told.execute(_COUNT).fetchone()
        self._found.suspicions |= self._patients.suspicions | self._orders.suspicions
        (moved,) = self._told.execute(_COUNT_MOVED).fetchone()
        self._found.suspicions += Counter({f"{_STOPPED_FIRST} {example}": stopped, _MOVED: moved})
        self._told.close()

    def at(self, report: Report) -> None:
        """Count a report, and what looks wrong with it."""
        if isinstance(report, RecordVersion):
            self._found.versions += 1
            if self._may_share_records:
                self._at_version(report)
        for event in report.events if isinstance(report, RecordVersion) else [report]:
            self._at_event(event)

    def _at_version(self, version: RecordVersion) -> None:
        times = [each.event_time.timestamp() for each in version.events]
        if times:
            self._told.execute(_BEGIN, (_key(version.record_id), min(times)))

    def _at_event(self, event: MedicationEvent) -> None:
        found = self._found
        found.events += 1
        found.actions[event.action] += 1
        if len(found.first) < _FIRST:
            found.first.append(event)
        found.earliest = min(found.earliest or event.event_time, event.event_time)
        found.latest = max(found.latest or event.event_time, event.event_time)
        if event.event_time > self._now:
            found.suspicions["events in the future"] += 1
        self._patients.add(event.patient_id)
        if event.order_id is not None:
            self._orders.add(event.order_id)
        if event.action in _EDGES:
            history = f"{event.patient_id}\n{event.medication_name}\n{event.order_id}"
            at = event.event_time.timestamp()
            start, stop = (at, None) if event.action is Action.START else (None, at)
            name = f"{event.patient_id} {event.medication_name} {event.order_id or ''}".rstrip()
            self._told.execute(_TELL, (_key(history), start, stop, name))


def check_file(file: OpenFile, formats: Formats) -> Found:
    """Read a whole file, and publish nothing.

    Raises:
        UnreadableInput: it can't be read to its end.

    """
    found = Found(file.name)
    recognised = file.recognise(formats)
    look = _Look(found, datetime.now(UTC), is_hl7=recognised.is_hl7)
    for record in recognised.records:
        found.rows += 1
        _note_columns(record, found)
        try:
            for report in recognised.reports_of(record, found.notes):
                look.at(report)
        except NoEvent as problem:
            found.rejected += 1
            _note_reason(formats.with_word(record, str(problem)), found)
    look.ended()
    return found


def _note_columns(record: Record, found: Found) -> None:
    if not found.columns and isinstance(record.content, dict):
        found.columns = [legible(str(name))[:_MOST_WORD] for name in record.content]


def _note_reason(reason: str, found: Found) -> None:
    known = reason in found.reasons or len(found.reasons) < _MOST_REASONS
    found.reasons[reason if known else "other reasons"] += 1
