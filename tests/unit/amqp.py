"""A server of AMQP in this process, which misbehaves as a RabbitMQ can't be made to."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pamqp import base, commands, frame, header
from pamqp.body import ContentBody
from pamqp.common import FieldTable
from pamqp.exceptions import UnmarshalingException

_CAPABILITIES: FieldTable = {
    "capabilities": {"publisher_confirms": True, "basic.nack": True, "consumer_cancel_notify": True}
}
_ANSWERS: dict[str, base.Frame] = {
    "Connection.StartOk": commands.Connection.Tune(2047, 131_072, 0),
    "Connection.Open": commands.Connection.OpenOk(),
    "Connection.Close": commands.Connection.CloseOk(),
    "Channel.Open": commands.Channel.OpenOk(),
    "Channel.Close": commands.Channel.CloseOk(),
    "Confirm.Select": commands.Confirm.SelectOk(),
    "Basic.Qos": commands.Basic.QosOk(),
    "Basic.Get": commands.Basic.GetEmpty(),
    "Exchange.Declare": commands.Exchange.DeclareOk(),
    "Queue.Bind": commands.Queue.BindOk(),
    "Queue.Unbind": commands.Queue.UnbindOk(),
}


@dataclass(frozen=True)
class Published:
    """A message as it came, and the channel that it came on: the first that was opened is 1."""

    channel: int
    exchange: str
    routing_key: str
    properties: commands.Basic.Properties
    body: bytes


@dataclass
class AmqpServer:
    """Takes what is published, or refuses it, and says nothing to what it does not know."""

    waiting: deque[bytes] = field(default_factory=deque)
    """What is in the queue that is got from, whichever."""
    mute: frozenset[str] = frozenset()
    """Methods that are not answered."""
    refuses: bool = True
    """Whether what it does not take is refused, or never confirmed."""
    port: int = 0
    refused: list[Published] = field(default_factory=list)
    taken: list[Published] = field(default_factory=list)
    acknowledged: int = 0
    open: int = 0
    """Channels that are open."""
    opened: int = 0
    """Channels that were opened so far."""
    _refusing: int | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def open_channel(self) -> int:
        """Count a channel."""
        self.open += 1
        self.opened += 1
        return self.opened

    def takes(self, message: Published) -> bool:
        """Take nothing, for ever, that comes on the channel on which the first message came."""
        if self._refusing is None:
            self._refusing = message.channel
        is_taken = message.channel != self._refusing
        (self.taken if is_taken else self.refused).append(message)
        return is_taken

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to a client until it has gone."""
        talk = _Talk(self, writer)
        unread = b""
        while received := await reader.read(65_536):
            unread += received
            while True:
                try:
                    length, channel, came = frame.unmarshal(unread)
                except UnmarshalingException:
                    break
                unread = unread[length:]
                talk.hear(channel, came)
        writer.close()


class _Talk:
    def __init__(self, server: AmqpServer, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._writer = writer
        self._channels: dict[int, int] = {}
        self._tags = Counter[int]()
        self._publishing: dict[int, tuple[commands.Basic.Publish, header.ContentHeader, bytes]] = {}
        self._method: commands.Basic.Publish

    def hear(self, channel: int, came: frame.FrameTypes) -> None:
        match came:
            case header.ProtocolHeader():
                start = commands.Connection.Start(server_properties=_CAPABILITIES)
                self._say(0, start)
            case commands.Basic.Publish():
                self._method = came
            case header.ContentHeader():
                self._publishing[channel] = (self._method, came, b"")
                self._complete(channel)
            case ContentBody():
                method, head, body = self._publishing[channel]
                self._publishing[channel] = (method, head, body + came.value)
                self._complete(channel)
            case base.Frame() if came.name not in self._server.mute:
                self._answer(channel, came)

    def _complete(self, channel: int) -> None:
        method, head, body = self._publishing[channel]
        if len(body) < head.body_size:
            return
        self._tags[self._channels[channel]] += 1
        tag = self._tags[self._channels[channel]]
        message = Published(
            self._channels[channel], method.exchange, method.routing_key, head.properties, body
        )
        if self._server.takes(message):
            self._say(channel, commands.Basic.Ack(tag))
        elif self._server.refuses:
            self._say(channel, commands.Basic.Nack(tag))

    def _answer(self, channel: int, came: base.Frame) -> None:
        match came:
            case commands.Channel.Open():
                self._channels[channel] = self._server.open_channel()
            case commands.Channel.Close():
                self._server.open -= 1
            case commands.Basic.Ack():
                self._server.acknowledged += 1
            case commands.Queue.Declare():
                self._say(channel, commands.Queue.DeclareOk(came.queue, 0, 0))
            case commands.Basic.Get() if self._server.waiting:
                self._deliver(channel, self._server.waiting.popleft())
                return
        if came.name in _ANSWERS:
            self._say(channel, _ANSWERS[came.name])

    def _deliver(self, channel: int, body: bytes) -> None:
        self._say(channel, commands.Basic.GetOk(1, False, "", "", 0))
        self._say(channel, header.ContentHeader(0, len(body), commands.Basic.Properties()))
        self._say(channel, ContentBody(body))

    def _say(self, channel: int, said: frame.FrameTypes) -> None:
        self._writer.write(frame.marshal(said, channel))


@asynccontextmanager
async def amqp_server(
    waiting: Iterable[bytes] = (), mute: Iterable[str] = ()
) -> AsyncIterator[AmqpServer]:
    """Serve for as long as the context lasts."""
    server = AmqpServer(deque(waiting), frozenset(mute))
    listening = await asyncio.start_server(server.serve, "127.0.0.1")
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
