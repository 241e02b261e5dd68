"""Rows of periods as Parquet, where pyarrow is installed."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from consumer_app.exports.walk import Write
from consumer_app.rules.periods import Period

# Held in memory until they are written as a group, of which readers pass over whole ones.
_ROWS_OF_A_GROUP = 32_768


def has_pyarrow() -> bool:
    """Say whether Parquet can be written."""
    # Else it takes a gigabyte of addresses, and a stack for each core: see ``limit_memory``.
    os.environ |= {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1"}
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415 - not everybody installs it
    except ImportError:
        return False
    return True


@contextmanager
def parquet_rows(file: IO[bytes]) -> Iterator[Write]:
    """Write rows with times in UTC, to the microsecond; an end that has not come is null."""
    from pyarrow import field, schema, string, table, timestamp  # noqa: PLC0415
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415

    time = timestamp("us", "UTC")
    columns = schema(
        [
            field("patient_id", string(), nullable=False),
            field("medication_name", string(), nullable=False),
            field("start", time, nullable=False),
            field("end", time),
        ]
    )
    rows: list[tuple[Any, ...]] = []
    with ParquetWriter(file, columns) as writer:

        def write_group() -> None:
            turned = [list(column) for column in zip(*rows, strict=True)]
            rows.clear()
            writer.write_table(table(turned, schema=columns))

        def write(patient_id: str, periods: Sequence[Period]) -> None:
            rows.extend(
                (patient_id, each.medication_name, each.start, each.end) for each in periods
            )
            if len(rows) >= _ROWS_OF_A_GROUP:
                write_group()

        yield write
        if rows:
            write_group()
