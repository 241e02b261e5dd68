"""MLLP: one message in flight on a connection, answered once it is confirmed."""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
import uvloop
from faststream.rabbit import RabbitBroker

from contracts import RecordVersion, Report
from publisher_app.failures import NotConfirmed
from publisher_app.formats.recognition import Formats
from publisher_app.inputs import mllp, mllp_frames
from publisher_app.inputs.mllp import Listening, MllpListener
from publisher_app.publishing import EventPublisher
from publisher_app.settings import PublisherSettings
from tests.unit.publisher.hl7.messages import ORDER, PATIENT, header, message, rxa, usual

CLOSED = "MLLP: the connection of 127.0.0.1 is closed: "
FRAME, END = b"\x0b%s\x1c\r", b"\x1c\r"


class Holding(EventPublisher):
    """Confirms when it is let to, or never, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__(RabbitBroker(), give_up_after=1)
        self.versions: list[RecordVersion] = []
        self.is_away = False
        self.lets = asyncio.Event()
        self.lets.set()
        self.waiting = asyncio.Event()

    async def publish(
        self, reports: Sequence[Report], run: str | None, source: str | None = None
    ) -> None:
        assert (run, source) == (None, None)
        self.waiting.set()
        await self.lets.wait()
        if self.is_away:
            raise NotConfirmed("RabbitMQ has not confirmed")
        self.versions += [each for each in reports if isinstance(each, RecordVersion)]


@asynccontextmanager
async def listening(
    publisher: Holding, port: int, allowed: Sequence[str] = ()
) -> AsyncIterator[None]:
    settings = PublisherSettings()
    where = Listening(port, [*map(ip_network, allowed)])
    async with MllpListener(Formats(settings), publisher, where).open():
        yield


class Sender:
    """A client that sends frames, and reads the answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, content: bytes) -> None:
        self.writer.write(content)

    async def answer(self) -> str:
        """Give the code that is answered; nothing where the connection is closed instead."""
        try:
            frame = await asyncio.wait_for(self.reader.readuntil(END), 10)
        except (asyncio.IncompleteReadError, ConnectionError):
            return ""
        assert frame.startswith(b"\x0b")
        return frame.partition(b"MSA|")[2][:2].decode()


@pytest.fixture
def publisher() -> Holding:
    return Holding()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Sender]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Sender(reader, writer)
    writer.close()


async def test_nobody_is_told_that_it_is_ready_while_nothing_listens(
    publisher: Holding, unused_tcp_port: int
) -> None:
    listener = MllpListener(Formats(PublisherSettings()), publisher, Listening(unused_tcp_port))
    assert await listener.problem() == "nothing listens for HL7 v2"
    async with listener.open():
        assert await listener.problem() is None
    assert await listener.problem() is not None


async def test_a_message_is_answered_once_it_is_confirmed_and_not_before(
    publisher: Holding, unused_tcp_port: int
) -> None:
    publisher.lets.clear()
    async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
        sender.send(FRAME % usual())
        await publisher.waiting.wait()
        answering = asyncio.create_task(sender.answer())
        assert await asyncio.wait([answering], timeout=0.05) == (set(), {answering})
        publisher.lets.set()
        assert await answering == "AA"
        sender.send(FRAME % usual(rxa(rxa_2="2")))
        assert await sender.answer() == "AA"
    assert [each.record_id[-1] for each in publisher.versions] == ["1", "2"]


async def test_without_a_confirmation_there_is_no_answer_and_the_connection_is_closed(
    publisher: Holding, unused_tcp_port: int
) -> None:
    publisher.is_away = True
    async with listening(publisher, unused_tcp_port):
        async with connected(unused_tcp_port) as sender:
            sender.send(FRAME % usual())
            assert await sender.answer() == ""
        publisher.is_away = False
        async with connected(unused_tcp_port) as sender:
            sender.send(FRAME % usual())
            assert await sender.answer() == "AA"
    assert len(publisher.versions) == 1


async def test_a_frame_may_come_in_any_pieces_and_line_ends_between_frames_are_nothing(
    publisher: Holding, unused_tcp_port: int
) -> None:
    async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
        for byte in FRAME % usual() + b"\r\n":
            sender.send(bytes([byte]))
            await sender.writer.drain()
        assert await sender.answer() == "AA"
        sender.send(FRAME % usual() + FRAME % usual())
        assert [await sender.answer(), await sender.answer()] == ["AA", "AA"]


