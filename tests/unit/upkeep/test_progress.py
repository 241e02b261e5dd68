"""A bar tells in a terminal how far the copying is; the log does elsewhere."""

import io

import pytest

from consumer_app.upkeep.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_shown_a_bar_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    draw = progress_bar()
    assert draw is not None
    for copied in (1_000, 2_500, 4_000):
        draw(copied, 4_000)
    assert "4000/4000" in terminal.getvalue()
    assert terminal.getvalue().endswith("\n")


def test_who_reads_a_file_is_told_by_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert progress_bar() is None
