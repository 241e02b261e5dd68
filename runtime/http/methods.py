"""HEAD, which FastAPI answers with 405: it is answered wherever GET is."""

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """Lets what answers GET answer HEAD; uvicorn leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)
