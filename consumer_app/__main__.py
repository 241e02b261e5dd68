"""`python -m consumer_app`: what operators do with the database and the dead letters."""

import typer

from consumer_app.upkeep import database_commands, dead_letter_commands

cli = typer.Typer(help=__doc__, no_args_is_help=True)
cli.add_typer(database_commands.cli, name="database")
cli.add_typer(dead_letter_commands.cli, name="dead-letters")

if __name__ == "__main__":
    cli(prog_name="python -m consumer_app")
