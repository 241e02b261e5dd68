"""RabbitMQ short of memory: it takes connections, and reads nothing that is published over them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.broker import PrivateBroker
from tests.processes import run_module

GIVE_UP_AFTER_SECONDS = 3.0
# A try may take 10 s, and an orderly farewell that nobody reads 5 s more.
NO_LONGER_THAN_SECONDS = 9.0


@pytest.fixture
def broker_short_of_memory(tmp_path: Path) -> Iterator[PrivateBroker]:
    broker = PrivateBroker(tmp_path / "broker")
    further = broker.folder / "conf.d"
    further.mkdir(parents=True)
    (further / "alarm.conf").write_text("vm_memory_high_watermark.absolute = 1\n")
    broker.start()
    yield broker
    broker.kill()


def test_a_publisher_that_is_blocked_gives_up_when_its_time_is_up(
    broker_short_of_memory: PrivateBroker,
) -> None:
    done = run_module(
        "publisher_app",
        ["examples/events.jsonl"],
        {
            "RABBITMQ_URL": broker_short_of_memory.url,
            "PUBLISHER_GIVE_UP_AFTER": f"{GIVE_UP_AFTER_SECONDS}",
        },
    )

    assert done.returncode == 2
    assert "blocked by: 'low on memory'" in done.stderr
    said = re.search(r"has not confirmed: .*; published 0, .* in (.*) s; run ", done.stderr)
    assert said, done.stderr
    assert GIVE_UP_AFTER_SECONDS <= float(said[1]) < NO_LONGER_THAN_SECONDS
