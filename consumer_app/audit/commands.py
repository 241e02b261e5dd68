"""What operators do is recorded before it is done."""

import asyncio
import os
import pwd
import socket

from consumer_app.audit.audit import Audit
from consumer_app.audit.configured import configured_audit
from consumer_app.audit.records import COMMAND, Record, now
from consumer_app.settings import ConsumerSettings
from runtime.settings import load_settings


def record_command(command: str, *, patient: str | None = None, **options: object) -> None:
    """Record that the user of this process gives a command; return once that is durable.

    Call it before the command does anything, outside of an event loop. ``command`` is what stands
    behind `python -m consumer_app`, such as ``dead-letters drop``; ``patient`` the one patient whom
    it is about, if it is about one; ``options`` what else it was told, of which None is left out.

    Raises:
        AuditUnavailable: it can't be recorded, so it must not be done.

    """
    record = Record(
        time=now(),
        kind=COMMAND,
        subject=_user(),
        server=socket.gethostname(),
        route=command,
        patient=patient,
        parameters={name: [str(value)] for name, value in options.items() if value is not None},
    )
    asyncio.run(_record(configured_audit(load_settings(ConsumerSettings)), record))


async def _record(audit: Audit, record: Record) -> None:
    try:
        await audit.record(record)
    finally:
        await audit.close()


def _user() -> str:
    """Name the user by whom this process is really run, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # A container's user needs no entry.
        return f"uid {os.getuid()}"
