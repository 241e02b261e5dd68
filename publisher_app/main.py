"""The publisher's composition root: `faststream run publisher_app.main:app`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from publisher_app.access import ROUTES
from publisher_app.failures import Failure
from publisher_app.formats.profiles import ProfileProblem, read_profile, shipped_names
from publisher_app.formats.recognition import Formats
from publisher_app.inputs.fhir_http import fhir_router
from publisher_app.inputs.files import FileOutcome, open_file, publish_file
from publisher_app.inputs.folder import Folder
from publisher_app.inputs.http import events_router
from publisher_app.inputs.mllp import Listening, MllpListener, Tls
from publisher_app.intake import Intake
from publisher_app.progress import progress
from publisher_app.publishing import OPERATIONS, EventPublisher, logger
from publisher_app.settings import PublisherSettings
from runtime.access.configured import configured_access
from runtime.broker import broker_problem
from runtime.http.app import HttpApp
from runtime.http.bodies import Bodies
from runtime.http.health import Check, health_router
from runtime.http.pages import begin_with_documentation
from runtime.http.problems import answer_problems
from runtime.http.try_it_out import ADDRESS, offer_try_it_out
from runtime.logs import configure_logs
from runtime.processes import can_not_start
from runtime.settings import load_settings
from runtime.version import VERSION

_PROFILES = ".profiles"
_DESCRIPTION = "Takes medication administration events and publishes them to RabbitMQ, confirmed."


def make_app(settings: PublisherSettings) -> HttpApp:
    """Wire the publisher; nothing is connected or opened before it starts."""
    publisher = EventPublisher.of(settings)
    formats, intake = Formats(settings), Intake(publisher, settings)
    api = FastAPI(
        title="Medication events",
        version=VERSION,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
    )
    bodies = Bodies(settings.max_body_bytes, seconds=settings.body_timeout)
    api.include_router(events_router(formats, intake, bodies, settings.max_elements))
    api.include_router(fhir_router(formats, intake, bodies, settings.max_elements))
    checks: dict[str, Check] = {
        "broker": partial(broker_problem, publisher.broker),
        "publishing": publisher.problem,
    }
    work: list[Callable[[], Coroutine[Any, Any, None]]] = []
    if settings.folder is not None:
        by_name = dict(_folders(settings.folder, settings))
        for name, told in by_name.items():
            folder = Folder(
                settings.folder / name,
                partial(open_file, encoding=told.encoding_of_files, skip_lines=told.lines_to_skip),
                Formats(told),
                intake,
                polling=settings.folder_polling,
                watched_apart=() if name else by_name,
            )
            work.append(partial(_watch, folder, _spoken(name, told)))
            checks[f"folder {name}".rstrip()] = folder.problem
    if settings.mllp_port is not None:
        listener = mllp_listener(settings, formats, publisher)
        work.append(partial(_listen, listener))
        checks["mllp"] = listener.problem
    api.include_router(health_router(checks))
    begin_with_documentation(api)
    answer_problems(api, unavailable=Failure)
    if settings.try_it_out:
        offer_try_it_out(api, publisher.broker)

    if settings.input is not None:
        work.append(partial(_publish_file, settings.input, settings, formats, intake))
    return HttpApp(
        publisher.broker,
        api,
        access=configured_access(settings, ROUTES),
        operations=OPERATIONS,
        logger=logger,
        lifespan=_lifespan,
        # It ends before the connection to RabbitMQ does.
        beside=work,
        try_it_out=ADDRESS if settings.try_it_out else None,
    )


def mllp_listener(
    settings: PublisherSettings, formats: Formats, publisher: EventPublisher
) -> MllpListener:
    """Make the listener for HL7 v2 that the settings describe."""
    certificate, key = settings.mllp_tls_certificate, settings.mllp_tls_key
    tls = None
    if certificate is not None and key is not None:
        tls = Tls(certificate, key, settings.mllp_tls_client_authority)
    listening = Listening(settings.mllp_port or 0, settings.mllp_allow, tls)
    return MllpListener(formats, publisher, listening)


def _folders(folder: Path, settings: PublisherSettings) -> Iterator[tuple[str, PublisherSettings]]:
    """Yield a folder, and those in it for whose name there is a profile, each with its settings."""
    _check_ranks(settings, "the profile that PUBLISHER_PROFILE names")
    yield "", settings
    own = {each.stem: str(each) for each in (folder / _PROFILES).glob("*.toml")}
    for name in sorted({*own, *shipped_names()}):
        if (folder / name).is_dir():
            try:
                profile = read_profile(own.get(name, name))
            except ProfileProblem as problem:
                can_not_start(f"PUBLISHER_FOLDER: the directory {name}: {problem}")
            told = settings.model_copy(update={"profile": profile})
            _check_ranks(told, f"the directory {name}: the profile of that name")
            yield name, told


def _spoken(name: str, settings: PublisherSettings) -> str:
    """Say by which profile a folder is read, or a directory in it."""
    if name:
        return f"by the profile {name}"
    return "by the profile of PUBLISHER_PROFILE" if settings.profile else "without a profile"


def _check_ranks(settings: PublisherSettings, which: str) -> None:
    """See that what ranks the versions of rows is not the same for all files that will come."""
    table = settings.profile.table if settings.profile else None
    if table and table.record and table.record.version.written_as == "as-of":
        can_not_start(
            f"PUBLISHER_FOLDER: {which} ranks by the time of an export (as-of), and each file has "
            "its own: publish them by the command with --as-of, or name a column that ranks"
        )


async def _watch(folder: Folder, how: str) -> None:
    """Publish what falls into a folder until the service stops."""
    logger.info("%s is watched, and read %s", folder.path, how)
    await folder.watch()


async def _listen(listener: MllpListener) -> None:
    """Take messages until the service stops."""
    try:
        async with listener.open():
            await asyncio.Event().wait()
    except OSError as error:
        can_not_start(f"PUBLISHER_MLLP_PORT: {error}")


@asynccontextmanager
async def _lifespan() -> AsyncIterator[None]:
    yield
    logger.info("stopped")


async def _publish_file(
    name: str, settings: PublisherSettings, formats: Formats, intake: Intake
) -> None:
    outcome = FileOutcome(run=settings.run)
    try:
        opened = open_file(name, settings.encoding_of_files, settings.lines_to_skip)
        with opened as file, progress() as report:
            await publish_file(file, formats, intake, outcome, report, settings.rejects)
    except Failure as failure:
        logger.error("%s; %s", failure, outcome)
    else:
        logger.info("the input is published: %s", outcome)


_settings = load_settings(PublisherSettings)
configure_logs(_settings.log_level)
app = make_app(_settings)
