"""Runs: what a publisher brings at one go, under a name by which it can be taken out again."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from contracts.event import Identifier, reasons
from contracts.text import legible

RUN_HEADER = "run-id"
SOURCE_HEADER = "run-source"
MAX_SOURCE_CHARACTERS = 256

RunId = Annotated[
    Identifier,
    Field(
        description="The run of a publisher that the events belong to: a file that was published, "
        "or what it was told. It is no part of an event, and changes no answer.",
        examples=["events.csv/1024/2026-11-24T10:00:00.000000Z"],
    ),
]


RunSource = Annotated[
    str,
    Field(
        description="Who brought this of the run, or from where, as far as the publisher can tell: "
        "the subject and address of a request, or the name of a file, unless somebody has named "
        "the run. Longer ones are cut off.",
        examples=["pump-gateway at 10.0.0.7", "file events.csv"],
    ),
]


class MessageHeaders(BaseModel):
    """What a message says beside its events. Without a run, they belong to none."""

    run_id: Annotated[RunId | None, Field(alias=RUN_HEADER)] = None
    run_source: Annotated[RunSource | None, Field(alias=SOURCE_HEADER)] = None


class ReadRun(NamedTuple):
    """The run that a message names, if any, or why what it names is none."""

    run: str | None
    refusal: str | None = None


_RUN = TypeAdapter(RunId)


def run_of_message(headers: Mapping[str, object]) -> ReadRun:
    """Read which run a message belongs to; what breaks the contract is told in words."""
    name = headers.get(RUN_HEADER)
    try:
        return ReadRun(None if name is None else checked_run(name))
    except ValueError as error:
        return ReadRun(None, f"{RUN_HEADER}: {error}")


def source_of_message(headers: Mapping[str, object]) -> str | None:
    """Read who brought it; what is no text is passed over, as no event depends on it."""
    source = headers.get(SOURCE_HEADER)
    return written_source(source) if isinstance(source, str) and source else None


def written_source(text: str) -> str:
    """Write who brought something in one line of at most MAX_SOURCE_CHARACTERS.

    Where several are listed, ``;`` stands between them, so none of them has one.
    """
    return legible(" ".join(text.split())).replace(";", "?")[:MAX_SOURCE_CHARACTERS]


def headers_of(run: str | None, source: str | None = None) -> dict[str, str]:
    """Write the headers of a message that belongs to a run, or to none."""
    if run is None:
        return {}
    return {RUN_HEADER: run} | ({} if source is None else {SOURCE_HEADER: source})


def checked_run(name: object) -> str:
    """Return the name of a run as it is written on its way.

    Raises:
        ValueError: it can't be one.

    """
    try:
        return _RUN.validate_python(name)
    except ValidationError as error:
        raise ValueError(reasons(error)) from None
