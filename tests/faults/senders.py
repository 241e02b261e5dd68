"""Senders of HL7 v2 by MLLP, as hospitals have them: they repeat what was not answered."""

import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx

from tests.faults.background import UntilEnded
from tests.services import ServiceProcess, eventually
from tests.unit.publisher.hl7.messages import header, message, rxa

SENDERS = 16
_BEGIN = datetime(2021, 1, 1, tzinfo=UTC)
_PAUSE_SECONDS = 0.02
_ANSWER_SECONDS = 20.0
_LONGEST_SECONDS = 120.0
_CORRECTED, _CUT_OFF = 0.1, 0.2
_RESET = struct.pack("ii", 1, 0)


class Administration(NamedTuple):
    """What a message reports: the last one of an order counts."""

    order: int
    ends: datetime

    @property
    def period(self) -> tuple[str, str]:
        """As it is answered."""
        return _answered(_begins(self.order)), _answered(self.ends)


class Sender(UntilEnded):
    """Reports a patient's administrations one by one, and corrections, until it is ended."""

    def __init__(self, port: int, patient: str, chance: random.Random, *, cuts_off: bool) -> None:
        late = "what is repeated is never accepted"
        super().__init__(self._report, _PAUSE_SECONDS, _LONGEST_SECONDS, late)
        self.patient = patient
        self.sent: dict[int, Administration] = {}
        self.accepted = 0
        self._port = port
        self._chance = chance
        self._cuts_off = cuts_off
        self._connection: socket.socket | None = None

    def end(self) -> None:
        """Return once all is accepted that was begun; raise what went wrong, if anything did."""
        try:
            super().end()
        finally:
            self._drop()

    def _report(self) -> None:
        administration = self._next()
        self.sent[administration.order] = administration
        self._send(self._written(administration))
        self.accepted += 1

    def _next(self) -> Administration:
        is_corrected = self.sent and self._chance.random() < _CORRECTED
        order = self._chance.choice([*self.sent]) if is_corrected else len(self.sent)
        minutes = self._chance.randrange(1, 60)
        return Administration(order, _begins(order) + timedelta(minutes=minutes))

    def _written(self, administration: Administration) -> bytes:
        made = _BEGIN + timedelta(seconds=self.accepted)
        return message(
            header(msh_7=_written(made), msh_10=str(self.accepted)),
            f"PID|1||{self.patient}^^^HOSPITAL^MR",
            f"ORC|RE||{self.patient}-{administration.order}^PHARMACY",
            rxa(rxa_3=_written(_begins(administration.order)), rxa_4=_written(administration.ends)),
        )

    def _send(self, content: bytes) -> None:
        frame = b"\x0b%s\x1c\r" % content
        while not self._is_accepted(frame):
            self._drop()
            time.sleep(_PAUSE_SECONDS)

    def _is_accepted(self, frame: bytes) -> bool:
        try:
            if self._connection is None:
                address = ("127.0.0.1", self._port)
                self._connection = socket.create_connection(address, _ANSWER_SECONDS)
            if self._cuts_off and self._chance.random() < _CUT_OFF:
                self._connection.sendall(frame[: self._chance.randrange(1, len(frame))])
                return False
            self._connection.sendall(frame)
            answer = _read(self._connection)
        except OSError:
            return False
        assert not answer or f"MSA|AA|{self.accepted}\r".encode() in answer, answer
        return bool(answer)

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._connection.close()
        self._connection = None


class Senders:
    """Several senders, and whether what they have sent is what is answered."""

    def __init__(self, port: int, chance: random.Random, *, cut_off: bool = False) -> None:
        """``cut_off`` has them reset connections in the middle of messages, too."""
        self._each = [
            Sender(port, f"mllp-{number}", random.Random(chance.random()), cuts_off=cut_off)
            for number in range(SENDERS)
        ]

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send for as long as the context lasts, and then until the last is accepted."""
        for each in self._each:
            each.start()
        try:
            yield
        finally:
            for each in self._each:
                each.end()

    @property
    def accepted(self) -> int:
        """How many messages were answered so far."""
        return sum(each.accepted for each in self._each)

    def wait_for_more(self, count: int = 3 * SENDERS) -> None:
        """Wait until so many more messages are answered."""
        enough = self.accepted + count
        eventually(lambda: self.accepted >= enough)

    def judge(self, consumer: ServiceProcess) -> tuple[int, int]:
        """Wait for all that was sent; count the periods that are lost, and those too many."""
        expected = Counter(
            (each.patient, *administration.period)
            for each in self._each
            for administration in each.sent.values()
        )
        found: Counter[tuple[str, str, str]] = Counter()

        def is_all_there() -> bool:
            found.clear()
            for each in self._each:
                found.update(_periods(consumer, each.patient))
            return not expected - found

        with suppress(AssertionError):
            eventually(is_all_there)
        return (expected - found).total(), (found - expected).total()


def _periods(consumer: ServiceProcess, patient: str) -> Iterator[tuple[str, str, str]]:
    answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": patient}, timeout=60)
    for period in answer.raise_for_status().json()["periods"]:
        yield patient, period["start"], period["end"]


def _read(connection: socket.socket) -> bytes:
    """Read an answer; what has come of it where the connection ends before its end."""
    answer = b""
    while not answer.endswith(b"\x1c\r"):
        if not (part := connection.recv(4096)):
            return b""
        answer += part
    return answer


def _begins(order: int) -> datetime:
    return _BEGIN + timedelta(hours=order)


def _written(time: datetime) -> str:
    return f"{time:%Y%m%d%H%M%S}+0000"


def _answered(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
