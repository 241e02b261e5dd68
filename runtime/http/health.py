"""Health: liveness says that the process answers, readiness that it can do its work."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

Check = Callable[[], Awaitable[str | None]]
"""Returns what is wrong, or None."""


class Live(BaseModel):
    """The process answers."""

    status: str = Field(examples=["live"])


class Readiness(BaseModel):
    """Whether the service can do its work, and what keeps it from it."""

    status: str = Field(examples=["ready"])
    problems: dict[str, str] = Field(
        description="What is wrong, by the part that it is wrong with.", examples=[{}]
    )


def health_router(checks: Mapping[str, Check]) -> APIRouter:
    """Make the health routes over named checks."""
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> Live:
        """Say that the process answers; restart it when this does not."""
        return Live(status="live")

    @router.get("/ready", responses={503: {"model": Readiness, "description": "Not ready"}})
    async def ready(response: Response) -> Readiness:
        """Say whether the service can do its work now; send no traffic while it can't."""
        found = {name: await check() for name, check in checks.items()}
        problems = {name: problem for name, problem in found.items() if problem is not None}
        response.status_code = 503 if problems else 200
        return Readiness(status="not ready" if problems else "ready", problems=problems)

    return router
