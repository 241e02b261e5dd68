"""Delimited text: CSV, and its kin with semicolons, tabs or pipes."""

import csv
import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.records import MAX_CHARACTERS, TOO_LONG, Record
from publisher_app.formats.text import Source

_DELIMITERS = ",;\t|"
_SEPARATOR = re.compile(r'"?sep=([^\s"\w]|\t)"?[,;]*\s*', re.IGNORECASE)
_MAX_TITLE_LINES = 50

# Behind a delimiter a quote may follow spaces, which are none of the text's.
_parted = partial(csv.reader, skipinitialspace=True)


def delimited(source: Source, columns: Columns) -> Iterator[Record]:
    """Take delimited text apart, of which the first row is the header.

    Excel's line ``sep=;`` above it names the delimiter.

    Raises:
        UnreadableInput: the header does not name what it must.

    """
    lines = source.lines()
    told = _SEPARATOR.fullmatch(source.first)
    if told:
        next(lines)
    delimiter = told[1] if told else columns.delimiter or _delimiter(source.first, columns)
    seen: list[str] = []
    # Strict, as a quote that is not closed would otherwise swallow rows in silence.
    reader = _parted(_remembered(lines, seen), delimiter=delimiter, strict=True)
    before = source.line - 1 + bool(told)
    if not (header := _header(reader)):
        return
    if not columns.is_header(header):
        _refuse_titles(lines, before + reader.line_num, columns)
    columns.check_header(header)
    while True:
        line = before + reader.line_num + 1
        seen.clear()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(line, "".join(seen), f"is not CSV: {error}")
            continue
        if _is_row(values):
            yield _record(line, header, values, seen)


def _header(rows: Iterable[list[str]]) -> list[str]:
    try:
        return [name.strip() for name in next(filter(_is_row, rows), [])]
    except csv.Error as error:
        raise UnreadableInput(f"its header is not CSV: {error}") from None


def _is_row(values: Iterable[str]) -> bool:
    """Say whether there is anything in a row: spreadsheets write one without as delimiters."""
    return any(map(str.strip, values))


def _delimiter(header: str, columns: Columns) -> str:
    """Choose the delimiter that makes a header of a line, else the one that is in it most."""
    by_count = sorted(_DELIMITERS, key=header.count, reverse=True)
    fits = (each for each in by_count if columns.is_header(_names(header, each)))
    return next(fits, by_count[0])


def _names(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for row in _parted([line], delimiter=delimiter) for name in row]
    except csv.Error:
        return []


def _refuse_titles(lines: Iterator[str], number: int, columns: Columns) -> None:
    """Raise where the header follows under lines of another kind, of which ``number`` are read."""
    for title_lines, line in enumerate(islice(lines, _MAX_TITLE_LINES), start=number):
        if any(columns.is_header(_names(line, each)) for each in _DELIMITERS):
            raise UnreadableInput(
                f"its header is line {title_lines + 1}: pass over what stands above with "
                f"--skip-lines {title_lines} (PUBLISHER_SKIP_LINES)"
            )


def _record(line: int, header: list[str], values: list[str], seen: list[str]) -> Record:
    if len(seen[-1]) >= MAX_CHARACTERS:
        return Record(line, "".join(seen), TOO_LONG)
    if len(values) != len(header):
        if any(map(str.strip, values[len(header) :])):
            problem = f"has {len(values)} values where the header names {len(header)}"
            return Record(line, "".join(seen), problem)
        # Empty cells at a row's end may be missing, or be too many.
        values = [*values, *[""] * len(header)][: len(header)]
    return Record(line, dict(zip(header, values, strict=True)))


def _remembered(lines: Iterable[str], seen: list[str]) -> Iterator[str]:
    for line in lines:
        seen.append(line)
        yield line
