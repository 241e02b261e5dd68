"""Times are read as real systems write them, and never guessed."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from publisher_app.formats.times import read_time

NO_OFFSET = "has no offset: write one, or name the zone with --timezone (PUBLISHER_TIMEZONE)"
NO_TIME = "is not an ISO 8601 day and time: write it like 2021-01-01T02:00:00Z"
NOT_THERE = "is not a day and time that exist: write it like 2021-01-01T02:00:00Z"


def in_utc(value: object, zone: str | None = None) -> str:
    return read_time(value, ZoneInfo(zone) if zone else None).astimezone(UTC).isoformat()


def refusal(value: object, zone: str | None = None) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        read_time(value, ZoneInfo(zone) if zone else None)
    return str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        "2021-01-01T02:00:00Z",
        "2021-01-01t02:00:00z",
        "2021-01-01 02:00:00Z",
        "2021-01-01T02:00:00 Z",
        "2021-01-01 02:00:00 +00:00",
        "2021-01-01T02:00:00+0000",
        "2021-01-01T02:00:00+00",
        "2021-01-01T02:00Z",
        "2021-01-01 02:00+0000",
        "20210101T020000Z",
        "20210101T0200Z",
        "20210101T020000+0000",
        "2021-01-01T02:00:00.000Z",
        "2021-01-01T02:00:00,0Z",
        "2021-01-01T02:00:00.000000999Z",
        "2021-01-01T04:00:00+02:00",
        "2021-01-01T04:00:00+0200",
        "2021-01-01T04:00+02",
        "2020-12-31T21:30:00-0430",
        "  2021-01-01T02:00:00Z\n",
    ],
)
def test_one_instant_is_written_in_many_ways(written: str) -> None:
    assert in_utc(written) == "2021-01-01T02:00:00+00:00"


def test_the_fraction_of_a_second_is_kept_to_the_microsecond() -> None:
    assert in_utc("2021-01-01T02:00:00,5Z") == "2021-01-01T02:00:00.500000+00:00"
    assert in_utc("2021-01-01T02:00:00.1234567Z") == "2021-01-01T02:00:00.123456+00:00"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (1_700_000_000, NO_TIME),
        (1.5, NO_TIME),
        (True, NO_TIME),
        (["2021-01-01T02:00:00Z"], NO_TIME),
        ("1700000000", NO_TIME),
        ("2021-01-01", NO_TIME),
        ("20210101", NO_TIME),
        ("02:00:00Z", NO_TIME),
        ("2021-01-01T02Z", NO_TIME),
        ("01/02/2021 02:00", NO_TIME),
        ("01.02.2021 02:00", NO_TIME),
        ("2021-W01-1T02:00:00Z", NO_TIME),
        ("2021-001T02:00:00Z", NO_TIME),
        ("2021-1-1T02:00:00Z", NO_TIME),
        ("2021-01-01T02:00:00 CET", NO_TIME),
        ("2021-01-01T2:00 PM", NO_TIME),
        ("2021-02-29T02:00:00Z", NOT_THERE),
        ("2021-01-01T02:60:00Z", NOT_THERE),
        ("2021-01-01T24:00:00Z", NOT_THERE),
        ("2021-01-01 24:00 +01:00", NOT_THERE),
        ("20210101T240000Z", NOT_THERE),
        ("2016-12-31T23:59:60Z", NOT_THERE),
        ("0000-01-01T00:00:00Z", NOT_THERE),
        ("2021-01-01T02:00:00+24:00", NOT_THERE),
    ],
)
def test_what_is_no_day_and_time_is_refused_with_an_example(written: object, reason: str) -> None:
    assert refusal(written) == reason
    assert refusal(written, "Europe/Berlin") == reason


@pytest.mark.parametrize("written", ["2021-01-01T02:00:00", "2021-01-01 02:00", "20210101T0200"])
def test_a_time_without_an_offset_needs_the_option(written: str) -> None:
    assert refusal(written) == NO_OFFSET
    assert in_utc(written, "Europe/Berlin") == "2021-01-01T01:00:00+00:00"


@pytest.mark.parametrize(
    ("zone", "written", "kept"),
    [
        ("Europe/Berlin", "2021-07-01T02:00:00", "2021-07-01T00:00:00+00:00"),
        ("Europe/Berlin", "2021-03-28T01:59:59", "2021-03-28T00:59:59+00:00"),
        ("Europe/Berlin", "2021-03-28T03:00:00", "2021-03-28T01:00:00+00:00"),
        ("Europe/Berlin", "2021-10-31T01:59:59", "2021-10-30T23:59:59+00:00"),
        ("Europe/Berlin", "2021-10-31T03:00:00", "2021-10-31T02:00:00+00:00"),
        # An offset that is written is stronger than the zone, and says which of two hours it is.
        ("Europe/Berlin", "2021-10-31T02:30:00+02:00", "2021-10-31T00:30:00+00:00"),
        ("Europe/Berlin", "2021-10-31T02:30:00+01:00", "2021-10-31T01:30:00+00:00"),
        ("Europe/Berlin", "2021-07-01T02:00:00Z", "2021-07-01T02:00:00+00:00"),
        ("Asia/Kolkata", "2021-07-01T02:00:00", "2021-06-30T20:30:00+00:00"),
        ("UTC", "2021-07-01T02:00:00", "2021-07-01T02:00:00+00:00"),
    ],
)
def test_a_zone_places_times_without_an_offset(zone: str, written: str, kept: str) -> None:
    assert in_utc(written, zone) == kept


@pytest.mark.parametrize("clock", ["02:00:00", "02:30:00", "02:59:59.999999"])
def test_a_time_that_the_zone_skips_or_has_twice_is_refused(clock: str) -> None:
    assert refusal(f"2021-03-28T{clock}", "Europe/Berlin") == (
        "does not exist in Europe/Berlin: the clock was put forward over it"
    )
    assert refusal(f"2021-10-31T{clock}", "Europe/Berlin") == (
        "is ambiguous in Europe/Berlin: the clock was put back over it; add an offset"
    )


def test_a_day_that_a_zone_skipped_does_not_exist_there() -> None:
    assert refusal("2011-12-30T12:00:00", "Pacific/Apia").startswith("does not exist")
