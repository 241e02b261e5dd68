"""What holds for any message: it is read as it was written, and no refusal repeats its content."""

import json
import unicodedata
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from contracts import (
    NO_REPORTS,
    Action,
    CanonicalMessage,
    MedicationEvent,
    canonical_message,
    read_message,
    read_written,
    write_message,
)

EVENT = {
    "patient_id": "2",
    "medication_name": "Y",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
MARKER = "Zx9Qv7"


def texts(longest: int) -> st.SearchStrategy[str]:
    invisible = "\u115f\u1160\u2800\u3164\uffa0"
    letters = st.characters(
        categories=["L", "N", "P", "S"], exclude_characters=invisible
    ) | st.sampled_from(" \u0301")
    return (
        st.text(letters, min_size=1, max_size=longest)
        .map(lambda text: unicodedata.normalize("NFC", " ".join(text.split())))
        .filter(lambda text: 0 < len(text) <= longest)
    )


any_event = st.builds(
    MedicationEvent,
    patient_id=texts(128),
    medication_name=texts(256),
    action=st.sampled_from(Action),
    event_time=st.datetimes(
        datetime(1800, 1, 1),  # noqa: DTZ001 - the zone is named apart
        datetime(2999, 12, 31),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    order_id=st.none() | texts(128),
    event_id=st.none() | texts(128),
)


@given(st.lists(any_event, max_size=5))
def test_what_is_written_is_read_again(events: list[MedicationEvent]) -> None:
    assert read_message(write_message(events)) == (events, None)
    assert read_written(write_message(events)) == events


@given(st.lists(any_event, max_size=5))
def test_a_message_that_is_written_in_another_way_is_rewritten_and_one_of_ours_is_kept(
    events: list[MedicationEvent],
) -> None:
    ours = write_message(events)
    others = json.dumps(json.loads(ours), indent=1).encode()

    expected = CanonicalMessage(ours, NO_REPORTS, len(events))
    assert canonical_message(others) == canonical_message(ours) == expected


hostile = st.recursive(
    st.sampled_from([MARKER, MARKER + "\x00", MARKER * 99, "\ud800" + MARKER, f"2021-{MARKER}", 5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just(MARKER), inner),
    max_leaves=5,
)
hostile_event = st.fixed_dictionaries(
    {}, optional=dict.fromkeys((*EVENT, "order_id", "event_id", MARKER), hostile)
)
hostile_content = hostile_event | hostile | st.lists(hostile_event | hostile | st.just(EVENT))


@given(hostile_content, st.data())
def test_a_refusal_never_repeats_what_the_message_holds(
    content: object, draw: st.DataObject
) -> None:
    sent = json.dumps(content).encode()
    cut = sent[: draw.draw(st.integers(0, len(sent)))]
    for each in (sent, cut, sent + MARKER.encode()):
        events, refusal = read_message(each)
        assert MARKER not in (refusal or "")
        assert refusal or events or each == b"[]"
