"""Delimited text: CSV, and its kin with semicolons or tabs."""

import csv
from collections.abc import Iterable, Iterator
from typing import IO

from publisher_app.formats.records import MAX_CHARACTERS, TOO_LONG, Record
from publisher_app.formats.text import lines

_DELIMITERS = ",;\t"


def delimited(first: str, text: IO[str]) -> Iterator[Record]:
    """Take delimited text apart, of which the first line is read already: the header."""
    delimiter = max(_DELIMITERS, key=first.count)
    seen: list[str] = []
    # Strict, as a quote that is not closed would otherwise swallow rows in silence.
    reader = csv.reader(_remembered(lines(first, text), seen), delimiter=delimiter, strict=True)
    header: list[str] = []
    while True:
        line = reader.line_num + 1
        seen.clear()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(line, "".join(seen), f"is not CSV: {error}")
            continue
        # Spreadsheets write a row without any content as delimiters alone.
        if not any(map(str.strip, values)):
            continue
        if header:
            yield _record(line, header, values, seen)
        else:
            header = [name.strip() for name in values]


def _record(line: int, header: list[str], values: list[str], seen: list[str]) -> Record:
    if len(seen[-1]) >= MAX_CHARACTERS:
        return Record(line, "".join(seen), TOO_LONG)
    if len(values) != len(header):
        problem = f"has {len(values)} values where the header names {len(header)}"
        return Record(line, "".join(seen), problem)
    return Record(line, dict(zip(header, values, strict=True)))


def _remembered(lines: Iterable[str], seen: list[str]) -> Iterator[str]:
    for line in lines:
        seen.append(line)
        yield line
