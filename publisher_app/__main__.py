"""`python -m publisher_app FILE`: publishes a file of events and ends.

`python -m publisher_app declare` declares all in RabbitMQ, for services whose users may not.
"""

import asyncio
import io
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from publisher_app.check import check_file
from publisher_app.failures import Failure, UnreadableInput
from publisher_app.formats.fhir.gathered import Gathered
from publisher_app.formats.profiles import shipped_names
from publisher_app.formats.recognition import Formats
from publisher_app.formats.text import read_encoding
from publisher_app.inputs.files import FileOutcome, can_be_read_again, open_file, publish_file
from publisher_app.intake import Intake
from publisher_app.progress import progress
from publisher_app.publishing import EventPublisher
from publisher_app.settings import (
    PublisherSettings,
    read_as_of,
    read_columns,
    read_formats,
    read_profile_named,
    read_run,
    read_source,
)
from runtime.broker import declare_all
from runtime.broker_errors import BrokerUnavailable
from runtime.collector import spare_what_is_loaded
from runtime.logs import configure_logs
from runtime.settings import load_settings
from runtime.zones import read_zone

ALL_PUBLISHED, SOME_REJECTED, FAILED = 0, 1, 2


def main(  # noqa: PLR0913, PLR0917 - its options
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="JSON, CSV, FHIR or HL7 v2, gzipped or not, or Parquet; - is standard input. What "
            "resources refer to may be in any of them.",
        ),
    ],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Column of a field; repeatable."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Zone of times without an offset, such as Europe/Berlin.")
    ] = None,
    time_format: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FORMAT",
            help="How times are written if not as ISO 8601 or HL7 has it, such as "
            "'%d.%m.%Y %H:%M' (Python's strptime; %y is 1969 to 2068); repeatable.",
        ),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of a file that is not UTF-8: windows-1252, utf-16.")
    ] = None,
    skip_lines: Annotated[
        int | None, typer.Option(min=0, help="Lines above the header that are no part of it.")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rejected rows go.", show_default="beside FILE")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="How the source's tables, resources or messages are read: a TOML file, or one of "
            f"{', '.join(shipped_names())}.",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Publish nothing: read all of it, and show here what is found in it."
        ),
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="System that resources and messages come from, which their records begin with.",
            show_default="fhir, hl7",
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When the export was: of FHIR's `deleted` files, and of rows that a profile ranks "
            "by that (omop-drug-exposure).",
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Run that the events belong to; one that was retracted takes nothing any more.",
            show_default="FILE's name, size and time of change",
        ),
    ] = None,
) -> None:
    """Publish files of medication administration events.

    Exit status: 0 all published, 1 some rows rejected, 2 the input could not be read or RabbitMQ
    not be reached. Running it again is always safe.

    Where the users of the services may not declare exchanges and queues, `python -m publisher_app
    declare` does it, by one who may.

    What a wrong file has brought can be taken out again by the run that is shown at the end: see
    `python -m consumer_app database retract --help`. Published again, the file is the same run for
    as long as its time of change is the same.
    """
    settings = load_settings(PublisherSettings)
    configure_logs(settings.log_level)
    given = {
        "map": _checked("--map", read_columns, map_ or None),
        "timezone": _checked("--timezone", read_zone, timezone),
        "time_format": _checked("--time-format", read_formats, time_format or None),
        "encoding": _checked("--encoding", read_encoding, encoding),
        "skip_lines": skip_lines,
        "rejects": rejects,
        "profile": _checked("--profile", read_profile_named, profile),
        "source": _checked("--source", read_source, source),
        "as_of": _checked("--as-of", read_as_of, as_of),
        "run": _checked("--run", read_run, run),
    }
    told = {name: value for name, value in given.items() if value is not None}
    settings = settings.model_copy(update=told)
    if check:
        raise typer.Exit(_check(files, settings))
    raise typer.Exit(asyncio.run(_publish(files, settings)))


def declare() -> None:
    """Declare all exchanges and queues in RabbitMQ, by a user who may: the one of RABBITMQ_URL.

    Then the services' own users need no right to configure, with PUBLISHER_DECLARE=false and
    CONSUMER_DECLARE=false. What is there stays as it is, with its messages.
    """
    settings = load_settings(PublisherSettings)
    configure_logs(settings.log_level)
    try:
        asyncio.run(declare_all(settings.rabbitmq_urls))
    except BrokerUnavailable as unavailable:
        print(unavailable, file=sys.stderr)
        raise typer.Exit(FAILED) from None
    print("declared")


def _checked(option: str, read: Callable[[object], object], value: object) -> object:
    try:
        return read(value)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


async def _publish(files: Sequence[str], settings: PublisherSettings) -> int:
    _cancel_on_signals()
    spare_what_is_loaded()
    outcomes = [FileOutcome(run=settings.run)]
    try:
        with Gathered() as referred:
            formats = await asyncio.to_thread(_formats, files, settings, referred)
            await _publish_files(files, settings, formats, outcomes)
    except Failure as failure:
        return _failed(str(failure), outcomes[-1])
    except asyncio.CancelledError:
        return _failed("interrupted", outcomes[-1])
    return SOME_REJECTED if any(each.rejected for each in outcomes) else ALL_PUBLISHED


async def _publish_files(
    files: Sequence[str],
    settings: PublisherSettings,
    formats: Formats,
    outcomes: list[FileOutcome],
) -> None:
    """Publish files one behind another; the last of the ``outcomes`` is that of the one at work."""
    publisher = EventPublisher.of(settings)
    intake = Intake(publisher, settings)
    async with AsyncExitStack() as stack:
        for number, name in enumerate(files):
            outcome = outcomes[-1]
            opened = open_file(name, settings.encoding_of_files, settings.lines_to_skip)
            with opened as file, progress() as report:
                if number == 0:
                    await stack.enter_async_context(publisher.connected())
                await publish_file(file, formats, intake, outcome, report, settings.rejects)
            print(f"{name}: {outcome}" if len(files) > 1 else outcome)
            outcomes.append(FileOutcome(run=settings.run))


def _check(files: Sequence[str], settings: PublisherSettings) -> int:
    rejected = False
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What is in a file is shown as far as the terminal can.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with Gathered() as referred:
            formats = _formats(files, settings, referred)
            for name in files:
                with open_file(name, settings.encoding_of_files, settings.lines_to_skip) as file:
                    found = check_file(file, formats)
                print(found)
                rejected |= found.rejected > 0
    except Failure as failure:
        print(failure, file=sys.stderr)
        return FAILED
    return SOME_REJECTED if rejected else ALL_PUBLISHED


def _formats(files: Sequence[str], settings: PublisherSettings, referred: Gathered) -> Formats:
    """Give the formats; first read of several files what their resources may refer to.

    What can't be read is told when its turn comes. A single file is looked through as it is read.
    """
    if len(files) == 1:
        return Formats(settings)
    for name in files:
        if can_be_read_again(name):
            with (
                open_file(name, settings.encoding_of_files, settings.lines_to_skip) as file,
                suppress(UnreadableInput),
            ):
                file.gather(referred)
    return Formats(settings, referred)


def _cancel_on_signals() -> None:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _failed(problem: str, outcome: FileOutcome) -> int:
    print(f"{problem}; {outcome}. Publishing it again is safe.", file=sys.stderr)
    return FAILED


if __name__ == "__main__":
    # A file of that name is ./declare.
    if sys.argv[1:2] == ["declare"]:
        del sys.argv[1]
        typer.run(declare)
    else:
        typer.run(main)
