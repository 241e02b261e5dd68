"""What is asked for is read as the events are: a text that looks equal finds them."""

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
