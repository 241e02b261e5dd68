"""The consumer's composition root: `faststream run consumer_app.main:app`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from fastapi import APIRouter, FastAPI

from consumer_app.access import ROUTES, SEARCH
from consumer_app.audit.answers import RecordedAnswers
from consumer_app.audit.audit import Audit
from consumer_app.audit.configured import configured_audit
from consumer_app.dead_letters import DeadLetters
from consumer_app.former_queue import empty_former_queue
from consumer_app.handlers import OPERATIONS, handle_events
from consumer_app.queries.apart import AnswersApart
from consumer_app.queries.fhir_routes import fhir_router
from consumer_app.queries.patients import patients_router
from consumer_app.queries.routes import periods_router
from consumer_app.replica_lag import ReplicaLag
from consumer_app.settings import ConsumerSettings
from consumer_app.storage.errors import DatabaseUnavailable, UnreadableEvents, UnusableDatabase
from consumer_app.storage.store import EventStore
from consumer_app.timeline import show_timeline
from consumer_app.trial import Trial
from runtime.access.configured import configured_access
from runtime.broker import broker_problem, make_broker, make_channel
from runtime.http.app import HttpApp, UnconnectedApp
from runtime.http.health import Check, answering_health_router, health_router
from runtime.http.problems import answer_problems
from runtime.logs import configure_logs
from runtime.processes import can_not_start
from runtime.settings import load_settings
from runtime.version import VERSION

logger = logging.getLogger("consumer_app")

_DESCRIPTION = "Stores medication events and answers in which periods each patient was on each."


def make_app(settings: ConsumerSettings) -> HttpApp:
    """Wire the consumer; nothing is connected or opened before it starts.

    One that does not receive is wired like any other, and described so: but nothing is connected to
    its broker, nor is anything written.
    """
    store = EventStore.at(settings.database_url, settings.terms(), read_only=not settings.receives)
    room = asyncio.Lock()
    as_here = {"DATABASE_URL": settings.database_url, "CONSUMER_RECEIVES": str(settings.receives)}
    answered_apart = AnswersApart(as_here, room)
    broker = make_broker(settings.rabbitmq_urls, logger, make_channel(), declares=settings.declare)
    dead_letters = DeadLetters(broker)
    trial = Trial(room)
    handle_events(broker, make_channel(settings.prefetch), store, dead_letters, trial)
    audit = configured_audit(settings)

    checks: dict[str, Check] = {
        "broker": partial(broker_problem, broker, consumers=1),
        "database": store.problem,
        "audit": audit.problem,
        "storing": store.write_problem,
        "dead-letters": dead_letters.problem,
        "trial": trial.problem,
    }
    api = FastAPI(
        title="Medication periods",
        version=VERSION,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
    )
    api.include_router(periods_router(store, answered_apart, settings.quiet_after))
    api.include_router(fhir_router(store, answered_apart))
    routes = dict(ROUTES)
    if settings.patient_search:
        routes |= SEARCH
        api.include_router(patients_router(store))
    api.include_router(_health(settings, store, checks))
    show_timeline(api, settings)
    answer_problems(api, unavailable=DatabaseUnavailable, unreadable=UnreadableEvents)

    kind = HttpApp if settings.receives else UnconnectedApp
    # Who may not declare may not unbind either: for them `python -m consumer_app declare` does it.
    empties = settings.receives and settings.declare
    beside = partial(empty_former_queue, settings.rabbitmq_urls)
    return kind(
        broker,
        api,
        access=configured_access(settings, routes)._replace(
            around=partial(RecordedAnswers, routes=routes, record=audit.record)
        ),
        operations=OPERATIONS,
        logger=logger,
        lifespan=_opened(settings, store, audit, answered_apart),
        beside=[beside] if empties else [],
    )


def _health(
    settings: ConsumerSettings, store: EventStore, checks: Mapping[str, Check]
) -> APIRouter:
    if settings.receives:
        return answering_health_router(checks, answering=["database", "audit"])
    replica = ReplicaLag(store.replication, settings.max_lag)
    answering = {name: checks[name] for name in ("database", "audit")}
    return health_router({**answering, "replica": replica.problem})


def _opened(
    settings: ConsumerSettings, store: EventStore, audit: Audit, answered_apart: AnswersApart
) -> Callable[[], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        if settings.receives and settings.max_lag is not None:
            logger.warning("CONSUMER_MAX_LAG is of no effect without CONSUMER_RECEIVES=false")
        async with store, audit:
            for opened in (store.prepare if settings.receives else store.look, audit.open):
                try:
                    await opened()
                except UnusableDatabase as error:
                    can_not_start(error)
                except DatabaseUnavailable as error:
                    # One that is away must not keep the service from starting.
                    logger.warning("%s", error)
            try:
                yield
            finally:
                await answered_apart.close()
        logger.info("stopped")

    return lifespan


_settings = load_settings(ConsumerSettings)
configure_logs(_settings.log_level)
app = make_app(_settings)
