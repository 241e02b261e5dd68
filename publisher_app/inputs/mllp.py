"""MLLP: HL7 v2 over TCP, one message in flight on each connection.

https://www.hl7.org/documentcenter/public/wg/inm/mllp_transport_specification.PDF. A message is
answered once RabbitMQ has confirmed what it reports. Where no confirmation comes there is no answer
at all, and the connection is closed: senders repeat what was not answered, and go on after errors.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import NamedTuple

from contracts import MAX_EVENTS, RecordVersion, legible
from publisher_app.failures import Failure
from publisher_app.formats.hl7.acknowledgements import Acknowledgement, acknowledgement
from publisher_app.formats.hl7.administrations import Administrations
from publisher_app.formats.hl7.errors import DATA_TYPE, Wrong
from publisher_app.formats.hl7.messages import Segment, header_of, read_message
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.recognition import Formats, Notes
from publisher_app.inputs.mllp_frames import AT_ONCE, NoFrame, frame_begins, framed, read_frame
from publisher_app.publishing import EventPublisher
from runtime.batching import Batcher

logger = logging.getLogger(__name__)

_LOCAL = ("127.0.0.1", "::1")
_EVERYWHERE = None
# Each may hold a message that it has not ended yet: 1 MiB.
_MOST_CONNECTIONS = 100
_RENEWAL_SECONDS = 60.0
# Less than the service waits for what is done beside it, before its connection to RabbitMQ ends.
_FAREWELL_SECONDS = 4.0
_MOST_TOLD = 64
# Not every system has all of them.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}

Network = IPv4Network | IPv6Network


class Tls(NamedTuple):
    """The certificate of a listener, and the authority of its clients' where they need one."""

    certificate: Path
    key: Path
    client_authority: Path | None = None


class Listening(NamedTuple):
    """Where is listened, and to whom."""

    port: int
    allowed: Sequence[Network] = ()
    """The addresses of senders; without any, this machine's, unless clients have certificates."""
    tls: Tls | None = None

    @property
    def is_open(self) -> bool:
        """Whether other machines may connect."""
        return bool(self.allowed) or (
            self.tls is not None and self.tls.client_authority is not None
        )


