"""A port that is given is free, and given once."""

import socket
import subprocess
import sys

import pytest

from local import ports
from local.ports import free_port, is_free


def test_a_port_on_which_something_listens_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not is_free(listener.getsockname()[1])


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    given = free_port()
    monkeypatch.setattr(ports, "_CANDIDATES", [given] * 100)
    with pytest.raises(OSError, match="none of 100 ports"):
        free_port()


def test_no_port_is_given_by_a_process_beside() -> None:
    ask = f"from local import ports; print(ports._reserve({free_port()}))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
