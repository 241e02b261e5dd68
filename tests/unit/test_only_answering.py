"""What only answers is wired so, and its helpers and commands are, too."""

import logging
from pathlib import Path
from unittest.mock import Mock

import pytest

from consumer_app import main
from consumer_app.audit.configured import configured_audit
from consumer_app.queries.apart import AnswersApart
from consumer_app.settings import ConsumerSettings
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.store import EventStore
from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.target import check_writing, with_store


@pytest.mark.parametrize("receives", [True, False])
def test_the_processes_for_heavy_patients_only_answer_where_this_one_does(
    receives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = Mock(wraps=AnswersApart)
    monkeypatch.setattr(main, "AnswersApart", apart)

    main.make_app(ConsumerSettings(receives=receives))

    (told, _), _ = apart.call_args
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert ConsumerSettings().receives is receives


@pytest.mark.parametrize("receives", [True, False])
async def test_a_bound_for_replicas_is_told_to_be_of_no_effect_where_events_are_stored(
    receives: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ConsumerSettings(receives=receives, max_lag=60)
    url = f"sqlite+aiosqlite:///{tmp_path}/events.db"
    store = EventStore.at(url)
    with caplog.at_level(logging.WARNING):
        audit = configured_audit(ConsumerSettings(database_url=url))
        async with main._opened(settings, store, audit, Mock(spec=AnswersApart))():
            pass

    assert ("CONSUMER_MAX_LAG is of no effect" in caplog.text) is receives


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONSUMER_RECEIVES", "false")
    return f"sqlite+aiosqlite:///{tmp_path}/events.db"


async def nothing(_: EventStore) -> None:
    """Do it."""


@pytest.mark.usefixtures("url")
def test_a_command_that_writes_is_refused_where_nothing_is_stored(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="CONSUMER_RECEIVES=false: what is here only answers"):
        check_writing()

    assert [*tmp_path.iterdir()] == []


def test_a_command_that_reads_makes_and_migrates_nothing_there(url: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="yet: who stores makes it"):
        with_store(url, nothing)

    assert [*tmp_path.iterdir()] == []
