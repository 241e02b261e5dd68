"""Real patients: the events of the MIMIC-IV demo give the periods that their source records."""

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consumer_app.rules.periods import medication_periods
from contracts import MedicationEvent, explain_event

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


def as_recorded(events: Events) -> Events:
    return events


def backwards(events: Events) -> Events:
    return events[::-1]


def shuffled(events: Events) -> Events:
    return random.Random(20210101).sample(events, len(events))


@pytest.mark.parametrize("arrive", [as_recorded, backwards, shuffled])
def test_all_505_histories_equal_their_source(
    arrive: Callable[[Events], Events], recorded: Events, true_periods: dict[History, Spans]
) -> None:
    patients: defaultdict[str, Events] = defaultdict(list)
    for event in arrive(recorded):
        patients[event.patient_id].append(event)

    found: defaultdict[History, Spans] = defaultdict(list)
    for patient_id, events in patients.items():
        for period in medication_periods(events, merge_gap=timedelta(0)).periods:
            found[patient_id, period.medication_name].append((period.start, period.end))

    assert (len(recorded), len(patients), len(true_periods)) == (7_082, 97, 505)
    assert dict(found) == true_periods
