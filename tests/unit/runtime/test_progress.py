"""A bar tells in a terminal how far something long is; elsewhere there is none."""

import io

import pytest
from rich.progress import MofNCompleteColumn

from runtime.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_shown_a_bar_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress_bar(MofNCompleteColumn()) as draw:
        assert draw is not None
        for completed in (1_000, 2_500, 4_000):
            draw(completed, 4_000)
    assert "4000/4000" in terminal.getvalue()


def test_what_has_nothing_to_tell_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress_bar(MofNCompleteColumn()) as draw:
        assert draw is not None
    assert terminal.getvalue() == ""


def test_who_reads_a_file_is_shown_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with progress_bar() as draw:
        assert draw is None
