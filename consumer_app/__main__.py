"""`python -m consumer_app`: what operators do with the database, RabbitMQ and the audit."""

import logging
import sys

import typer

from consumer_app.storage.errors import DatabaseUnavailable, UnreadableEvents
from consumer_app.upkeep import (
    CommandFailed,
    access_commands,
    audit_commands,
    database_commands,
    dead_letter_commands,
    erase_commands,
    export_commands,
    run_commands,
    topology_commands,
)
from runtime.broker_errors import BrokerUnavailable

FAILED = 2

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    # Plain text, as it is read in the logs of jobs too.
    rich_markup_mode=None,
    # They would name patients.
    pretty_exceptions_show_locals=False,
)
database_commands.cli.add_typer(run_commands.cli)
database_commands.cli.add_typer(erase_commands.cli)
cli.add_typer(database_commands.cli, name="database")
cli.add_typer(dead_letter_commands.cli, name="dead-letters")
cli.add_typer(access_commands.cli, name="access")
cli.add_typer(audit_commands.cli, name="audit")
cli.add_typer(export_commands.cli, name="export")
cli.add_typer(topology_commands.cli)


@cli.callback()
def prepare() -> None:
    """Look after the consumer's database, its audit, and the messages that can't be stored.

    The commands take the consumer's own settings: DATABASE_URL names the database, RABBITMQ_URL
    the broker. Run them where the consumer runs, and both are set: `docker compose exec consumer
    python -m consumer_app ...`, `kubectl exec POD -- python -m consumer_app ...`.

    Each command has a --help of its own, which says when one needs it. Exit status: 0 done, 1 the
    database or the audit is damaged or a question was answered with no, 2 failed. Why it failed
    stands on standard error, in one line. The procedures are in docs/operations.md.
    """
    # What libraries log of a failure is that line once more.
    logging.basicConfig(handlers=[logging.NullHandler()])


def main() -> None:
    """Run the command that the arguments name."""
    # Whatever opens an older database migrates it, and nobody else tells what became of its rows.
    logging.getLogger("consumer_app.storage.migrations").addHandler(logging.StreamHandler())
    try:
        cli(prog_name="python -m consumer_app")
    except (CommandFailed, DatabaseUnavailable, UnreadableEvents, BrokerUnavailable) as error:
        print(error, file=sys.stderr)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
