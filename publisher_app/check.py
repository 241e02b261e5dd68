"""A file looked through, and nothing of it published: what is in it, and what looks wrong."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b

from contracts import Action, MedicationEvent, RecordVersion, Report, legible
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.recognition import Formats, Notes
from publisher_app.formats.records import Record
from publisher_app.inputs.files import OpenFile
from publisher_app.seen import SeenKeys

_FIRST = 5
_MOST_REASONS = 100
_MOST_WORD = 40
_FROM_A_SPREADSHEET = re.compile(r'\d+(\.\d+)?E\+?\d+|="?.*"?', re.IGNORECASE)


class _Distinct:
    """Counts different texts, in little memory."""

    def __init__(self) -> None:
        self._seen = SeenKeys()
        self.count = 0

    def add(self, text: str) -> bool:
        digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
        is_new = not self._seen.add(int.from_bytes(digest, signed=True))
        self.count += is_new
        return is_new


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

    def __init__(self, found: Found, now: datetime) -> None:
        self._found = found
        self._now = now
        self._patients, self._alike = _Distinct(), _Distinct()
        self._started = _Distinct()

    def at(self, report: Report) -> None:
        """Count a report, and what looks wrong with it."""
        if isinstance(report, RecordVersion):
            self._found.versions += 1
        for event in report.events if isinstance(report, RecordVersion) else [report]:
            self._at_event(event)

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
        self._at_patient(event.patient_id)
        history = f"{event.patient_id}\n{event.medication_name}\n{event.order_id}"
        if event.action is Action.START:
            self._started.add(history)
        elif event.action is Action.STOP and self._started.add(history):
            found.suspicions["stops before any start of their order, as the file has it"] += 1

    def _at_patient(self, patient: str) -> None:
        if self._patients.add(patient):
            alike = self._alike.add(patient.casefold().lstrip("0"))
            if not alike:
                what = "patients whose identifiers differ in leading zeros or case alone"
                self._found.suspicions[what] += 1
            if _FROM_A_SPREADSHEET.fullmatch(patient):
                what = 'identifiers as a spreadsheet writes them: 1.2E+10 or ="001"'
                self._found.suspicions[what] += 1
        self._found.patients = self._patients.count


def check_file(file: OpenFile, formats: Formats) -> Found:
    """Read a whole file, and publish nothing.

    Raises:
        UnreadableInput: it can't be read to its end.

    """
    found = Found(file.name)
    look = _Look(found, datetime.now(UTC))
    recognised = file.recognise(formats)
    for record in recognised.records:
        found.rows += 1
        _note_columns(record, found)
        try:
            for report in recognised.reports_of(record, found.notes):
                look.at(report)
        except NoEvent as problem:
            found.rejected += 1
            _note_reason(formats.with_word(record, str(problem)), found)
    return found


def _note_columns(record: Record, found: Found) -> None:
    if not found.columns and isinstance(record.content, dict):
        found.columns = [legible(str(name))[:_MOST_WORD] for name in record.content]


def _note_reason(reason: str, found: Found) -> None:
    known = reason in found.reasons or len(found.reasons) < _MOST_REASONS
    found.reasons[reason if known else "other reasons"] += 1
