"""Bytes tell whether a record is cut off at their end, in whatever parts they come."""

import gzip
from functools import partial

import pytest

from publisher_app.formats.endings import Ending

# Without the time, which would make each worker's tests others.
packed = partial(gzip.compress, mtime=0)


def is_whole(written: bytes, part: int = 1024) -> bool:
    ending = Ending()
    for start in range(0, len(written), part):
        ending.add(written[start : start + part])
    return ending.is_whole


@pytest.mark.parametrize("part", [3, 1024])
@pytest.mark.parametrize(
    ("written", "whole"),
    [
        (b"", True),
        (b" \n", True),
        (b"PAR1\n\x00\n1PAR1", True),
        (b"PAR1\n\x00\n", False),
        (b"\xef\xbb\xbf[{}]", True),
        (b"a,b\n1,2\n", True),
        (b"a,b\n1,2", False),
        (b"a,b\r\n1,2\r", False),
        (b'a,b\n1,"2\n', False),
        (b'a,b\n1,"2\n"\n', True),
        (b'{"a": 1}\n', True),
        (b'{"a": 1}', False),
        (b'{\n "a": 1,\n', False),
        (b'{\n "a": 1\n}\n', True),
        (b'{"events": [\n{"a": 1},\n', False),
        (b'[{"a": 1}', False),
        (b'[{"a": [1]\n', False),
        (b'[{"a": [1]}]', True),
        (b"MSH|^~\\&|A\rPID|1\r", True),
        (b"MSH|^~\\&|A\r\nPID|1\r\n", True),
        (b'\xef\xbb\xbfFHS|^~\\&|A\rMSH|^~\\&|5" tube\r', True),
        (b"BHS|^~\\&|A\rMSH|^~\\&|A\rPID", False),
        (b"\x0bMSH|^~\\&|A\rPID|1\r\x1c\r", True),
        (b"\r\n\x0bMSH|^~\\&|A\rPID|1\r\x1c\r\n", True),
        (b"\x0bMSH|^~\\&|A\rPID|1\r\x1c", True),
        (b"\x0bMSH|^~\\&|A\rPID|1\r", False),
        (packed(b"a,b\n1,2"), True),
        (packed(b"a,b\n1,2\n")[:-1], False),
        (packed(b"a,b\n") + packed(b"1,2\n"), True),
        (packed(b"a,b\n") + packed(b"1,2\n")[:10], False),
        (packed(b"\x00" * 5_000_000), True),
    ],
)
def test_an_ending(written: bytes, part: int, whole: bool) -> None:
    assert is_whole(written, part) == whole
