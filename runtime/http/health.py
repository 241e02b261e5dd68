"""Health: liveness says that the process answers, readiness that it can do its work.

What answers queries may do so while it can receive nothing: that is a question of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

Check = Callable[[], Awaitable[str | None]]
"""Returns what is wrong, or None; a ``Remark`` is told, and hinders nothing."""


class Remark(str):
    """What a check has to tell though nothing is wrong."""

    __slots__ = ()


# A probe is not kept waiting for what its answer does not depend on.
_PATIENCE_SECONDS = 2.0
# An answer holds for so long: who asks more often costs RabbitMQ and the database no more.
_HOLDS_SECONDS = 1.0


class _Shared:
    """A check that is made once for all who ask while it is made, and for a second after."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._making: asyncio.Task[str | None] | None = None
        self._holds_until = 0.0

    async def __call__(self) -> str | None:
        if self._making is None or (self._making.done() and self._now() >= self._holds_until):
            self._making = asyncio.create_task(self._made())
        # Others wait for it, too: it goes on when one of them does not.
        return await asyncio.shield(self._making)

    async def _made(self) -> str | None:
        try:
            return await self._check()
        finally:
            self._holds_until = self._now() + _HOLDS_SECONDS

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class Live(BaseModel):
    """The process answers."""

    status: str = Field(examples=["live"])


class Readiness(BaseModel):
    """Whether the service can do its work, and all that is wrong."""

    status: str = Field(examples=["ready"])
    problems: dict[str, str] = Field(
        description="What is wrong, by the part that it is wrong with.", examples=[{}]
    )


def health_router(checks: Mapping[str, Check]) -> APIRouter:
    """Make the health routes over named checks, on all of which readiness depends."""
    router = _router()
    _add_readiness(router, _shared(checks), checks)
    return router


def answering_health_router(checks: Mapping[str, Check], answering: Collection[str]) -> APIRouter:
    """Make the health routes of a service that answers queries and receives what they ask for.

    Readiness depends on the checks named as ``answering``, receiving on all of them.
    """
    router = _router()
    checks = _shared(checks)
    _add_readiness(router, checks, answering)

    @router.get("/receiving", responses={503: {"model": Readiness, "description": "Not receiving"}})
    async def receiving(response: Response) -> Readiness:
        """Say whether what is sent is received and stored now; what is sent meanwhile waits."""
        return _tell(response, "receiving", await _problems(checks), checks)

    return router


def _shared(checks: Mapping[str, Check]) -> Mapping[str, Check]:
    return {name: _Shared(check) for name, check in checks.items()}


def _router() -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> Live:
        """Say that the process answers; restart it when this does not."""
        return Live(status="live")

    return router


def _add_readiness(router: APIRouter, checks: Mapping[str, Check], needed: Collection[str]) -> None:
    patient = {
        name: check if name in needed else _impatient(check) for name, check in checks.items()
    }

    @router.get("/ready", responses={503: {"model": Readiness, "description": "Not ready"}})
    async def ready(response: Response) -> Readiness:
        """Say whether the service can answer now; send no traffic while it can't."""
        return _tell(response, "ready", await _problems(patient), needed)


def _impatient(check: Check) -> Check:
    async def within() -> str | None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await check()
        except TimeoutError:
            return f"no answer within {_PATIENCE_SECONDS:g} s"

    return within


async def _problems(checks: Mapping[str, Check]) -> dict[str, str]:
    found = await asyncio.gather(*(check() for check in checks.values()))
    return {
        name: problem for name, problem in zip(checks, found, strict=True) if problem is not None
    }


def _tell(
    response: Response, status: str, problems: dict[str, str], needed: Collection[str]
) -> Readiness:
    good = all(isinstance(problems[name], Remark) for name in problems.keys() & needed)
    response.status_code = 200 if good else 503
    return Readiness(status=status if good else f"not {status}", problems=problems)
