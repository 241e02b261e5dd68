"""`python -m consumer_app access`: the tokens of a site without an identity provider."""

import csv
import fcntl
import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from consumer_app.audit.commands import record_command
from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.guidance import guidance
from contracts import checked_patient
from runtime.access.callers import PERIODS_READ, SCOPES
from runtime.access.token_file import COLUMNS, BadTokenFile, Token, read_expiry, read_tokens

cli = typer.Typer(no_args_is_help=True)


@cli.callback()
def describe() -> None:
    """Make the tokens by which both services know who asks."""


@cli.command(
    "new-token",
    epilog=guidance(
        when="a program or a ward is to read or write, and there is no identity provider",
        needs="ACCESS_TOKENS, or --file, and DATABASE_URL for the audit; run it where the consumer "
        "runs, and as its user",
        consumers="may run",
        example="access new-token ward-3 --scope periods:read",
    ),
)
def new_token(
    name: Annotated[str, typer.Argument(help="Whose it is: the audit names them so.")],
    scope: Annotated[
        list[str], typer.Option(help=f"What it is for: {', '.join(SCOPES)}; repeatable.")
    ],
    file: Annotated[
        Path | None,
        typer.Option(envvar="ACCESS_TOKENS", help="The file of tokens, to which it is added."),
    ] = None,
    patient: Annotated[
        str | None, typer.Option(help="The one patient who may be read of with it.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            help="The last day (in UTC) on which it is good, such as 2027-01-31, or a time."
        ),
    ] = None,
) -> None:
    """Make a token and print it, this once: what is kept is no token.

    Services that have the file take the token at once. Take it away again by deleting its line.
    Without a file the line is printed on standard error, for where it is kept elsewhere.
    """
    token, text = _made(name, scope, patient, expires)
    record_command(
        "access new-token",
        patient=token.caller.patient,
        name=name,
        scope=" ".join(token.caller.scopes),
        expires=expires,
    )
    if file is None:
        print(_line(COLUMNS), _line(token.row()), sep="", end="", file=sys.stderr)
    else:
        _add(file, token)
    print(text)


def _made(
    name: str, scopes: list[str], patient: str | None, expires: str | None
) -> tuple[Token, str]:
    if unknown := set(scopes) - set(SCOPES):
        raise CommandFailed(f"no scope is called {min(unknown)}: there are {', '.join(SCOPES)}")
    if patient is not None and (others := set(scopes) - {PERIODS_READ}):
        raise CommandFailed(f"a token for one patient only reads: leave {min(others)} out")
    if not name.strip() or not name.isprintable():
        raise CommandFailed("a name has letters that can be seen")
    try:
        limit = None if patient is None else checked_patient(patient)
    except ValueError as error:
        raise CommandFailed(f"--patient: {error}") from None
    try:
        until = None if expires is None else read_expiry(expires)
    except ValueError as error:
        raise CommandFailed(str(error)) from None
    return Token.new(name, sorted(set(scopes)), limit, until)


def _add(file: Path, token: Token) -> None:
    try:
        opened = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with open(opened, "a", encoding="utf-8", newline="") as lines:  # noqa: PTH123 - a descriptor
            # Two who make the first token at once would both write the header.
            fcntl.flock(lines, fcntl.LOCK_EX)
            is_new = not file.stat().st_size
            known = [] if is_new else read_tokens(file)
            if any(each.caller.subject == token.caller.subject for each in known):
                raise CommandFailed(
                    "there is a token of that name: take another, or delete its line"
                )
            lines.write((_line(COLUMNS) if is_new else _missing_end(file)) + _line(token.row()))
    except BadTokenFile as error:
        raise CommandFailed(str(error)) from None
    except OSError as error:
        raise CommandFailed(f"the token can't be added to {file}: {error.strerror}") from None


def _missing_end(file: Path) -> str:
    return "" if file.read_bytes().endswith(b"\n") else "\n"


def _line(values: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()
