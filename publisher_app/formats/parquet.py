"""Parquet: tables by columns, of which the rows are read in batches where pyarrow is installed."""

import os
from collections.abc import Iterator
from itertools import chain
from typing import Any

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.records import Record

_ROWS_AT_ONCE = 4_096
_BYTES_AT_ONCE = 1024 * 1024


def parquet(descriptor: int, columns: Columns) -> Iterator[Record]:
    """Take an open file of Parquet apart; its rows have the texts that they would have in CSV.

    A null is an empty text. Lists, maps and structs are no cells: they are passed over. A record's
    place is the number of its row, from 1.

    Raises:
        UnreadableInput: pyarrow is not there, the file is cut off or broken, or it does not name
            the columns that it must.

    """
    try:
        from pyarrow import ArrowException  # noqa: PLC0415 - not everybody installs it
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415
    except ImportError:
        raise UnreadableInput("it is Parquet: install pyarrow to have it read") from None
    try:
        with (
            os.fdopen(os.dup(descriptor), "rb") as file,
            # Read ahead it would be held by groups of rows, which are of any length.
            ParquetFile(file, pre_buffer=False, buffer_size=_BYTES_AT_ONCE) as table,
        ):
            cells = [each.name for each in table.schema_arrow if _is_cell(each.type)]
            names = [name.strip() for name in cells]
            columns.check_header(names)
            batches = table.iter_batches(_ROWS_AT_ONCE, columns=cells, use_threads=False)
            rows = chain.from_iterable(
                zip(*map(_texts, batch.columns), strict=True) for batch in batches
            )
            for number, row in enumerate(rows, start=1):
                yield Record(number, dict(zip(names, row, strict=True)))
    except (ArrowException, OSError, UnicodeError):
        raise UnreadableInput("it is Parquet that is cut off or broken") from None


def _is_cell(kind: Any) -> bool:  # noqa: ANN401 - they are pyarrow's, which has no types
    """Say whether values of a type can be written as texts."""
    from pyarrow import ArrowNotImplementedError, nulls, string  # noqa: PLC0415

    try:
        nulls(0, kind).cast(string())
    except ArrowNotImplementedError:
        return False
    return True


def _texts(column: Any) -> list[str]:  # noqa: ANN401
    """Write a column's values as CSV would hold them; a number that is none is absent."""
    from pyarrow import ArrowInvalid, binary, compute, string, timestamp, types  # noqa: PLC0415

    kind = column.type
    if types.is_timestamp(kind) and kind.tz is not None:
        column = column.cast(timestamp(kind.unit, "UTC"))
    if types.is_floating(kind):
        column = compute.if_else(compute.is_nan(column), None, column)
    try:
        texts: list[str] = column.cast(string()).fill_null("").to_pylist()
    except ArrowInvalid:
        # Bytes that are not UTF-8 matter where a field holds them, as in any text.
        written = column.cast(binary()).fill_null(b"").to_pylist()
        texts = [each.decode(errors="surrogateescape") for each in written]
    return texts
