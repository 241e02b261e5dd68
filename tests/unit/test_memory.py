"""The consumer's processes take together no more memory than their container has."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from consumer_app import main, memory
from consumer_app.queries.apart import AnswersApart
from consumer_app.settings import ConsumerSettings
from consumer_app.trial import Trial

MIB = 1024 * 1024


@pytest.fixture
def limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file that tells what the container may take."""
    file = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "CGROUP_LIMITS", (tmp_path / "nowhere", file))
    return file


@pytest.mark.parametrize("mebibytes", [480, 512, 600, 1024, 4096])
def test_all_that_run_at_once_find_room_beside_the_service(limit: Path, mebibytes: int) -> None:
    limit.write_text(f"{mebibytes * MIB}\n")
    many, giant, trial = memory.for_many_events(), memory.for_a_giant(), memory.for_a_trial()
    assert many is not None
    assert giant is not None
    # A giant and a trial are never there at once.
    assert memory.SERVICE_BYTES + many + max(giant, trial) <= mebibytes * MIB
    assert min(many, giant, trial) >= 96 * MIB


def test_the_chart_s_limit_is_divided(limit: Path) -> None:
    limit.write_text(f"{512 * MIB}\n")
    divided = memory.for_many_events(), memory.for_a_giant(), memory.for_a_trial()
    assert divided == (112 * MIB, 112 * MIB, 112 * MIB)


@pytest.mark.parametrize("mebibytes", [128, 512, 1024])
def test_an_export_takes_no_more_than_what_else_runs_beside_the_service(
    limit: Path, mebibytes: int
) -> None:
    limit.write_text(f"{mebibytes * MIB}\n")
    many, giant = memory.for_many_events(), memory.for_a_giant()
    assert many is not None
    assert giant is not None
    assert 96 * MIB <= (memory.for_an_export() or 0) <= many + giant


def test_what_many_events_can_t_use_is_for_giants(limit: Path) -> None:
    limit.write_text(f"{1024 * MIB}\n")
    assert (memory.for_many_events(), memory.for_a_giant()) == (160 * MIB, 576 * MIB)


def test_where_there_is_little_each_has_what_it_takes_to_begin(limit: Path) -> None:
    limit.write_text(f"{128 * MIB}\n")
    divided = memory.for_many_events(), memory.for_a_giant(), memory.for_a_trial()
    assert divided == (96 * MIB, 96 * MIB, 96 * MIB)


@pytest.mark.parametrize("told", ["max\n", None])
def test_where_nothing_is_limited_only_a_trial_is(limit: Path, told: str | None) -> None:
    if told is not None:
        limit.write_text(told)
    divided = memory.for_many_events(), memory.for_a_giant(), memory.for_a_trial()
    assert divided == (None, None, 256 * MIB)
    assert memory.for_an_export() is None


def test_the_consumer_has_one_room_for_giants_and_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    trials, apart = Mock(wraps=Trial), Mock(wraps=AnswersApart)
    monkeypatch.setattr(main, "Trial", trials)
    monkeypatch.setattr(main, "AnswersApart", apart)

    main.make_app(ConsumerSettings())

    ((trial_s_room,), _), ((_, giant_s_room), _) = trials.call_args, apart.call_args
    assert trial_s_room is giant_s_room
