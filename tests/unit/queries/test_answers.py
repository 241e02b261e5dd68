"""Answers are written whole: what is absent is null, and every field that is promised is there."""

import json
from datetime import UTC, datetime
from typing import Any

from consumer_app.queries.answers import (
    answer_events,
    write_answer,
    write_periods,
)
from consumer_app.rules.periods import medication_periods
from consumer_app.storage.store import ReceivedEvent
from contracts import FIELDS, MedicationEvent, explain_event

START = {
    "patient_id": "2",
    "medication_name": "Heparin",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
EVENT = explain_event(START)
WHOLE = {**START, "order_id": None, "event_id": None}
STRAY = {**WHOLE, "action": "stop", "event_time": "2021-01-01T01:00:00Z"}


def written(patient_id: str, *answer: Any, explain: bool = False) -> Any:  # noqa: ANN401 - JSON
    return json.loads(b"".join(write_periods(patient_id, *answer, explain=explain)))


def found() -> tuple[str, Any, Any]:
    events = [EVENT, explain_event(STRAY)]
    answer = medication_periods(events)
    return "2", answer, answer.periods


def test_periods_and_anomalies_are_written_whole() -> None:
    assert written(*found()) == {
        "patient_id": "2",
        "periods": [
            {"medication_name": "Heparin", "start": "2021-01-01T02:00:00Z", "end": None},
        ],
        "anomalies": [{**STRAY, "reason": "stop_without_start"}],
    }


def test_an_explanation_writes_each_event_whole() -> None:
    answer = written(*found(), explain=True)
    (period,) = answer["periods"]
    assert (period["opened_by"], period["closed_by"]) == (WHOLE, None)
    assert answer["events"] == [
        {**STRAY, "role": "unmatched", "counterpart": None},
        {**WHOLE, "role": "opened", "counterpart": None},
    ]


def received(event: MedicationEvent) -> ReceivedEvent:
    values = {name: getattr(event, name) for name in FIELDS}
    return ReceivedEvent(**values, received_at=datetime(2021, 1, 2, tzinfo=UTC))


def test_a_page_of_events_writes_each_whole_and_says_where_the_next_begins() -> None:
    events = [received(EVENT), received(EVENT)]

    last = json.loads(write_answer(answer_events("2", events, limit=2)))
    assert last == {
        "patient_id": "2",
        "events": [{**WHOLE, "received_at": "2021-01-02T00:00:00Z"}] * 2,
        "next": None,
    }
    first = json.loads(write_answer(answer_events("2", events, limit=1)))
    assert len(first["events"]) == 1
    assert first["next"]
