"""Periods as CSV: RFC 4180 in UTF-8, with times in UTC as JSON has them.

No cell is changed for the sake of spreadsheets, which take one that begins with "=" for a formula:
a name must be the one that was reported, to whoever reads it next.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO

import msgspec

from consumer_app.queries.answers import PeriodAnswer

HEADER = b"patient_id,medication_name,start,end\r\n"


def csv_rows(patient_id: str, periods: Iterable[PeriodAnswer]) -> bytes:
    """Write a row for each period; the end is empty while the patient is on the medication."""
    rows = StringIO()
    csv.writer(rows, lineterminator="\r\n").writerows(_cells(patient_id, periods))
    return rows.getvalue().encode()


def _cells(patient_id: str, periods: Iterable[PeriodAnswer]) -> Iterator[tuple[str, ...]]:
    for period in periods:
        end = "" if period.end is None else _written(period.end)
        yield patient_id, period.medication_name, _written(period.start), end


def _written(time: datetime) -> str:
    return msgspec.to_builtins(time)  # type: ignore[no-any-return] # a text, as in JSON
