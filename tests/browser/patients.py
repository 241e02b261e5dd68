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


FAKED_NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
PLANNED_HOURS = (-48, -24, 0, 24, 48)


def planned() -> list[dict[str, str]]:
    """Starts and stops in the past, at an instant that is taken for now, and in the future."""
    begin = (FAKED_NOW - _BEGIN) / timedelta(hours=1)
    events = []
    for start in PLANNED_HOURS:
        events.append(_event("planned", f"from {start}", "start", begin + start))
        for end in (each for each in PLANNED_HOURS if each >= start):
            name = f"from {start} to {end}"
            events.append(_event("planned", name, "start", begin + start))
            events.append(_event("planned", name, "stop", begin + end))
    return events


LONG_NAMES = (
    "Dexmedetomidine 100 micrograms/mL concentrate for solution for infusion, 2 mL ampoule",
    "Dexmedetomidine 100 micrograms/mL concentrate for solution for infusion, 4 mL ampoule",
    "Norepinephrine 0.1 mg/mL in sodium chloride 0.9 %, 50 mL syringe, continuous infusion",
    "Piperacillin/tazobactam/and-a-word-that-goes-on-and-on-without-any-place-to-break-it-at-all",
    "\u0628\u0627\u0631\u0627\u0633\u064a\u062a\u0627\u0645\u0648\u0644 1 g",
)


def stays() -> list[dict[str, str]]:
    """Two stays with years between them, names of any length, touching periods, and doses."""
    later = 24 * 180
    events = _events("stays", ("Cefazolin", "start", 0), ("Cefazolin", "stop", 30))
    for at, name in enumerate(LONG_NAMES):
        start = later + 7 * at
        events += _events("stays", (name, "start", start), (name, "stop", start + 20))
        events += _events("stays", (name, "start", start + 20), (name, "stop", start + 60 + at))
    doses = [
        ("Enoxaparin 40 mg", action, later + 8 * at)
        for at in range(9)
        for action in ("start", "stop")
    ]
    return events + _events("stays", *doses)


def nights() -> list[dict[str, str]]:
    """An hour of each night in which clocks are changed, as they are in Berlin."""
    changes = {"Back": datetime(2026, 10, 25, 0, 30, tzinfo=UTC)}
    changes["Forward"] = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    return [
        _event("nights", name, action, (start - _BEGIN) / timedelta(hours=1) + hours)
        for name, start in changes.items()
        for action, hours in (("start", 0), ("stop", 1))
    ]


def fresh(patient: str) -> list[dict[str, str]]:
    """Two medications that go on."""
    return _events(patient, ("Heparin", "start", 0), ("Ramipril", "start", 0))


def stopped(patient: str) -> list[dict[str, str]]:
    return _events(patient, ("Heparin", "stop", 24))


def crowd() -> list[dict[str, str]]:
    """More rows than a screen has room for, and as many reports without effect."""
    reports = [(f"Medication {at:02}", "start", at / 60) for at in range(60)]
    return _events("crowd", *reports, *(("Heparin", "stop", at) for at in range(1, 121)))


def handover() -> list[dict[str, str]]:
    """An order that takes over from another, periods that touch, and what is planned."""
    orders = [("start", 0, "n1"), ("start", 10, "n2"), ("stop", 20, "n1")]
    events = [
        {**_event("handover", "Heparin", action, hours), "order_id": order}
        for action, hours, order in orders
    ]
    touching = [("start", 0), ("stop", 40), ("start", 40)]
    return events + _events("handover", *(("Insulin", action, hours) for action, hours in touching))


def plans() -> list[dict[str, str]]:
    """What ends, and what begins, when nobody tests any more."""
    later = 24 * 365 * 70
    reports = [("Stopped later", "start", 0), ("Stopped later", "stop", later)]
    return _events("plans", *reports, ("Begun later", "start", later))


ALL = (handover, plans, example, boluses, cancelled, planned, stays, nights, crowd, ward)
