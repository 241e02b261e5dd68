"""Messages that break the contract in every way that was thought of."""

import json
import random
from collections.abc import Callable, Iterator

from contracts import MAX_EVENTS, MAX_MESSAGE_BYTES
from tests.faults.reports import Reports

_GOOD = {
    "patient_id": "patient-x",
    "medication_name": "Heparin",
    "action": "start",
    "event_time": "2026-01-01T00:00:00Z",
}
_WRONG_TIMES: tuple[object, ...] = (
    "yesterday", "2026-01-01", "01.02.2026 12:00", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2016-12-31T23:59:60Z",
    "\uff12\uff10\uff12\uff16-01-01T00:00:00Z", "", " ", 0, 1609466400, 1e300, True, None, [], {},
)  # fmt: skip
_WRONG_TEXTS: tuple[object, ...] = (
    "", " ", "a\x00b", "a\nb", "\x1b[2J", "\u0085x\u0085y", "\ud800", "x\udfff",
    "x" * 257, "é" * 100_000, 7, 7.5, False, None, ["a"], {"a": 1},
)  # fmt: skip
_WRONG_ACTIONS: tuple[object, ...] = ("", "START", "begin", "start\x00", 1, None, ["start"])
_NO_EVENTS = (
    b"", b" ", b"null", b"true", b"17", b'"start"', b"{}", b"[{}]", b"[[]]", b"[null]", b"NaN",
    b"\xef\xbb\xbf", b"\xff\xfe{}", b'{"patient_id"', b"[1,", b"{'patient_id': 1}",
    json.dumps(_GOOD).encode("utf-16"), json.dumps(_GOOD).encode() * 2,
    b'{"patient_id": "\\ud83d"}', b'{"patient_id": Infinity}',
)  # fmt: skip


def hostile_messages(chance: random.Random, reports: Reports, count: int) -> Iterator[bytes]:
    """Make messages that must all become dead letters.

    Some are lists that hold one of the ``reports`` too, which must be stored.
    """
    yield json.dumps([_GOOD] * (MAX_EVENTS + 1)).encode()
    yield b" " * (MAX_MESSAGE_BYTES + 1)
    yield json.dumps(_GOOD | {"patient_id": "x" * MAX_MESSAGE_BYTES}).encode()
    for _ in range(count - 3):
        if chance.random() < _MIXED:
            yield _mixed(chance, reports)
        else:
            yield chance.choice(_KINDS)(chance)


def _random_bytes(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(1, 300))


def _no_event(chance: random.Random) -> bytes:
    return chance.choice(_NO_EVENTS)


def _cut_short(chance: random.Random) -> bytes:
    whole = json.dumps(_GOOD).encode()
    return whole[: chance.randrange(1, len(whole))]


def _deeply_nested(chance: random.Random) -> bytes:
    opening, closing = chance.choice([(b"[", b"]"), (b'{"patient_id":', b"}")])
    depth = chance.randrange(1, 20_000)
    return opening * depth + b"1" + closing * chance.choice([0, depth])


def _wrong_value(chance: random.Random) -> bytes:
    field, values = chance.choice(
        [
            ("patient_id", _WRONG_TEXTS),
            ("medication_name", _WRONG_TEXTS),
            ("action", _WRONG_ACTIONS),
            ("event_time", _WRONG_TIMES),
        ]
    )
    return json.dumps(_GOOD | {field: chance.choice(values)}).encode()


def _field_missing(chance: random.Random) -> bytes:
    missing = chance.choice(list(_GOOD))
    return json.dumps({name: value for name, value in _GOOD.items() if name != missing}).encode()


def _mixed(chance: random.Random, reports: Reports) -> bytes:
    bad = [json.loads(_field_missing(chance)) for _ in range(chance.randrange(1, 30))]
    rows = [*bad, *(report.row for report in reports.take(1))]
    chance.shuffle(rows)
    return json.dumps(rows).encode()


_MIXED = 0.1
_KINDS: tuple[Callable[[random.Random], bytes], ...] = (
    _random_bytes,
    _no_event,
    _cut_short,
    _deeply_nested,
    _wrong_value,
    _wrong_value,
    _field_missing,
)
