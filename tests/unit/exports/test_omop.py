"""A period is a drug exposure of OMOP's Common Data Model, by decisions that are shown here."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from consumer_app.exports.omop import FILES, DrugExposures
from consumer_app.rules.periods import Period
from publisher_app.formats.profiles import read_profile
from tests.records import event
from tests.unit.exports.test_periods import periods
from tests.unit.publisher.test_profiles import read

CUT_OFF = datetime(2021, 3, 1, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")

Table = list[dict[str, str]]


def exported(
    *found: tuple[str, Sequence[Period]], zone: tzinfo = UTC
) -> tuple[Table, Table, Table]:
    """Write periods; give the exposures, the persons and the drugs."""
    files = [StringIO(newline="") for _ in FILES]
    exposures = DrugExposures(files, zone, CUT_OFF)
    for patient_id, of_patient in found:
        exposures.write(patient_id, of_patient)
    first, second, third = ([*csv.DictReader(StringIO(file.getvalue()))] for file in files)
    return first, second, third


def exposure(*times: str, zone: tzinfo = UTC) -> dict[str, str]:
    """Give the one exposure that a medication is which was started and stopped."""
    ([found], _, _) = exported(("2", periods("Heparin", *times)), zone=zone)
    return found


def test_an_exposure_has_the_columns_of_the_model_and_what_is_not_known_is_empty() -> None:
    file = StringIO(newline="")
    exposures = DrugExposures([file, StringIO(), StringIO()], UTC, CUT_OFF)
    exposures.write("2", periods("Heparin", "2021-01-01T22:00:00Z", "2021-01-02T06:30:00.25Z"))

    assert file.getvalue() == (
        "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,"
        "drug_exposure_start_datetime,drug_exposure_end_date,drug_exposure_end_datetime,"
        "verbatim_end_date,drug_type_concept_id,stop_reason,refills,quantity,days_supply,sig,"
        "route_concept_id,lot_number,provider_id,visit_occurrence_id,visit_detail_id,"
        "drug_source_value,drug_source_concept_id,route_source_value,dose_unit_source_value\r\n"
        "1,1,0,2021-01-01,2021-01-01 22:00:00,2021-01-02,2021-01-02 06:30:00.250000,2021-01-02,"
        "32818,,,,,,,,,,,Heparin,0,,\r\n"
    )


@pytest.mark.parametrize(
    ("end", "last_day", "as_reported"),
    [
        ("2021-01-02T00:00:00Z", "2021-01-01", "2021-01-02"),
        ("2021-01-02T00:00:00.000001Z", "2021-01-02", "2021-01-02"),
        ("2021-01-03T00:00:00Z", "2021-01-02", "2021-01-03"),
        ("2021-01-01T00:00:00Z", "2021-01-01", "2021-01-01"),
    ],
    ids=["midnight", "a moment later", "two days", "a dose at midnight"],
)
def test_the_end_s_day_is_the_last_with_any_of_the_period(
    end: str, last_day: str, as_reported: str
) -> None:
    found = exposure("2021-01-01T00:00:00Z", end)

    assert found["drug_exposure_end_date"] == last_day
    assert found["verbatim_end_date"] == as_reported
    assert found["drug_exposure_end_datetime"].startswith(as_reported)


@pytest.mark.parametrize(
    ("start", "last_day"),
    [("2021-01-01T00:00:00Z", "2021-03-01"), ("2021-04-05T06:00:00Z", "2021-04-05")],
    ids=["begun", "still to begin"],
)
def test_what_has_no_end_is_known_up_to_the_cut_off_and_has_no_reported_end(
    start: str, last_day: str
) -> None:
    found = exposure(start)

    assert found["drug_exposure_end_date"] == last_day
    assert (found["drug_exposure_end_datetime"], found["verbatim_end_date"]) == ("", "")


def test_an_end_that_is_still_to_come_stays_as_it_was_reported() -> None:
    found = exposure("2021-01-01T00:00:00Z", "2021-04-05T06:00:00Z")

    assert found["drug_exposure_end_date"] == "2021-04-05"
    assert found["drug_exposure_end_datetime"] == "2021-04-05 06:00:00"


def test_days_and_times_are_those_of_the_zone() -> None:
    found = exposure("2021-01-01T23:30:00Z", "2021-06-01T22:00:00Z", zone=BERLIN)

    assert found["drug_exposure_start_datetime"] == "2021-01-02 00:30:00"
    assert found["drug_exposure_start_date"] == "2021-01-02"
    assert found["drug_exposure_end_datetime"] == "2021-06-02 00:00:00"
    assert found["drug_exposure_end_date"] == "2021-06-01"


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("America/New_York", "0001-01-01 00:00:00", "9999-12-31 18:59:59.999999"),
        ("UTC", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"),
        ("Asia/Tokyo", "0001-01-01 09:18:59", "9999-12-31 23:59:59.999999"),
    ],
)
def test_what_the_calendar_of_the_zone_does_not_reach_is_at_its_end(
    zone: str, first: str, last: str
) -> None:
    # Today no such time is taken any more; version 1.0.0 took them.
    year_1, year_9999 = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    start = replace(event("start"), event_time=year_1)
    stop = replace(event("stop"), event_time=year_9999)
    dose = Period(start, replace(stop, event_time=year_1))
    to_come = Period(replace(start, event_time=year_9999), None)

    exposures, _, _ = exported(("2", [Period(start, stop), dose, to_come]), zone=ZoneInfo(zone))

    columns = ("drug_exposure_start_datetime", "drug_exposure_end_datetime")
    assert [tuple(each[name] for name in columns) for each in exposures] == [
        (first, last),
        (first, first),
        (last, ""),
    ]
    last_days = [each["drug_exposure_end_date"] for each in exposures]
    assert last_days == ["9999-12-31", "0001-01-01", "9999-12-31"]


def test_our_own_publisher_reads_the_periods_that_have_an_end_back_as_they_were(
    tmp_path: Path,
) -> None:
    ended = ("2021-01-05T00:00:00Z", "2021-01-08T00:00:00Z", "2021-01-08T00:00:00Z")
    file = tmp_path / FILES[0]
    with file.open("w", encoding="utf-8", newline="") as table:
        exposures = DrugExposures([table, StringIO(), StringIO()], UTC, CUT_OFF)
        exposures.write("K 7", periods("Heparin", *ended, "2021-01-08T06:30:00.25Z"))

    found = read(file, read_profile("omop-drug-exposure"), as_of="2021-03-01T12:00:00Z")

    assert found.periods("1") == [
        "Heparin 01-05 00:00 to 01-08 00:00",
        "Heparin 01-08 00:00 to 01-08 06:30",
    ]


def test_persons_are_numbered_in_the_export_and_the_map_alone_tells_who_they_are() -> None:
    heparin = periods("Heparin", "2021-01-01T00:00:00Z", "2021-01-02T00:00:00Z")
    dose = periods("Insulin", "2021-01-01T08:00:00Z", "2021-01-01T08:00:00Z")

    exposures, persons, drugs = exported(("K 7", heparin), ("K 7", dose), ("2, Süd", heparin))

    columns = ("drug_exposure_id", "person_id", "drug_source_value")
    assert [tuple(row[name] for name in columns) for row in exposures] == [
        ("1", "1", "Heparin"),
        ("2", "1", "Insulin"),
        ("3", "2", "Heparin"),
    ]
    assert persons == [
        {"person_id": "1", "patient_id": "K 7"},
        {"person_id": "2", "patient_id": "2, Süd"},
    ]
    assert drugs == [
        {"drug_source_value": name, "medication_name": name} for name in ("Heparin", "Insulin")
    ]


def test_names_that_are_too_long_for_the_model_are_shortened_and_stay_two() -> None:
    whole = ["x" * 50, "x" * 51, "x" * 52]
    dose = ("2021-01-01T08:00:00Z", "2021-01-01T08:00:00Z")

    exposures, _, drugs = exported(*(("2", periods(name, *dose)) for name in whole))

    values = [row["drug_source_value"] for row in exposures]
    assert values == [row["drug_source_value"] for row in drugs]
    digests = [sha256(name.encode()).hexdigest()[:12] for name in whole]
    assert values == ["x" * 50, *(f"{'x' * 37}~{digest}" for digest in digests[1:])]
    assert [row["medication_name"] for row in drugs] == whole
