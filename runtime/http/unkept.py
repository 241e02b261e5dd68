"""Answers are kept nowhere, and taken for what they say they are, unless they say otherwise."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Unkept:
    """Lets no browser or proxy keep what may be a patient's, errors included.

    The files of the pages say themselves how they are kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""

        async def send_unkept(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_unkept)
