"""Periods as drug exposures of the OMOP Common Data Model 5.4; docs/exports.md says what is what.

A person's identifier stands in the map alone.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from datetime import MAXYEAR, UTC, date, datetime, timedelta, tzinfo
from hashlib import sha256
from itertools import count
from typing import TextIO

from consumer_app.rules.periods import Period

FILES = ("drug_exposure.csv", "person_map.csv", "drug_map.csv")

_DRUG_EXPOSURE = (
    "drug_exposure_id",
    "person_id",
    "drug_concept_id",
    "drug_exposure_start_date",
    "drug_exposure_start_datetime",
    "drug_exposure_end_date",
    "drug_exposure_end_datetime",
    "verbatim_end_date",
    "drug_type_concept_id",
    "stop_reason",
    "refills",
    "quantity",
    "days_supply",
    "sig",
    "route_concept_id",
    "lot_number",
    "provider_id",
    "visit_occurrence_id",
    "visit_detail_id",
    "drug_source_value",
    "drug_source_concept_id",
    "route_source_value",
    "dose_unit_source_value",
)
_NO_CONCEPT = 0
_EHR_ADMINISTRATION_RECORD = 32818
# The model's varchar(50).
_LONGEST_SOURCE_VALUE = 50
_DIGITS = 12
# From stop_reason to visit_detail_id.
_UNKNOWN = ("",) * 10
_MOMENT = timedelta(microseconds=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class DrugExposures:
    """Writes periods to the three ``FILES``: exposures, and what the numbers and names stand for.

    Numbers count from 1 in each export, and mean nothing in another one.
    """

    def __init__(self, files: Sequence[TextIO], zone: tzinfo, cut_off: datetime) -> None:
        """Days and times are those of ``zone``. What has no end is known up to the ``cut_off``."""
        self._write, self._write_person, self._write_drug = map(_rows, files)
        self._zone = zone
        self._cut_off = cut_off
        self._ids = count(1)
        self._person_ids = count(1)
        self._person: tuple[str, int] | None = None
        self._drugs: dict[str, str] = {}
        self._write([_DRUG_EXPOSURE])
        self._write_person([("person_id", "patient_id")])
        self._write_drug([("drug_source_value", "medication_name")])

    def write(self, patient_id: str, periods: Sequence[Period]) -> None:
        """Write some of a patient's periods of one medication; more of the patient may follow."""
        person_id = self._person_id(patient_id)
        drug = self._source_value(periods[0].medication_name)
        self._write(self._exposure(person_id, drug, period) for period in periods)

    def _exposure(self, person_id: int, drug: str, period: Period) -> Sequence[object]:
        start = self._local(period.start)
        end = None if period.end is None else self._local(period.end)
        return (
            next(self._ids),
            person_id,
            _NO_CONCEPT,
            start.date(),
            _datetime(start),
            self._last_day(period),
            "" if end is None else _datetime(end),
            "" if end is None else end.date(),
            _EHR_ADMINISTRATION_RECORD,
            *_UNKNOWN,
            drug,
            _NO_CONCEPT,
            "",
            "",
        )

    def _last_day(self, period: Period) -> date:
        """Name the last day of which any is in the period: the model's end is inclusive."""
        last = period.start
        if period.end is None:
            last = max(period.start, self._cut_off)
        elif period.end > period.start:
            last = period.end - _MOMENT
        return self._local(last).date()

    def _local(self, time: datetime) -> datetime:
        """Tell a time by the zone's clock; where the calendar ends before it, by its end."""
        try:
            return time.astimezone(self._zone)
        except OverflowError:
            end = _LAST if time.year == MAXYEAR else _FIRST
            return end.replace(tzinfo=self._zone)

    def _person_id(self, patient_id: str) -> int:
        if self._person is None or self._person[0] != patient_id:
            self._person = patient_id, next(self._person_ids)
            self._write_person([(self._person[1], patient_id)])
        return self._person[1]

    def _source_value(self, medication_name: str) -> str:
        if medication_name not in self._drugs:
            value = self._drugs[medication_name] = _source_value(medication_name)
            self._write_drug([(value, medication_name)])
        return self._drugs[medication_name]


def _source_value(name: str) -> str:
    """Shorten a name that is too long, so that two of them stay two."""
    if len(name) <= _LONGEST_SOURCE_VALUE:
        return name
    digest = sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{name[: _LONGEST_SOURCE_VALUE - _DIGITS - 1]}~{digest}"


def _datetime(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(" ")


def _rows(file: TextIO) -> Callable[[Iterable[Sequence[object]]], None]:
    return csv.writer(file, lineterminator="\r\n").writerows
