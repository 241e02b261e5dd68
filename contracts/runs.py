"""Runs: what a publisher brings at one go, under a name by which it can be taken out again."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from contracts.event import Identifier, reasons

RUN_HEADER = "run-id"

RunId = Annotated[
    Identifier,
    Field(
        description="The run of a publisher that the events belong to: a file that was published, "
        "or what it was told. It is no part of an event, and changes no answer.",
        examples=["events.csv/1024/2026-11-24T10:00:00.000000Z"],
    ),
]


class MessageHeaders(BaseModel):
    """What a message says beside its events. Without a run, they belong to none."""

    run_id: Annotated[RunId | None, Field(alias=RUN_HEADER)] = None


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


def checked_run(name: object) -> str:
    """Return the name of a run as it is written on its way.

    Raises:
        ValueError: it can't be one.

    """
    try:
        return _RUN.validate_python(name)
    except ValidationError as error:
        raise ValueError(reasons(error)) from None
