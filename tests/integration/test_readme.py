"""What the README shows is what happens."""

import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.server import ensure_server
from tests.processes import run_module
from tests.services import PATIENCE_SECONDS, ServiceProcess, eventually

README = Path("README.md").read_text()
CONSOLES = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
EXAMPLES = [
    (line.removeprefix("$ "), following)
    for console in CONSOLES
    for line, following in re.findall(r"^(\$ .+)\n((?:[^$].*\n)?)", console, re.MULTILINE)
    if following
]
CURL = ["curl"] if shutil.which("curl") else [sys.executable, "-m", "tests.curl"]


def test_the_readme_shows_commands_with_their_output() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[each[0] for each in EXAMPLES])
def test_a_command_of_the_readme_prints_what_the_readme_says(
    command: str,
    output: str,
    environment: dict[str, str],
    consumer: ServiceProcess,
    publisher: ServiceProcess,
) -> None:
    arguments = [
        argument.replace(".venv/bin/python", sys.executable)
        .replace("http://localhost:8000", consumer.url)
        .replace("http://localhost:8001", publisher.url)
        for argument in shlex.split(command)
    ]
    run_module("publisher_app", ["examples/events.jsonl"], environment).check_returncode()

    def printed() -> str:
        program = CURL if arguments[0] == "curl" else arguments[:1]
        done = subprocess.run(
            [*program, *arguments[1:]],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        return _without_times(done.stdout)

    eventually(lambda: printed().strip() == _without_times(output).strip())


def make_run(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run all in another folder than this one, from which somebody may be serving."""
    for name in ("consumer_app", "contracts", "examples", "local", "publisher_app", "runtime"):
        if not (folder / name).exists():
            (folder / name).symlink_to(Path.cwd() / name)
    private = {name: value for name, value in os.environ.items() if name != "RABBITMQ_URL"}
    return subprocess.run(
        [sys.executable, "-m", "local.run", "--once"],
        cwd=folder,
        env=private,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_make_run_shows_the_sample_query_with_its_answer(tmp_path: Path) -> None:
    ensure_server()
    done = make_run(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^timeline: +http://127.0.0.1:\d+/#patient=2$", done.stdout, re.MULTILINE)
    answer = json.loads(done.stdout[done.stdout.index("\n{") :])
    assert [period["start"] for period in answer["periods"]] == ["2021-01-01T02:00:00Z"]


def test_a_second_make_run_in_one_folder_ends_with_the_reason(tmp_path: Path) -> None:
    """Two brokers would write to the same files, and lose what they have confirmed."""
    (tmp_path / "data").mkdir()
    with (tmp_path / "data/run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = make_run(tmp_path)

    assert done.returncode == 1
    assert done.stdout == "another `make run` serves from this folder: end it first\n"


def _without_times(text: str) -> str:
    """Leave out how long it took, and when the file was changed that makes the run."""
    return re.sub(r"(; run \S+/)\S+Z", r"\1T", re.sub(r"in \d+\.\d s", "in N s", text))
