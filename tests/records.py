"""Versions of records for tests, and by the definition which of their events count."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from msgspec.structs import replace

from consumer_app.rules.periods import MedicationPeriods, medication_periods
from contracts import Action, MedicationEvent, RecordVersion

BEGIN = datetime(2021, 1, 1, tzinfo=UTC)
PATIENTS = ("1", "2")


def version(record: str, number: str, *events: MedicationEvent) -> RecordVersion:
    return RecordVersion(record, number, [*events])


def event(
    action: str = "start",
    hour: float = 0,
    *,
    patient: str = "1",
    medication: str = "X",
    order: str | None = None,
    event_id: str | None = None,
) -> MedicationEvent:
    time = BEGIN + timedelta(hours=hour)
    return MedicationEvent(patient, medication, Action(action), time, order, event_id)


any_event = st.builds(
    event,
    st.sampled_from(Action),
    st.integers(0, 4),
    patient=st.sampled_from(PATIENTS),
    medication=st.sampled_from("XY"),
    order=st.sampled_from([None, "A"]),
    event_id=st.sampled_from([None, "1"]),
)

# As versions are told, and as code points sort: 10 is below 9, and a letter with an accent above z.
_NUMBERS = ("10", "9", "a", "z", "é", "\U0001f48a")


@st.composite
def any_versions(draw: st.DrawFn) -> list[RecordVersion]:
    """Draw versions of a few records, each at most once."""
    keys = st.tuples(st.sampled_from(["r/1", "r/2", "r/3"]), st.sampled_from(_NUMBERS))
    found = draw(st.lists(keys, unique=True, max_size=8))
    return [version(*key, *draw(st.lists(any_event, max_size=3))) for key in found]


@st.composite
def arrivals(draw: st.DrawFn, versions: Sequence[RecordVersion]) -> list[RecordVersion]:
    """Let versions arrive in any order, some again, and some of those that do not count never."""
    newest = {id(each) for each in newest_of(versions)}
    lost = draw(st.sets(st.sampled_from(range(len(versions))))) if versions else set()
    kept = [each for n, each in enumerate(versions) if n not in lost or id(each) in newest]
    again = draw(st.lists(st.sampled_from(kept), max_size=3)) if kept else []
    return draw(st.permutations([*kept, *again]))


def newest_of(versions: Iterable[RecordVersion]) -> list[RecordVersion]:
    """Rule 7, by its words: of each record the version that is highest by code point."""
    newest: dict[str, RecordVersion] = {}
    for each in versions:
        known = newest.get(each.record_id)
        if known is None or _code_points(each) > _code_points(known):
            newest[each.record_id] = each
    return [*newest.values()]


def _code_points(each: RecordVersion) -> list[int]:
    return [ord(character) for character in each.record_version]


def expected_periods(versions: Iterable[RecordVersion], patient: str) -> list[tuple[object, ...]]:
    """Find the periods of a patient by the events of the highest versions alone.

    Equal events of two records are two, and told apart here by what no period depends on.
    """
    return periods_of(
        medication_periods(
            replace(each, event_id=f"{version.record_id} {each.event_id}")
            for version in newest_of(versions)
            for each in version.events
            if each.patient_id == patient
        )
    )


def periods_of(found: MedicationPeriods) -> list[tuple[object, ...]]:
    return [(each.medication_name, each.start, each.end) for each in found.periods]
