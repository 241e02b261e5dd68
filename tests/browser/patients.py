"""Made-up patients: each shows something that the page must show."""

from datetime import UTC, datetime, timedelta

_BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)


def _event(patient: str, medication: str, action: str, hours: float) -> dict[str, str]:
    return {
        "patient_id": patient,
        "medication_name": medication,
        "action": action,
        "event_time": (_BEGIN + timedelta(hours=hours)).isoformat(),
    }


def _events(patient: str, *reports: tuple[str, str, float]) -> list[dict[str, str]]:
    return [_event(patient, *report) for report in reports]


def example() -> list[dict[str, str]]:
    """Patient 2 of the assignment: one ongoing period, after a cancelled start."""
    reports = [("start", 0), ("cancel_start", 1), ("start", 2)]
    return _events("2", *(("Y", action, hours) for action, hours in reports))


WARD_PERIODS = [
    ("Heparin", 0, 140),
    ("Heparin", 150, 300),
    ("Norepinephrine", 0, 20),
    ("Norepinephrine", 20, 70),
    ("Vancomycin", 90, 90),
    ("Piperacillin/tazobactam", 40, 200),
]


def ward() -> list[dict[str, str]]:
    """Overlaps, periods that touch, one of no length, cancels, and reports without effect."""
    made = [
        event
        for medication, start, end in WARD_PERIODS
        for event in _events("ward", (medication, "start", start), (medication, "stop", end))
    ]
    return made + _events(
        "ward",
        ("Heparin", "start", 160),
        ("Heparin", "stop", 220),
        ("Heparin", "cancel_stop", 221),
        ("Piperacillin/tazobactam", "stop", 210),
        ("Ramipril", "stop", 100),
    )


def boluses() -> list[dict[str, str]]:
    """Four short periods that are one at the scale of days."""
    shots = [
        ("Propofol", action, (6 * shot + minute) / 60)
        for shot in range(4)
        for action, minute in (("start", 0), ("stop", 2))
    ]
    return _events("boluses", ("Saline", "start", 0), ("Saline", "stop", 200), *shots)


def cancelled() -> list[dict[str, str]]:
    return _events("cancelled", ("X", "start", 0), ("X", "cancel_start", 1))


def many(number: int, medications: int = 40) -> list[dict[str, str]]:
    """A patient with so many periods, one after the other in each medication."""
    events = []
    for index in range(number):
        turn, medication = divmod(index, medications)
        start = turn * 12 + medication / 7
        name = f"Medication {medication:02}"
        events += _events("many", (name, "start", start), (name, "stop", start + 8))
    return events
