"""`python -m consumer_app audit`: list, verify, export and purge what is recorded."""

import asyncio
import sys
from datetime import datetime
from typing import Annotated, NoReturn

import typer

from consumer_app.audit.archive import Archive
from consumer_app.audit.chain import Codes
from consumer_app.audit.commands import record_command
from consumer_app.audit.configured import Place, configured_place
from consumer_app.audit.fhir import write_audit_event
from consumer_app.audit.key import read_key
from consumer_app.audit.listing import folded, unfolded
from consumer_app.audit.records import time_of_record
from consumer_app.audit.verification import Verification, heads_in
from consumer_app.settings import ConsumerSettings
from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.guidance import guidance
from consumer_app.upkeep.options import Yes, read_before, read_option
from contracts import Instant, PatientId
from runtime.settings import load_settings

DAMAGED = 1

cli = typer.Typer(
    help="Tell who has read of which patient; verify, export or purge that.", no_args_is_help=True
)
Patient = Annotated[str | None, typer.Option(help="Of this patient alone.", metavar="ID")]
Since = Annotated[
    str | None, typer.Option(help="From then on, RFC 3339: 2026-01-31T00:00:00Z.", metavar="TIME")
]
Until = Annotated[str | None, typer.Option(help="Before that.", metavar="TIME")]

_NEEDS = "AUDIT_DATABASE_URL and AUDIT_KEY_FILE, or DATABASE_URL where these are left out"


@cli.command(
    "list",
    epilog=guidance(
        when="a patient or a data protection officer asks who has looked; after an incident",
        needs=_NEEDS,
        consumers="may run",
        example="audit list --patient 2 --since 2026-01-01T00:00:00Z",
    ),
)
def list_(
    patient: Patient = None,
    since: Since = None,
    until: Until = None,
    subject: Annotated[
        str | None, typer.Option(help="Of this person, program or token alone.", metavar="NAME")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="A line for each, also for what a page asks by itself.")
    ] = False,
) -> None:
    """List what is recorded, in its order: it names patients.

    One line each, with tabs between: time, kind (read, refresh, command), status of the answer,
    subject, client, address, request or command, patient, and what else was asked for. What is not
    known is -. What a page has asked again by itself within the hour is counted at the end of the
    line that it repeats.
    """
    patient_id, start, end = _patient(patient), _time(since, "--since"), _time(until, "--until")
    place = _recorded("list", patient_id, since=start, until=end, subject=subject)

    async def listed() -> None:
        async with Archive(place.url) as archive:
            found = archive.records(patient_id, start, end)
            of_subject = (each async for each in found if subject in (None, each.subject))
            async for entry in (unfolded if every else folded)(of_subject):
                typer.echo(entry.line())

    asyncio.run(listed())


@cli.command(
    epilog=guidance(
        when="every month, and whenever what is recorded is to prove something",
        needs=f"{_NEEDS}; and the consumers' logs, for --log",
        consumers="may run",
        exit_status="0 whole, 1 something was changed or is missing, 2 failed",
        example="audit verify --log consumer.log",
    )
)
def verify(
    log: Annotated[
        typer.FileText | None,
        # Whatever else is in a log: it must not keep from finding what matters.
        typer.Option(
            errors="replace", help="The consumers' logs, which have the ends of chains; - is stdin."
        ),
    ] = None,
) -> None:
    """See whether all that was recorded is there, and as it was recorded.

    Each record has a code that covers it and the one before. So it shows where one was changed,
    moved or removed. That the last ones are missing shows by the log alone: it tells each minute
    how far a chain goes.
    """
    place = _recorded("verify")
    seen = list(heads_in(log or ()))

    async def verified() -> Verification:
        async with Archive(place.url) as archive:
            return await archive.verify(_codes(place), seen)

    found = asyncio.run(verified())
    typer.echo("\n".join(found.problems) or f"ok: {found.records} records")
    if not seen:
        typer.echo("whether the last ones are missing was not looked at: give --log", err=True)
    if found.problems:
        raise typer.Exit(DAMAGED)


@cli.command(
    epilog=guidance(
        when="an audit repository or another program is to have the records",
        needs=_NEEDS,
        consumers="may run",
        example="audit export --since 2026-01-01T00:00:00Z",
    )
)
def export(patient: Patient = None, since: Since = None, until: Until = None) -> None:
    """Print what is recorded as FHIR, a line each: it names patients.

    Each is an AuditEvent (R4) as IHE's Basic Audit Log Patterns have it.
    """
    patient_id, start, end = _patient(patient), _time(since, "--since"), _time(until, "--until")
    place = _recorded("export", patient_id, since=start, until=end)

    async def exported() -> None:
        async with Archive(place.url) as archive:
            async for record in archive.records(patient_id, start, end):
                sys.stdout.buffer.write(write_audit_event(record) + b"\n")

    asyncio.run(exported())


@cli.command(
    epilog=guidance(
        when="what is older must not be kept any longer, by law or by rule",
        needs=f"{_NEEDS}; for PostgreSQL a role that may delete (docs/audit.md)",
        consumers="may run",
        example="audit purge --before 2016-01-01T00:00:00Z",
    )
)
def purge(
    before: Annotated[str, typer.Option(help="RFC 3339: 2016-01-01T00:00:00Z.", metavar="TIME")],
    yes: Yes = False,
) -> None:
    """Remove what was recorded before a time.

    Without --yes it is only counted. The rest can still be verified: of each chain the end of what
    is removed is kept, sealed. What is removed is verified before, and refused where it is not
    whole. May be interrupted and run again.
    """
    time = time_of_record(read_before(before))
    place = _recorded("purge", before=time, yes=yes)

    async def purged() -> int:
        async with Archive(place.url) as archive:
            if yes:
                return await archive.purge(time, _codes(place))
            return await archive.count_before(time)

    done = "removed" if yes else "would be removed (give --yes to do it)"
    typer.echo(f"{asyncio.run(purged())} records {done}")


def _recorded(command: str, patient: str | None = None, **options: object) -> Place:
    """Record a command, and return where the audit is: it must be there, and not be made by it."""
    place = configured_place(load_settings(ConsumerSettings))
    if place.file is not None and not place.file.is_file():
        _no_audit(place)
    record_command(f"audit {command}", patient=patient, **options)
    return place


def _no_audit(place: Place) -> NoReturn:
    raise CommandFailed(
        f"there is no audit {place.file}: set AUDIT_DATABASE_URL, or DATABASE_URL, to the "
        "consumer's own"
    )


def _codes(place: Place) -> Codes:
    return Codes(read_key(place.key_file))


def _patient(text: str | None) -> str | None:
    patient: str | None = None if text is None else read_option(PatientId, text, "--patient")
    return patient


def _time(text: str | None, option: str) -> str | None:
    if text is None:
        return None
    time: datetime = read_option(Instant, text, option)
    return time_of_record(time)
