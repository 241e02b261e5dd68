"""The table of what each status says of starts and stops, cell by cell."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from publisher_app.formats.fhir.options import FhirOptions
from tests.unit.publisher.fhir.reading import administration, read

AT = {"effectivePeriod": None, "effectiveDateTime": "2021-01-01T08:00:00Z"}
BOTH = {"effectivePeriod": {"start": "2021-01-01T08:00:00Z", "end": "2021-01-01T10:00:00Z"}}
START = {"effectivePeriod": {"start": "2021-01-01T08:00:00Z"}}
EQUAL = {"effectivePeriod": {"start": "2021-01-01T08:00:00Z", "end": "2021-01-01T08:00:00Z"}}
NEVER = {"effectivePeriod": None}
POINT = ["start 08:00", "stop 08:00"]
WHOLE = ["start 08:00", "stop 10:00"]
BEGUN = ["start 08:00"]
TAKEN_AS_POINTS = "administrations whose end is not known, taken as points"
LEFT_OUT = "ends of administrations in progress, left out"
ON_HOLD = "administrations on hold whose end is not known, taken as started"


@pytest.mark.parametrize(
    ("status", "when", "edges", "note"),
    [
        ("completed", AT, POINT, None),
        ("completed", BOTH, WHOLE, None),
        ("completed", START, POINT, TAKEN_AS_POINTS),
        ("completed", EQUAL, POINT, None),
        ("stopped", AT, POINT, None),
        ("stopped", BOTH, WHOLE, None),
        ("stopped", START, POINT, TAKEN_AS_POINTS),
        ("stopped", EQUAL, POINT, None),
        ("in-progress", AT, BEGUN, None),
        ("in-progress", BOTH, BEGUN, LEFT_OUT),
        ("in-progress", START, BEGUN, None),
        ("in-progress", EQUAL, BEGUN, LEFT_OUT),
        ("on-hold", AT, [], None),
        ("on-hold", EQUAL, [], None),
        ("on-hold", BOTH, WHOLE, None),
        ("on-hold", START, BEGUN, ON_HOLD),
        *(("not-done", when, [], None) for when in (AT, BOTH, START, NEVER)),
        *(("entered-in-error", when, [], None) for when in (AT, BOTH, START, NEVER)),
    ],
)
def test_a_status_and_its_times_say_what_began_and_ended(
    status: str, when: dict[str, Any], edges: list[str], note: str | None
) -> None:
    found = read(administration(status=status, **when))
    assert found.reasons == []
    assert found.edges == edges
    assert found.notes == ({} if note is None else {note: 1})


@pytest.mark.parametrize("when", [AT, BOTH, START, NEVER])
def test_unknown_changes_nothing_and_is_told(when: dict[str, Any]) -> None:
    found = read(administration(status="unknown", **when))
    assert (found.versions, found.reasons) == ([], [])
    assert found.notes == {"administrations of status unknown, left out": 1}


@pytest.mark.parametrize("flag", ["notGiven", "wasNotGiven"])
def test_older_releases_say_by_a_flag_that_nothing_was_given(flag: str) -> None:
    assert read(administration(**{flag: True})).edges == []
    assert read(administration(**{flag: False})).edges == WHOLE


@pytest.mark.parametrize("flag", ["notGiven", "wasNotGiven"])
def test_of_what_was_not_given_an_error_takes_the_record_back_all_the_same(flag: str) -> None:
    fields = {"meta": None, flag: True}
    mistake = read(administration(status="entered-in-error", **fields)).versions
    refused, given = (read(administration(**each)).versions for each in (fields, {"meta": None}))
    assert [each.events for each in mistake] == [[]]
    assert refused[0].record_version < given[0].record_version < mistake[0].record_version


@pytest.mark.parametrize(
    "spelled", ["occurenceDateTime", "occurrenceDateTime", "effectiveTimeDateTime"]
)
def test_the_other_releases_spellings_of_an_instant_are_read(spelled: str) -> None:
    found = read(administration(effectivePeriod=None, **{spelled: "2021-01-01T08:00:00Z"}))
    assert found.edges == POINT


@pytest.mark.parametrize("spelled", ["occurencePeriod", "occurrencePeriod", "effectiveTimePeriod"])
def test_the_other_releases_spellings_of_a_period_are_read(spelled: str) -> None:
    assert (
        read(administration(effectivePeriod=None, **{spelled: BOTH["effectivePeriod"]})).edges
        == WHOLE
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"effectivePeriod": {"end": "2021-01-01T08:00:00Z"}}, "effectivePeriod: has an end alone"),
        (
            {"effectivePeriod": {"start": "2021-01-01T08:00:00Z", "end": "2021-01-01T07:59:59Z"}},
            "effectivePeriod: ends before it starts",
        ),
        (NEVER, "effective: is missing: write a dateTime, or a Period with its start"),
        ({"status": None}, "status: is missing"),
        ({"status": "done"}, "status: is none of FHIR's"),
        (
            {"effectivePeriod": None, "effectiveDateTime": "2021-01-01"},
            "effectiveDateTime: is a day without the time of day: write it like "
            "2021-01-01T02:00:00Z",
        ),
        (
            {"effectivePeriod": None, "effectiveDateTime": "2021-01-01T08:00:00"},
            "effectiveDateTime: has no offset: write one, or name the zone with --timezone "
            "(PUBLISHER_TIMEZONE)",
        ),
        ({"id": None}, "id: is missing, and so are identifier and fullUrl"),
        (
            {"status": 5},
            "is no MedicationAdministration: Expected `str | null`, got `int` - at `$.status`",
        ),
    ],
)
def test_what_tells_no_edges_is_rejected_with_the_reason(
    fields: dict[str, Any], reason: str
) -> None:
    found = read(administration(**fields))
    assert (found.versions, found.reasons) == ([], [reason])


def test_an_error_takes_the_record_back_whatever_else_it_lacks() -> None:
    only = administration(
        status="entered-in-error",
        subject=None,
        medicationCodeableConcept=None,
        effectivePeriod={"start": "2021-01-01"},
    )
    [version] = read(only).versions
    assert (version.record_id, version.events) == ("fhir/7", [])


def test_where_dates_are_allowed_a_date_is_the_whole_day_of_its_zone() -> None:
    options = FhirOptions(dates=True, zone=ZoneInfo("Europe/Berlin"))
    [version] = read(
        administration(effectivePeriod=None, effectiveDateTime="2021-07-01"), options
    ).versions
    assert [each.event_time.isoformat() for each in version.events] == [
        "2021-06-30T22:00:00+00:00",
        "2021-07-01T22:00:00+00:00",
    ]
    days = {"start": "2021-07-01"}
    [version] = read(administration(effectivePeriod=days), options).versions
    assert [each.event_time.isoformat() for each in version.events] == [
        "2021-06-30T22:00:00+00:00",
        "2021-07-01T22:00:00+00:00",
    ]
    days = {"start": "2021-07-01", "end": "2021-07-01"}
    [version] = read(administration(effectivePeriod=days, status="on-hold"), options).versions
    assert version.events == []
    days = {"start": "2021-03-27", "end": "2021-03-28"}  # the clock is put forward in the second
    [version] = read(administration(effectivePeriod=days), options).versions
    assert [each.event_time.isoformat() for each in version.events] == [
        "2021-03-26T23:00:00+00:00",
        "2021-03-28T22:00:00+00:00",
    ]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2021-02-30"])
def test_a_date_that_has_no_whole_day_is_rejected(day: str) -> None:
    options = FhirOptions(dates=True, zone=ZoneInfo("Asia/Tokyo"))
    found = read(administration(effectivePeriod=None, effectiveDateTime=day), options)
    assert found.reasons == ["effectiveDateTime: is not a day that exists"]


def test_where_the_action_is_a_method_its_word_says_it_and_the_request_is_the_order() -> None:
    options = FhirOptions(methods={"Started": "start", "Stopped": "stop", "Read": "none"})

    def given(word: str, when: str) -> list[Any]:
        resource = administration(
            effectivePeriod=None,
            effectiveDateTime=when,
            dosage={"method": {"coding": [{"code": word}]}},
            request={"reference": "MedicationRequest/9"},
        )
        found = read(resource, options)
        return [(e.action, e.order_id) for v in found.versions for e in v.events] + found.reasons

    assert given("Started", "2021-01-01T08:00:00Z") == [("start", "9")]
    assert given("Stopped", "2021-01-01T08:00:00Z") == [("stop", "9")]
    assert given("Read", "2021-01-01T08:00:00Z") == []
    assert given("Hung", "2021-01-01T08:00:00Z") == [
        "dosage.method: is none of the words that the profile names"
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"effectivePeriod": "yesterday"},
        {"request": [{"reference": "MedicationRequest/1"}]},
        {"contained": {"resourceType": "Patient"}},
    ],
)
def test_an_error_takes_the_record_back_whatever_shape_the_rest_of_it_has(
    other: dict[str, object],
) -> None:
    [version] = read(administration(status="entered-in-error", **other)).versions
    assert (version.record_id, version.events) == ("fhir/7", [])
    assert read(administration(**other)).versions == []
