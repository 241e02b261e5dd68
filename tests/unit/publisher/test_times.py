"""Times are read as real systems write them, and never guessed."""

from collections.abc import Sequence
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from publisher_app.formats.times import check_format, read_time

NO_OFFSET = "has no offset: write one, or name the zone with --timezone (PUBLISHER_TIMEZONE)"
EXAMPLE = "write it like 2021-01-01T02:00:00Z"
NO_TIME = (
    f"is not an ISO 8601 day and time: {EXAMPLE}, or name its format with --time-format "
    "(PUBLISHER_TIME_FORMAT)"
)
NUMBER = f"is a number alone, which may count seconds or days from any day: {EXAMPLE}"
DAY = f"is a day without the time of day: {EXAMPLE}"
ABBREVIATED = "abbreviates its zone, which can mean several: write the offset, such as +01:00"
NEXT_DAY = "has an hour 24, and days end before it: write 00:00 of the next day"
LEAP = "is a leap second, which can't be kept: write second 59"
NOT_THERE = f"is not a day and time that exist: {EXAMPLE}"


def in_utc(value: object, zone: str | None = None, formats: Sequence[str] = ()) -> str:
    read = read_time(value, ZoneInfo(zone) if zone else None, formats)
    return read.astimezone(UTC).isoformat()


def refusal(value: object, zone: str | None = None, formats: Sequence[str] = ()) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        read_time(value, ZoneInfo(zone) if zone else None, formats)
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
        "2021-01-01T02:00:00 UTC",
        "2021-01-01 02:00 GMT",
        "2021-01-01T02:00:00UTC",
        "2021-01-01T02:00Z[UTC]",
        "202101010200Z",
        "202101010200+0000",
        "20210101030000+0100",
        "20210101030000.0000+0100",
        "202012312130-0430",
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
        (1_700_000_000, NUMBER),
        (1.5, NUMBER),
        (True, NUMBER),
        (["2021-01-01T02:00:00Z"], NO_TIME),
        (20210101020000, NUMBER),
        (44197.25, NUMBER),
        ("1700000000", NUMBER),
        ("1700000000000", NUMBER),
        ("-1.5", NUMBER),
        ("44197", NUMBER),
        ("44197,25", NUMBER),
        ("2021-01-01", DAY),
        ("20210101", DAY),
        ("01.02.2021", DAY),
        ("1/2/21", DAY),
        ("02:00:00Z", NO_TIME),
        ("2021-01-01T02Z", NO_TIME),
        ("01/02/2021 02:00", NO_TIME),
        ("01.02.2021 02:00", NO_TIME),
        ("2021-W01-1T02:00:00Z", NO_TIME),
        ("2021-001T02:00:00Z", NO_TIME),
        ("2021-1-1T02:00:00Z", NO_TIME),
        ("2021-01-01T02:00:00 CET", ABBREVIATED),
        ("2021-01-01 02:00 mez", NO_TIME),
        ("20210101T0200MEZ", ABBREVIATED),
        ("2021-01-01T02:00:00Z[Europe/Berlin]", NO_TIME),
        ("2021-01-01T02:00:00 UTC+1", NO_TIME),
        ("2021-01-01T2:00 PM", NO_TIME),
        ("2021-01-01 02:00 PM", NO_TIME),
        ("2021010102", NUMBER),
        ("2021010102:00", NO_TIME),
        ("202113010200", NOT_THERE),
        ("202101012400", NEXT_DAY),
        ("20161231235960Z", LEAP),
        ("2016-12-31T23:59:60,5Z", LEAP),
        ("2021-02-29T02:00:00Z", NOT_THERE),
        ("2021-01-01T02:60:00Z", NOT_THERE),
        ("2021-01-01T24:00:00Z", NEXT_DAY),
        ("2021-01-01 24:00 +01:00", NEXT_DAY),
        ("20210101T240000Z", NEXT_DAY),
        ("2016-12-31T23:59:60Z", LEAP),
        ("0000-01-01T00:00:00Z", NOT_THERE),
        ("2021-01-01T02:00:00+24:00", NOT_THERE),
    ],
)
def test_what_is_no_day_and_time_is_refused_with_an_example(written: object, reason: str) -> None:
    assert refusal(written) == reason
    assert refusal(written, "Europe/Berlin") == reason


@pytest.mark.parametrize(
    "written",
    [
        "2021-01-01T02:00:00",
        "2021-01-01 02:00",
        "20210101T0200",
        "202101010200",
        "20210101020000.0",
    ],
)
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


