"""Rows of periods: as CSV, NDJSON or Parquet."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import IO

import msgspec

from consumer_app.exports.parquet import parquet_rows
from consumer_app.exports.walk import Write
from consumer_app.queries.answers import period_answer
from consumer_app.queries.csv_rows import HEADER, csv_rows
from consumer_app.rules.periods import Period

_encode = msgspec.json.Encoder().encode_lines


class _Row(msgspec.Struct):
    """A line of NDJSON: a period as ``/periods`` answers it, and whose it is."""

    patient_id: str
    medication_name: str
    start: datetime
    end: datetime | None


@contextmanager
def _csv_rows(file: IO[bytes]) -> Iterator[Write]:
    file.write(HEADER)

    def write(patient_id: str, periods: Sequence[Period]) -> None:
        file.write(csv_rows(patient_id, map(period_answer, periods)))

    yield write


@contextmanager
def _ndjson_rows(file: IO[bytes]) -> Iterator[Write]:
    def write(patient_id: str, periods: Sequence[Period]) -> None:
        rows = [_Row(patient_id, each.medication_name, each.start, each.end) for each in periods]
        file.write(_encode(rows))

    yield write


Rows = Callable[[IO[bytes]], AbstractContextManager[Write]]
"""Gives what writes rows to a file, which is whole once that is left."""

ROWS: Mapping[str, Rows] = {".csv": _csv_rows, ".ndjson": _ndjson_rows, ".parquet": parquet_rows}
"""How rows are written, by the ending of a file's name."""