class MllpListener:
    """Takes messages over MLLP, as long as it is open."""

    def __init__(self, formats: Formats, publisher: EventPublisher, listening: Listening) -> None:
        self._formats = formats
        self._publisher = publisher
        # What comes on other connections meanwhile goes out together.
        self._publishing = Batcher(self._publish, most=MAX_EVENTS)
        self._listening = listening
        self._connections: set[asyncio.Task[None]] = set()
        # Those that wait for a message, for the longest first.
        self._quiet: dict[asyncio.Task[None], str] = {}
        self._noted: set[str] = set()
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._closing = self._is_open = False

    async def problem(self) -> str | None:
        """Say why nobody can send: for readiness."""
        return None if self._is_open else "nothing listens for HL7 v2"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listen for as long as the context lasts; what is in flight at its end is finished.

        Raises:
            OSError: the port is taken, or the certificates can't be read.

        """
        context = None if self._listening.tls is None else _context(self._listening.tls)
        server = await asyncio.start_server(
            self._accept,
            _EVERYWHERE if self._listening.is_open else _own_addresses(),
            self._listening.port,
            ssl=context,
            limit=AT_ONCE,
        )
        renewing = asyncio.create_task(_renew(context, self._listening.tls))
        logger.info("listening for HL7 v2 by MLLP on port %d", self._listening.port)
        self._is_open = True
        try:
            yield
        finally:
            self._is_open = False
            renewing.cancel()
            self._closing = True
            server.close()
            await self._finish()

    async def _finish(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                while self._in_flight:
                    self._idle.clear()
                    await self._idle.wait()
        for each in self._connections:
            each.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        peer = writer.get_extra_info("peername")
        address = peer[0] if peer else ""
        self._connections.add(task)
        try:
            # uvloop has no peer of a connection that was reset at once.
            if address and self._may_send(address):
                _keep_alive(writer.get_extra_info("socket"))
                await self._serve(task, address, reader, writer)
        except NoFrame as problem:
            logger.warning("MLLP: the connection of %s is closed: %s", address, problem)
        except (OSError, asyncio.CancelledError):
            pass  # it has gone, or we are: what was confirmed is
        except Exception as error:  # noqa: BLE001 - asyncio would print what it says
            # The name alone: the text of an unknown error may hold a patient's.
            logger.error(  # noqa: TRY400
                "MLLP: the connection of %s is closed: an error of this program: %s",
                address,
                type(error).__name__,
            )
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(OSError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()

    def _may_send(self, address: str) -> bool:
        sender = ip_address(address.partition("%")[0])
        sender = getattr(sender, "ipv4_mapped", None) or sender
        allowed = self._listening.allowed
        if allowed and not any(sender in network for network in allowed):
            logger.warning("MLLP: %s is refused: PUBLISHER_MLLP_ALLOW does not name it", sender)
            return False
        return len(self._connections) <= _MOST_CONNECTIONS or self._makes_room(address)

    def _makes_room(self, address: str) -> bool:
        """Close the connection that was quiet for the longest: its sender connects anew."""
        if not self._quiet:
            logger.warning("MLLP: %s is refused: %d others send", address, _MOST_CONNECTIONS)
            return False
        task = next(iter(self._quiet))
        other = self._quiet.pop(task)
        logger.warning(
            "MLLP: the connection of %s is closed, the longest quiet of %d: %s needs room",
            other,
            _MOST_CONNECTIONS,
            address,
        )
        task.cancel()
        return True

    async def _serve(
        self,
        task: asyncio.Task[None],
        address: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        while not self._closing:
            self._quiet[task] = address
            try:
                has_begun = await frame_begins(reader)
            finally:
                self._quiet.pop(task, None)
            if not has_begun:
                return
            content = await read_frame(reader)
            self._in_flight += 1
            try:
                answer = await self._take(content)
                if answer is not None:
                    writer.write(framed(answer.content))
                    await writer.drain()
            except Failure as failure:
                logger.warning(
                    "MLLP: no answer is given, and the connection of %s closed: %s",
                    address,
                    failure,
                )
                return
            finally:
                self._in_flight -= 1
                self._idle.set()

    async def _take(self, content: bytes) -> Acknowledgement | None:
        """Publish what a message reports; give the answer, if it asks for any.

        Raises:
            Failure: it was not confirmed.

        """
        header = header_of(content)
        reports, problem = self._read(content)
        if reports:
            size = sum(each.size for each in reports)
            if failure := await self._publishing.submit(reports, size):
                raise failure
        answer = acknowledgement(header, problem, datetime.now(UTC))
        _tell(header, sum(len(each.events) for each in reports), problem, answer)
        return answer

    async def _publish(self, reports: Sequence[RecordVersion]) -> Failure | None:
        """Publish what several connections have brought; all of them are told of a failure."""
        try:
            await self._publisher.publish(reports, None)
        except Failure as failure:
            return failure
        return None

    def _read(self, content: bytes) -> tuple[list[RecordVersion], Wrong | None]:
        reports: list[RecordVersion] = []
        options, notes = self._formats.hl7, Notes()
        try:
            message = read_message(content, options.charset)
            # The good ones before it raises are published, too: senders do not repeat the message.
            for version in Administrations(message, options, notes).versions():
                reports.append(version)  # noqa: PERF402
        except Wrong as problem:
            return reports, problem
        except NoEvent as problem:
            return reports, Wrong(DATA_TYPE, "RXA", str(problem))
        finally:
            self._tell_of(notes)
        return reports, None

    def _tell_of(self, notes: Notes) -> None:
        """Log what is worth telling beside errors: once, as it is so of each message then."""
        for note in notes.keys() - self._noted:
            logger.warning("MLLP: messages have %s; this is told once", note)
            self._noted.add(note)


def _own_addresses() -> Sequence[str]:
    """Give this machine's own addresses: it may have none of one kind."""
    found = []
    for address in _LOCAL:
        with suppress(OSError), socket.create_server((address, 0), family=_family(address)):
            found.append(address)
    return found


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _keep_alive(connection: socket.socket) -> None:
    """Let the system find out when a quiet sender is gone: it would hold its place for ever."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _tell(
    header: Segment | None, events: int, problem: Wrong | None, answer: Acknowledgement | None
) -> None:
    """Log what became of a message, without what it says of a patient."""
    what = "what is no message"
    if header is not None:
        named = ("^".join(filter(None, (header.text(9), header.text(9, 2)))), header.text(10))
        what = " ".join(legible(each)[:_MOST_TOLD] or "-" for each in named)
    code = "none" if answer is None else answer.code
    told = f"MLLP: {what}: {events} events, answer {code}"
    if problem is None:
        logger.info("%s", told)
    else:
        logger.warning("%s: %s", told, problem)


class _Told(ssl.SSLObject):
    """Logs what a handshake ends with: asyncio closes the connection without a word."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise  # it goes on
        except ssl.SSLError as error:
            words = getattr(error, "verify_message", None) or error.reason
            logger.warning("MLLP: a connection is closed: its TLS handshake failed: %s", words)
            raise


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Told
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    if tls.client_authority is not None:
        context.load_verify_locations(tls.client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def _renew(context: ssl.SSLContext | None, tls: Tls | None) -> None:
    """Take a new certificate for the connections to come, without a restart."""
    while context is not None and tls is not None:
        await asyncio.sleep(_RENEWAL_SECONDS)
        try:
            context.load_cert_chain(tls.certificate, tls.key)
        except (OSError, ssl.SSLError) as error:
            logger.warning("MLLP: the certificate can't be read, the former one stays: %s", error)
