"""Options that several commands have, read as the services read such values."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from contracts import Instant, reasons

Yes = Annotated[bool, typer.Option("--yes", help="Do it, and not only count.")]
"""Of a command that only counts without it."""


def read_option(kind: Any, text: str, option: str) -> Any:  # noqa: ANN401 - as the kind says
    """Read a value of a kind that pydantic knows.

    Raises:
        typer.BadParameter: it is none.

    """
    try:
        return TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        raise typer.BadParameter(reasons(error), param_hint=option) from None


def read_before(text: str) -> datetime:
    """Read the time of ``--before``, which is over.

    Raises:
        typer.BadParameter: it is none, or lies in the future.

    """
    time: datetime = read_option(Instant, text, "--before")
    if time > datetime.now(UTC):
        raise typer.BadParameter("lies in the future: name one that is over", param_hint="--before")
    return time
