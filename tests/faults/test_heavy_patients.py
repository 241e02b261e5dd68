"""Patients with very many events, of whom clients ask without a pause."""

from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="make faults installs what the benchmark asks with")

from benchmarks.heavy_patients import Load, heavy_patients
from benchmarks.machinery import Bench
from benchmarks.memory import chart_limit
from local.broker import PrivateBroker
from tests.faults.conftest import FULL

# To explain a million events in the service itself stopped it for 8.9 s. `make bench` measures how
# far it is from the goal, 100 ms, which others on the same machine would make this fail.
_LONGEST_STALL_MILLISECONDS = 2_000


@pytest.mark.fault("many ask of heavy patients, and of giants")
@pytest.mark.skipif(not FULL, reason="takes minutes: make faults")
@pytest.mark.parametrize(
    "load",
    [Load(events=100_000, clients=100, patients=10), Load(events=1_000_000, clients=8)],
    ids=str,
)
def test_the_event_loop_goes_on_while_many_ask_of_patients_with_very_many_events(
    load: Load, broker: PrivateBroker, tmp_path: Path
) -> None:
    suffered = heavy_patients(Bench(broker, tmp_path), load)
    assert suffered.longest_stall < _LONGEST_STALL_MILLISECONDS
    assert suffered.peak_mebibytes < chart_limit("consumer")
