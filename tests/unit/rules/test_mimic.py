"""Real patients: the events of the MIMIC-IV demo give the periods that their source records."""

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from consumer_app.rules.periods import medication_periods
from contracts import Action, MedicationEvent, explain_event

EXAMPLE = Path(__file__).parents[3] / "examples" / "mimic-iv-demo"

History = tuple[str, str]
Spans = list[tuple[datetime, datetime | None]]
Events = list[MedicationEvent]


def lines_of(name: str) -> list[dict[str, Any]]:
    with gzip.open(EXAMPLE / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def recorded() -> Events:
    return [explain_event(line) for line in lines_of("events.jsonl.gz")]


@pytest.fixture(scope="module")
def true_periods() -> dict[History, Spans]:
    return {
        (line["patient_id"], line["medication_name"]): [
            (datetime.fromisoformat(start), datetime.fromisoformat(end))
            for start, end in line["union"]
        ]
        for line in lines_of("periods.jsonl.gz")
    }


@pytest.fixture(scope="module")
def rows(recorded: Events) -> dict[History, Spans]:
    """Give each history's rows in the source: in each order as many starts as stops, in turn."""
    orders: defaultdict[tuple[str, str, str | None], Events] = defaultdict(list)
    for event in sorted(recorded, key=lambda event: event.event_time):
        orders[event.patient_id, event.medication_name, event.order_id].append(event)
    found: defaultdict[History, Spans] = defaultdict(list)
    for (patient_id, medication, _), events in orders.items():
        starts = [event.event_time for event in events if event.action == Action.START]
        stops = [event.event_time for event in events if event.action == Action.STOP]
        found[patient_id, medication] += zip(starts, stops, strict=True)
    return {history: sorted(spans) for history, spans in found.items()}


def as_recorded(events: Events) -> Events:
    return events


def backwards(events: Events) -> Events:
    return events[::-1]


def shuffled(events: Events) -> Events:
    return random.Random(20210101).sample(events, len(events))


in_any_order = pytest.mark.parametrize("arrive", [as_recorded, backwards, shuffled])


@in_any_order
def test_all_505_histories_equal_their_source(
    arrive: Callable[[Events], Events], recorded: Events, true_periods: dict[History, Spans]
) -> None:
    found, patients = answers(arrive(recorded), merge_gap=timedelta(0))

    assert (len(recorded), patients, len(true_periods)) == (7_082, 97, 505)
    assert found == true_periods


@in_any_order
def test_the_403_without_overlapping_orders_equal_their_rows_without_order_ids_too(
    arrive: Callable[[Events], Events], recorded: Events, rows: dict[History, Spans]
) -> None:
    apart = {history: spans for history, spans in rows.items() if not overlap(spans)}
    without = [
        replace(event, order_id=None)
        for event in recorded
        if (event.patient_id, event.medication_name) in apart
    ]
    found, _ = answers(arrive(without), merge_gap=None)

    assert len(apart) == 403
    assert found == apart


def answers(events: Events, merge_gap: timedelta | None) -> tuple[dict[History, Spans], int]:
    """Give the periods of each history, and the number of patients."""
    patients: defaultdict[str, Events] = defaultdict(list)
    for event in events:
        patients[event.patient_id].append(event)
    found: defaultdict[History, Spans] = defaultdict(list)
    for patient_id, theirs in patients.items():
        for period in medication_periods(theirs, merge_gap).periods:
            found[patient_id, period.medication_name].append((period.start, period.end))
    return dict(found), len(patients)


def overlap(spans: Spans) -> bool:
    """Tell whether any two of spans in time order do; those that touch don't."""
    return any(earlier[1] is None or later[0] < earlier[1] for earlier, later in pairwise(spans))
