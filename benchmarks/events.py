"""Events as a hospital's export lists them: many patients, in the order of time."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from contracts import Action, MedicationEvent, read_message

_MEDICATIONS = [f"Medication {number} 100 mg" for number in range(200)]
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_EVENTS_A_PATIENT = 500
_ORDERS_A_PATIENT = 25
_FIRST_PATIENT = 10_000_000
BEDS = 560
"""Those of a hospital that has 27 million events in ten years, at 13 a patient and day, as the
MIMIC-IV demo has."""
_EVENTS_A_STAY = 55


def lines(count: int, *, event_ids: bool = True, beds: int | None = None) -> Iterator[str]:
    """Yield so many events as JSON, always the same: starts and stops in turn in each order.

    Each is of any patient, or of one of those who lie in so many beds: in a hospital a patient's
    events come in stays, of 55 events in the mean of the MIMIC-IV demo.
    """
    choose = random.Random(1)
    patients = _count_of_patients(count)
    orders = _any_order(choose, patients) if beds is None else _in_beds(choose, patients, beds)
    started: set[int] = set()
    for number, order in zip(range(count), orders, strict=False):
        action = "stop" if order in started else "start"
        started ^= {order}
        time = BEGIN + timedelta(seconds=number * 20)
        event_id = f',"event_id":"emar-{number}"' if event_ids else ""
        yield (
            f'{{"patient_id":"{_FIRST_PATIENT + order % patients}",'
            f'"medication_name":"{_MEDICATIONS[order % 199]}","action":"{action}",'
            f'"event_time":"{time:%Y-%m-%dT%H:%M:%SZ}",'
            f'"order_id":"{30_000_000 + order}"{event_id}}}'
        )


def _any_order(choose: random.Random, patients: int) -> Iterator[int]:
    while True:
        yield choose.randrange(patients * _ORDERS_A_PATIENT)


def _in_beds(choose: random.Random, patients: int, beds: int) -> Iterator[int]:
    lying = [choose.randrange(patients) for _ in range(beds)]
    while True:
        bed = choose.randrange(beds)
        if choose.randrange(_EVENTS_A_STAY) == 0:
            lying[bed] = choose.randrange(patients)
        yield lying[bed] + patients * choose.randrange(_ORDERS_A_PATIENT)


def patients_of(count: int) -> list[str]:
    """Name the patients that so many events are of."""
    return [str(_FIRST_PATIENT + number) for number in range(_count_of_patients(count))]


def _count_of_patients(count: int) -> int:
    return max(count // _EVENTS_A_PATIENT, 1)


def write_file(file: Path, count: int, *, event_ids: bool = True, beds: int | None = None) -> Path:
    """Write so many events as JSON Lines; see ``lines``."""
    with file.open("w") as out:
        out.writelines(f"{line}\n" for line in lines(count, event_ids=event_ids, beds=beds))
    return file


def events(count: int) -> list[MedicationEvent]:
    """Make so many events."""
    return [event for line in lines(count) for event in read_message(line.encode()).events]


def one_history(count: int) -> list[MedicationEvent]:
    """Make one history in shuffled order: a tenth of its events take back the one before."""
    choose = random.Random(2)
    made: list[MedicationEvent] = []
    is_open = False
    while len(made) < count:
        action = Action.STOP if is_open else Action.START
        made.append(_event(len(made), action))
        # One report in nine was a mistake.
        if choose.randrange(9) == 0:
            made.append(_event(len(made), Action(f"cancel_{action}")))
        else:
            is_open = not is_open
    choose.shuffle(made)
    return made[:count]


def _event(minute: int, action: Action) -> MedicationEvent:
    return MedicationEvent("1", "Heparin", action, BEGIN + timedelta(minutes=minute))


def one_patient(count: int) -> list[MedicationEvent]:
    """Make a patient's events: those of up to 25 orders, a start and a stop in turn in each.

    None of them is one of a file's, which would be stored once, and be waited for twice.
    """
    return [
        replace(event, event_id=f"before-{event.event_id}")
        for line in lines(min(count, _EVENTS_A_PATIENT))
        for event in read_message(line.encode()).events
    ]