@pytest.mark.parametrize(
    ("content", "answered", "published"),
    [
        (message(header(msh_9="ADT^A01"), PATIENT), "AR", 0),
        (message(header(), ORDER, rxa()), "AE", 0),
        (usual(rxa(rxa_2="1"), rxa(rxa_2="2", rxa_5="")), "AE", 1),
        (message(header(msh_10=""), PATIENT, ORDER, rxa()), "AE", 1),
        (b"no message at all", "AR", 0),
        (b"", "AR", 0),
        (b"MSH|^~\\&|\xff\xfe", "AE", 0),
    ],
)
async def test_what_can_not_be_taken_is_answered_too_so_that_the_sender_goes_on(
    publisher: Holding, unused_tcp_port: int, content: bytes, answered: str, published: int
) -> None:
    async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
        sender.send(FRAME % content)
        assert await sender.answer() == answered
        sender.send(FRAME % usual(rxa(rxa_2="9")))
        assert await sender.answer() == "AA"
    assert len(publisher.versions) == published + 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "what it sends does not begin with VT"),
        (b"\x0b" + b"x" * (2**20 + 2**17), "its message is longer than 1 MiB"),
    ],
)
async def test_what_is_no_frame_closes_the_connection(
    publisher: Holding,
    unused_tcp_port: int,
    content: bytes,
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
        sender.send(content)
        assert await sender.answer() == ""
    assert f"{CLOSED}{told}" in caplog.messages


async def test_a_message_that_does_not_end_closes_the_connection(
    publisher: Holding,
    unused_tcp_port: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mllp_frames, "_SECONDS", 0.05)
    async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
        sender.send(b"\x0bMSH|")
        assert await sender.answer() == ""
    assert f"{CLOSED}its message has not ended in time" in caplog.messages


async def test_only_the_addresses_that_are_named_may_send(
    publisher: Holding, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        listening(publisher, unused_tcp_port, ["10.0.0.0/8", "192.0.2.1/32"]),
        connected(unused_tcp_port) as sender,
    ):
        sender.send(FRAME % usual())
        assert await sender.answer() == ""
    assert "MLLP: 127.0.0.1 is refused: PUBLISHER_MLLP_ALLOW does not name it" in caplog.messages
    assert publisher.versions == []
    async with (
        listening(publisher, unused_tcp_port, ["127.0.0.0/8"]),
        connected(unused_tcp_port) as sender,
    ):
        sender.send(FRAME % usual())
        assert await sender.answer() == "AA"


async def test_many_connections_are_served_side_by_side(
    publisher: Holding, unused_tcp_port: int
) -> None:
    publisher.lets.clear()

    async def send(number: int) -> str:
        async with connected(unused_tcp_port) as sender:
            sender.send(FRAME % usual(rxa(rxa_2=str(number))))
            return await sender.answer()

    async with listening(publisher, unused_tcp_port):
        sending = [asyncio.create_task(send(number)) for number in range(16)]
        await publisher.waiting.wait()
        publisher.lets.set()
        assert await asyncio.gather(*sending) == ["AA"] * 16
    assert len({each.record_id for each in publisher.versions}) == 16


async def test_at_the_end_what_is_in_flight_is_finished_and_idle_connections_are_closed(
    publisher: Holding, unused_tcp_port: int
) -> None:
    publisher.lets.clear()
    async with connected_after(publisher, unused_tcp_port) as (idle, busy):
        assert await busy.answer() == "AA"
        assert await idle.answer() == ""


@asynccontextmanager
async def connected_after(publisher: Holding, port: int) -> AsyncIterator[tuple[Sender, Sender]]:
    """Connect twice, send a message by one, and end the listener while it is in flight."""
    context = listening(publisher, port)
    await context.__aenter__()
    async with connected(port) as idle, connected(port) as busy:
        busy.send(FRAME % usual())
        await publisher.waiting.wait()
        ending = asyncio.create_task(context.__aexit__(None, None, None))
        await asyncio.sleep(0)
        publisher.lets.set()
        yield idle, busy
        await ending


async def test_where_there_is_no_room_the_connection_that_was_quiet_for_the_longest_goes(
    publisher: Holding,
    unused_tcp_port: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mllp, "_MOST_CONNECTIONS", 2)
    async with (
        listening(publisher, unused_tcp_port),
        connected(unused_tcp_port) as first,
        connected(unused_tcp_port) as second,
    ):
        for number, each in enumerate((second, first)):
            each.send(FRAME % usual(rxa(rxa_2=str(number))))
            assert await each.answer() == "AA"
        async with connected(unused_tcp_port) as third:
            third.send(FRAME % usual(rxa(rxa_2="3")))
            assert await third.answer() == "AA"
            assert await second.answer() == ""
    assert f"{CLOSED[:-2]}, the longest quiet of 2: 127.0.0.1 needs room" in caplog.messages


def test_connections_that_are_reset_at_once_take_no_place(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    """On the event loop that the service runs on, which knows no peer of such a connection."""
    monkeypatch.setattr(mllp, "_MOST_CONNECTIONS", 10)

    async def reset_many_and_send() -> str:
        async with listening(Holding(), unused_tcp_port):
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", unused_tcp_port)) as connection:
                    at_once = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            await asyncio.sleep(0.05)
            async with connected(unused_tcp_port) as sender:
                sender.send(FRAME % usual())
                return await sender.answer()

    assert uvloop.run(reset_many_and_send()) == "AA"


async def test_one_in_the_middle_of_a_message_makes_no_room_for_another(
    publisher: Holding, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mllp, "_MOST_CONNECTIONS", 2)
    half, rest = (FRAME % usual())[:100], (FRAME % usual())[100:]
    async with (
        listening(publisher, unused_tcp_port),
        connected(unused_tcp_port) as slow,
        connected(unused_tcp_port) as quiet,
    ):
        quiet.send(FRAME % usual(rxa(rxa_2="2")))
        slow.send(half)
        assert await quiet.answer() == "AA"
        async with connected(unused_tcp_port) as third:
            third.send(FRAME % usual(rxa(rxa_2="3")))
            assert await third.answer() == "AA"
            assert await quiet.answer() == ""
            slow.send(rest)
            assert await slow.answer() == "AA"


async def test_where_all_send_another_is_refused(
    publisher: Holding,
    unused_tcp_port: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mllp, "_MOST_CONNECTIONS", 1)
    publisher.lets.clear()
    async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as first:
        first.send(FRAME % usual())
        await publisher.waiting.wait()
        async with connected(unused_tcp_port) as second:
            assert await second.answer() == ""
        publisher.lets.set()
        assert await first.answer() == "AA"
    assert "MLLP: 127.0.0.1 is refused: 1 others send" in caplog.messages


@pytest.mark.parametrize("name", ["MSALAB", "MSA KÖLN"])
async def test_the_code_that_is_logged_is_that_of_the_answer_whatever_the_header_says(
    publisher: Holding, unused_tcp_port: int, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    content = message(header(msh_5=name), PATIENT, ORDER, rxa())
    with caplog.at_level(logging.INFO):
        async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
            sender.send(FRAME % content)
            assert b"MSA|AA|42" in await sender.reader.readuntil(END)
    assert "MLLP: RAS^O17 42: 2 events, answer AA" in caplog.messages


async def test_an_error_of_the_program_closes_the_connection_and_tells_no_patient(
    publisher: Holding,
    unused_tcp_port: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("4711")

    monkeypatch.setattr(mllp, "acknowledgement", fail)
    async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
        sender.send(FRAME % usual())
        assert await sender.answer() == ""
    assert f"{CLOSED}an error of this program: KeyError" in caplog.messages
    assert "4711" not in caplog.text


async def test_a_message_of_nearly_a_mebibyte_is_taken_and_a_waiting_sender_fills_no_memory(
    publisher: Holding, unused_tcp_port: int
) -> None:
    long = usual(rxa()) + b"NTE|1||" + b"\x1c" * (1024 * 1024 - 1_000) + b".\r"
    async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
        sender.send(FRAME % long)
        assert await sender.answer() == "AA"
        publisher.lets.clear()
        publisher.waiting.clear()
        sender.send(FRAME % usual())
        await publisher.waiting.wait()
        sender.send((FRAME % long) * 8)
        with pytest.raises(TimeoutError):
            # What it can't send stays with it, beside what the two sockets hold.
            await asyncio.wait_for(sender.writer.drain(), 0.5)
        publisher.lets.set()


async def test_where_a_machine_has_addresses_of_one_kind_alone_these_are_listened_on(
    publisher: Holding, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mllp, "_LOCAL", ("127.0.0.1", "2001:db8::1"))
    async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
        sender.send(FRAME % usual())
        assert await sender.answer() == "AA"


async def test_the_log_tells_of_a_message_without_the_patient(
    publisher: Holding, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
            sender.send(FRAME % usual())
            await sender.answer()
            sender.send(FRAME % usual(rxa(rxa_20="Hung"), rxa(rxa_2="3")))
            await sender.answer()
    told = [each for each in caplog.messages if each.startswith("MLLP: RAS")]
    assert told == [
        "MLLP: RAS^O17 42: 2 events, answer AA",
        "MLLP: RAS^O17 42: 2 events, answer AE: RXA-20: is neither of HL7's codes nor a word of "
        "the profile",
    ]
    assert "4711" not in caplog.text
    assert "Heparin" not in caplog.text


async def test_what_is_worth_telling_of_a_senders_messages_is_told_once(
    publisher: Holding, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(publisher, unused_tcp_port), connected(unused_tcp_port) as sender:
        for number in ("1", "2"):
            sender.send(FRAME % usual(rxa(rxa_2=number, rxa_3="20210101080000")))
            assert await sender.answer() == "AA"
    told = [each for each in caplog.messages if "by that of MSH-7" in each]
    assert told == [
        "MLLP: messages have times without an offset, read by that of MSH-7; this is told once"
    ]
