"""A new operator can follow the help: at each level, of each command."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from consumer_app.__main__ import cli

LABELS = ["When:", "Needs:", "Consumers:", "Exit status:", "Example:"]
COMMANDS = {
    "database": ["migrate", "backup", "restore", "check", "purge", "runs", "retract", "erase"],
    "dead-letters": ["list", "show", "replay", "drop", "purge"],
    "access": ["new-token"],
    "audit": ["list", "verify", "export", "purge"],
    "export": ["periods", "omop"],
}
ALONE = ["declare"]
NEEDED = {
    "database": "DATABASE_URL",
    "dead-letters": "RABBITMQ_URL",
    "access": "ACCESS_TOKENS",
    "audit": "AUDIT_DATABASE_URL",
    "export": "DATABASE_URL",
    "declare": "RABBITMQ_URL",
}
PATHS: list[tuple[str, ...]] = [
    (group, command) for group, commands in COMMANDS.items() for command in commands
]
PATHS += [(command,) for command in ALONE]


def help_of(*path: str) -> str:
    result = CliRunner().invoke(cli, [*path, "--help"], prog_name="python -m consumer_app")
    assert result.exit_code == 0
    return result.stdout


def commands_in(text: str) -> Iterator[str]:
    listed = text.partition("Commands:\n")[2]
    yield from re.findall(r"^  (\S+)  ", listed, re.MULTILINE)


def test_the_help_lists_the_groups_and_what_the_commands_need_and_return() -> None:
    text = help_of()

    assert [*commands_in(text)] == [*COMMANDS, *ALONE]
    for told in ("DATABASE_URL", "RABBITMQ_URL", "0 done", "2 failed", "docs/operations.md"):
        assert told in text


@pytest.mark.parametrize("group", COMMANDS)
def test_a_group_lists_its_commands_each_with_a_whole_sentence(group: str) -> None:
    text = help_of(group)

    assert [*commands_in(text)] == COMMANDS[group]
    assert "..." not in text.partition("Commands:")[2]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_a_command_says_when_one_needs_it_with_what_and_what_it_returns(
    path: tuple[str, ...],
) -> None:
    text = help_of(*path)

    assert re.findall(r"^  ([A-Z][a-z ]+:)", text.partition("Options:")[2], re.MULTILINE) == LABELS
    assert NEEDED[path[0]] in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_the_example_is_one_of_the_command_itself_with_options_that_it_has(
    path: tuple[str, ...],
) -> None:
    _, _, example = help_of(*path).partition("Example:")
    words = shlex.split(example)

    assert words[: 3 + len(path)] == ["python", "-m", "consumer_app", *path]
    command: Any = typer.main.get_command(cli)
    for name in path:
        command = command.commands[name]
    known = {option for each in command.params for option in each.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("path", [(), *((group,) for group in COMMANDS)], ids=" ".join)
def test_without_a_command_the_help_is_shown(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, path, prog_name="python -m consumer_app")

    assert result.output.startswith("Usage: python -m consumer_app")
    assert result.exit_code == 2