GERMAN = ["%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("24.11.2020 08:15", "2020-11-24T07:15:00+00:00"),
        (" 24.11.2020 18:15:00 ", "2020-11-24T17:15:00+00:00"),
        ("1.7.2021 2:00", "2021-07-01T00:00:00+00:00"),
        # What needs no format is read as before.
        ("2021-07-01 02:00", "2021-07-01T00:00:00+00:00"),
        ("2021-07-01T02:00:00Z", "2021-07-01T02:00:00+00:00"),
        ("202107010200", "2021-07-01T00:00:00+00:00"),
    ],
)
def test_other_times_are_read_by_the_formats_that_are_named(written: str, kept: str) -> None:
    assert in_utc(written, "Europe/Berlin", GERMAN) == kept


def test_a_format_may_have_an_offset_and_needs_no_zone_then() -> None:
    formats = ["%b %d, %Y %I:%M %p %z"]
    assert in_utc("Jan 01, 2021 03:00 AM +0100", None, formats) == "2021-01-01T02:00:00+00:00"


def test_a_time_by_a_format_is_placed_in_the_zone_as_any_other() -> None:
    assert refusal("24.11.2020 08:15", None, GERMAN) == NO_OFFSET
    assert refusal("28.03.2021 02:30", "Europe/Berlin", GERMAN).startswith("does not exist")
    assert refusal("31.10.2021 02:30", "Europe/Berlin", GERMAN).startswith("is ambiguous")


@pytest.mark.parametrize("written", ["24/11/2020 08:15", "24.11.2020 24:00", "31.02.2021 08:00"])
def test_what_no_format_fits_is_refused(written: str) -> None:
    assert refusal(written, "Europe/Berlin", GERMAN) == NO_TIME


def test_of_two_formats_that_read_a_time_differently_none_is_guessed() -> None:
    formats = ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]
    assert in_utc("24/11/2020 08:15", "UTC", formats) == "2020-11-24T08:15:00+00:00"
    assert in_utc("11/11/2020 08:15", "UTC", formats) == "2020-11-11T08:15:00+00:00"
    assert refusal("02/11/2020 08:15", "UTC", formats) == (
        "is read differently by two of the formats that --time-format (PUBLISHER_TIME_FORMAT) names"
    )


@pytest.mark.parametrize(
    "written", [*GERMAN, "%m/%d/%y %I:%M %p", "%Y-%m-%d %H:%M", "%d%b%Y:%H:%M:%S", "%Y %j %H%M %z"]
)
def test_a_format_that_tells_a_day_and_its_minute_is_good(written: str) -> None:
    check_format(written)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("%d.%m.%Y %H:%Q", "has a directive that Python's strptime does not know"),
        ("%d.%m.%Y %H:%M%", "has a directive that Python's strptime does not know"),
        ("%d.%m.%Y %H:%M %Z", "%Z reads names of zones"),
        ("", "tells no"),
        ("dd.MM.yyyy HH:mm", "tells no"),
        ("%d.%m.%Y", "tells no"),
        ("%d.%m. %H:%M", "tells no"),
        ("%m.%Y %H:%M", "tells no"),
        ("%d.%m.%Y %H", "tells no"),
        ("%d.%m.%Y %I:%M", "tells no"),
        ("%Y-%d-%m %H:%M", "is like ISO 8601"),
        ("%d%m%Y%H%M", "is like ISO 8601"),
    ],
)
def test_a_format_that_leaves_something_to_guess_is_refused(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}"):
        check_format(written)


@pytest.mark.parametrize("digits", ["978307200000", "1609466400000", "1609466400000000"])
@pytest.mark.parametrize("formats", [(), ("%d.%m.%Y %H:%M",)])
def test_what_counts_milliseconds_or_microseconds_is_a_number_alone(
    digits: str, formats: Sequence[str]
) -> None:
    assert refusal(digits, "Europe/Berlin", formats) == NUMBER
    assert refusal(digits) == NUMBER


@pytest.mark.parametrize("year", ["1800", "1975", "2021", "2201"])
def test_digits_of_years_in_which_events_are_told_are_hl7_s(year: str) -> None:
    assert in_utc(f"{year}01010200", "UTC") == f"{year}-01-01T02:00:00+00:00"


@pytest.mark.parametrize("written", ["%y%m%d%H%M%S", "%d%m%Y%H%M", "%d%m%Y%H%M%S"])
def test_a_format_of_digits_that_could_be_hl7_s_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="like ISO 8601 or HL7's digits"):
        check_format(written)
