"""What is asked for is read as the events are: a text that looks equal finds them."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from consumer_app.queries.parameters import EventsQuery, PeriodsQuery
from contracts import reasons


@pytest.mark.parametrize("query", [PeriodsQuery, EventsQuery])
def test_a_patient_is_asked_for_as_the_events_name_them(
    query: type[PeriodsQuery] | type[EventsQuery],
) -> None:
    assert query(patient_id="\u00a0K 7\u2003").patient_id == "K 7"
    assert query(patient_id="K\u3000\u00a07").patient_id == "K 7"
    with pytest.raises(ValidationError) as caught:
        query(patient_id="K7\u200b")
    assert reasons(caught.value) == "patient_id: holds invisible characters: remove U+200B"


def test_a_medication_is_asked_for_as_the_events_name_it() -> None:
    asked = PeriodsQuery(patient_id="K7", medication_name=["Insulin  aspart", "Morphin\ufeff"])
    assert asked.medication_name == ["Insulin aspart", "Morphin"]


@pytest.mark.parametrize("time", ["2021-01-01T03:00:00 01:00", "2021-01-01T03:00:00.000000 01:00"])
def test_a_space_before_an_offset_is_the_plus_that_it_was(time: str) -> None:
    asked = PeriodsQuery.model_validate({"patient_id": "K7", "at": time, "from": time, "to": time})
    then = datetime(2021, 1, 1, 2, tzinfo=UTC)
    assert (asked.at, asked.from_, asked.to) == (then, then, then)


@pytest.mark.parametrize("time", ["2021-01-01 03:00", "2021-01-01T03:00:00 0100", "03:00 01:00"])
def test_a_space_elsewhere_in_a_time_is_not_guessed_at(time: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PeriodsQuery.model_validate({"patient_id": "K7", "at": time})
    assert "is not an RFC 3339 time with an offset" in reasons(caught.value)
