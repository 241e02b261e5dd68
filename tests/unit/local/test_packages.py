"""What is not on a machine is installed, or one line says what to do."""

import subprocess
from pathlib import Path

import pytest

from local import packages
from local.packages import ProgramMissingError, apt_install, ensure_program, find_program


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the only folder of a machine where programs are; apt-get is not among them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(packages, "_SYSTEM_FOLDERS", str(folder))
    monkeypatch.setattr(packages, "_POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return folder


def add_program(file: Path, text: str = "exit 0") -> None:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_a_program_that_is_there_is_found_and_nothing_is_installed(machine: Path) -> None:
    add_program(machine / "apt-get", "exit 1")
    add_program(machine / "server")
    assert ensure_program("server", "server-package") == machine / "server"


def test_a_server_is_found_where_only_root_has_it_on_the_path(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_program(machine / "server")
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_program("server") == machine / "server"


def test_without_apt_one_line_says_what_to_install(machine: Path) -> None:
    assert not list(machine.iterdir())
    with pytest.raises(ProgramMissingError, match="server-package is needed: install it"):
        ensure_program("server", "server-package")


def test_who_is_not_root_is_told_what_to_install(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_program(machine / "apt-get", "exit 1")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ProgramMissingError, match="apt-get install server-package"):
        apt_install("server-package")


def test_what_is_missing_is_installed_by_apt(machine: Path) -> None:
    program = machine / "server"
    add_program(
        machine / "apt-get",
        f'case "$*" in *install*server-package*) /bin/cp "$0" {program} ;; esac',
    )
    assert ensure_program("server", "server-package") == program


def test_while_a_package_is_installed_no_service_starts_and_afterwards_it_may(
    machine: Path, tmp_path: Path
) -> None:
    policy, seen = tmp_path / "policy-rc.d", tmp_path / "seen"
    add_program(machine / "apt-get", f"{policy}; echo $? > {seen}")
    apt_install("server-package")

    # What Debian's invoke-rc.d takes as: this action is forbidden.
    assert seen.read_text() == "101\n"
    assert not policy.exists()


def test_a_policy_that_a_machine_has_stays(machine: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("its own")
    add_program(machine / "apt-get")
    apt_install("server-package")
    assert policy.read_text() == "its own"


def test_an_installation_that_fails_is_told_in_one_line_and_leaves_no_policy(
    machine: Path, tmp_path: Path
) -> None:
    add_program(machine / "apt-get", "exit 100")
    with pytest.raises(
        ProgramMissingError, match=r"could not be installed: .* status 100"
    ) as caught:
        apt_install("server-package")
    assert isinstance(caught.value.__cause__, subprocess.CalledProcessError)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "policy-rc.d").exists()


def test_a_package_without_the_program_is_told(machine: Path) -> None:
    add_program(machine / "apt-get")
    with pytest.raises(ProgramMissingError, match="was installed, and there is no server"):
        ensure_program("server", "server-package")
