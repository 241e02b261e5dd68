"""Files are streamed: rows come out long before an input ends, and what is held is bounded."""

import gzip
import io
from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from typing import cast

import pytest

from publisher_app.failures import UnreadableInput
from publisher_app.formats.recognition import records_of
from publisher_app.formats.records import MAX_CHARACTERS
from publisher_app.formats.text import decode
from tests.unit.publisher.reading import AnyColumns

OBJECT = b'{"patient_id": "1", "event_time": "2021-01-01T00:00:00Z"}'


class Endless(io.RawIOBase):
    """Bytes without end, and a count of those that were read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while len(self._rest) < len(buffer):
            self._rest += next(self._parts)
        size = len(buffer)
        buffer[:], self._rest = self._rest[:size], self._rest[size:]
        self.count += size
        return size


def lines() -> Iterator[bytes]:
    return repeat(OBJECT + b"\n")


def array() -> Iterator[bytes]:
    return chain([b"["], repeat(OBJECT + b","))


def pretty_array() -> Iterator[bytes]:
    return chain([b"[\n"], repeat(b"  " + OBJECT.replace(b", ", b",\n    ") + b",\n"))


def csv() -> Iterator[bytes]:
    return chain([b"patient_id,event_time\n"], repeat(b"1,2021-01-01T00:00:00Z\n"))


def gzipped_lines() -> Iterator[bytes]:
    return repeat(gzip.compress((OBJECT + b"\n") * 100))


@pytest.mark.parametrize("form", [lines, array, pretty_array, csv, gzipped_lines])
def test_rows_of_an_endless_input_come_out_as_they_are_read(
    form: Callable[[], Iterator[bytes]],
) -> None:
    raw = Endless(form())
    rows = records_of(decode(cast("io.BufferedReader", raw)), AnyColumns())

    first = list(islice(rows, 10))
    after_ten = raw.count
    last = list(islice(rows, 50_000))[-1]

    assert all(row.content == last.content and row.problem is None for row in first)
    assert after_ten <= 2 * MAX_CHARACTERS
    # Afterwards it reads as much as it gives: some 57 bytes a row, or far fewer in gzip.
    assert raw.count - after_ten <= 5_000_000


def test_an_element_without_end_is_given_up_at_the_greatest_length() -> None:
    raw = Endless(chain([b'[{},\n{"a": "'], repeat(b"x" * 1024)))
    rows = records_of(decode(cast("io.BufferedReader", raw)), AnyColumns())

    assert next(rows).content == {}
    with pytest.raises(UnreadableInput):
        next(rows)
    assert raw.count <= 2 * MAX_CHARACTERS


def test_the_rows_before_a_broken_place_are_given_before_it_is_reached() -> None:
    raw = Endless(chain([(OBJECT + b"\n") * 50_000], repeat(b"\x00" * 1024)))
    rows = records_of(decode(cast("io.BufferedReader", raw)), AnyColumns())
    assert len(list(islice(rows, 49_000))) == 49_000
    assert raw.count < 50_000 * (len(OBJECT) + 1)
