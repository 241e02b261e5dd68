"""Which run brought an event: what a run alone brought can be taken out, and nothing else."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings

from consumer_app.storage import runs, sqlite, writing
from consumer_app.storage.database import open_database
from consumer_app.storage.store import EventStore
from consumer_app.upkeep import CommandFailed
from consumer_app.upkeep.retraction import Retracted, find_run, retract_run
from tests.runs import Delivery, Retraction, Step, any_steps, event, follow


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
async def store(file: Path) -> AsyncIterator[EventStore]:
    async with EventStore.at(f"sqlite+aiosqlite:///{file}") as opened:
        yield opened


async def retract(store: EventStore, name: str) -> Retracted:
    counts = Retracted()
    await retract_run(store, await find_run(store, name), counts, dry_run=False)
    return counts


def test_whatever_is_delivered_and_retracted_the_store_holds_what_it_must(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Several spans, and numbers that have to be asked for again.
    monkeypatch.setattr(runs, "_EVENTS_AT_ONCE", 2)
    monkeypatch.setattr(writing, "_RUNS_KEPT", 2)
    url = f"sqlite+aiosqlite:///{file}"
    names = (f"{number}-" for number in count())
    with asyncio.Runner() as runner:
        store, engine = EventStore.at(url), open_database(url)

        # Each step is a commit or more.
        @settings(max_examples=settings().max_examples // 4)
        @given(any_steps)
        @example(
            [
                Delivery([("A", [0])]),
                Retraction("A", interrupted=True),
                Delivery([("B", [0]), ("B", [0]), ("C", [0])]),
                Retraction("A", interrupted=False),
                Retraction("B", interrupted=False),
            ]
        )
        def check(steps: Sequence[Step]) -> None:
            runner.run(follow(store, engine, steps, next(names)))

        check()
        runner.run(store.__aexit__())
        runner.run(engine.dispose())


async def test_an_event_that_no_run_or_another_run_brought_too_stays(store: EventStore) -> None:
    await store.add([event("p", 0), event("p", 1), event("p", 2)], "wrong")
    await store.add([event("p", 1)], "right")
    await store.add([event("p", 2)])

    assert await retract(store, "wrong") == Retracted(events=1, patients=1, shared=2)
    found = [*await store.events_of("p0"), *await store.events_of("p1")]
    assert sorted(found, key=lambda each: each.event_time) == [event("p", 1), event("p", 2)]


async def test_what_arrives_of_a_retracted_run_is_counted_and_not_stored(
    store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    await store.add([event("p", 0)], "wrong")
    await retract(store, "wrong")

    await asyncio.gather(
        store.add([event("p", 0), event("p", 1)], "wrong"), store.add([event("p", 1)], "right")
    )

    assert await store.events_of("p0") == [event("p", 1)]
    assert [run.late_events for run in await store.runs()] == [2, 0]
    assert "2 events of run wrong came after its retraction" in caplog.text
    assert "p0" not in caplog.text, "it names a patient"


async def test_the_retraction_of_another_program_is_heeded_at_once(
    file: Path, store: EventStore
) -> None:
    await store.add([event("p", 0)], "wrong")
    async with EventStore.at(f"sqlite+aiosqlite:///{file}") as other:
        await retract(other, "wrong")

    await store.add([event("p", 1)], "wrong")

    assert await store.events_of("p0") == []


async def test_more_rows_than_a_statement_takes_are_stored_under_their_run(
    store: EventStore,
) -> None:
    many = [event(f"{number}-", 0) for number in range(9_000)]
    await store.add(many, "large")

    assert await retract(store, "large") == Retracted(events=9_000, patients=9_000, shared=0)


async def test_what_is_stored_before_the_retraction_is_taken_out_and_only_the_rest_is_late(
    file: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.add([event("p", 0)], "wrong")
    run, taken_out = sqlite._HeldConnection.run, list[Retracted]()

    async def then_retract(
        self: sqlite._HeldConnection, function: Callable[..., Any], *arguments: object
    ) -> Any:  # noqa: ANN401 - passed on
        done = await run(self, function, *arguments)
        if not taken_out:
            async with EventStore.at(f"sqlite+aiosqlite:///{file}") as other:
                taken_out.append(await retract(other, "wrong"))
        return done

    monkeypatch.setattr(sqlite._HeldConnection, "run", then_retract)
    await asyncio.gather(
        store.add([event("p", 0), event("p", 1)], "wrong"),
        store.add([event("p", number) for number in range(2, 6)], "wrong"),
        store.add([event("q", number) for number in range(6)], "right"),
    )

    assert taken_out == [Retracted(events=2, patients=1, shared=0)]
    assert {run.name: run.late_events for run in await store.runs()} == {"wrong": 4, "right": 0}
    assert await store.events_of("p2") == []
    assert await store.events_of("q2") == [event("q", 4), event("q", 5)]


async def test_a_run_is_found_by_its_name_however_that_is_typed(store: EventStore) -> None:
    await store.add([event("p", 0)], "über 1")

    assert (await find_run(store, " u\u0308ber\u00a01\n")).name == "über 1"
    with pytest.raises(CommandFailed, match="nothing has arrived yet of a run über 2: "):
        await find_run(store, "über 2")
    with pytest.raises(CommandFailed, match=r"no run has such a name: .*U\+200B"):
        await find_run(store, "über\u200b1")


SCHEMA_OF_1_0_0 = """
CREATE TABLE medication_event (
    patient_id VARCHAR NOT NULL, medication_name VARCHAR NOT NULL, event_time VARCHAR NOT NULL,
    action VARCHAR NOT NULL, order_id VARCHAR NOT NULL, event_id VARCHAR NOT NULL,
    received_at VARCHAR NOT NULL,
    PRIMARY KEY (patient_id, medication_name, event_time, action, order_id, event_id)
) WITHOUT ROWID;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0001');
"""
INSERT_OF_1_0_0 = """
INSERT INTO medication_event
(patient_id, medication_name, event_time, action, order_id, event_id, received_at)
VALUES (?, 'Heparin', '2021-01-01T00:00:00.000000Z', 'start', '', '', '2021-01-01T00:00:00.000000Z')
"""


async def test_what_a_consumer_of_1_0_0_has_stored_belongs_to_no_run(
    file: Path, store: EventStore
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as older:
        older.executescript(SCHEMA_OF_1_0_0)
        older.execute(INSERT_OF_1_0_0, ["p0"])

    await store.add([event("p", 0), event("q", 0)], "again")

    assert await retract(store, "again") == Retracted(events=1, patients=1, shared=0)
    assert await store.events_of("p0") == [event("p", 0)]
    assert await store.events_of("q0") == []


async def test_a_run_knows_each_who_brought_something_of_it_once_in_their_order(
    store: EventStore,
) -> None:
    await store.add([event("p", 0)], "monday", "pump at 10.0.0.7")
    for source in ("ward at 10.0.0.8", "pump at 10.0.0.7", None):
        await store.add([event("p", 0)], "monday", source)
    await store.add([event("p", 1)], "tuesday")
    await store.add([event("p", 2)], None, "nobody asks")

    monday, tuesday = await store.runs()
    assert await store.sources() == {monday.id: ["pump at 10.0.0.7", "ward at 10.0.0.8"]}
    assert tuesday.id not in await store.sources()


async def test_of_a_run_that_ever_others_bring_the_first_hundred_are_known(
    store: EventStore,
) -> None:
    for number in range(103):
        await store.add([event("p", 0)], "monday", f"pump {number}")
    (run,) = await store.runs()
    assert (await store.sources())[run.id] == [f"pump {number}" for number in range(100)]


async def test_who_brings_something_of_a_retracted_run_is_known_too(
    file: Path, store: EventStore
) -> None:
    await store.add([event("p", 0)], "wrong", "pump at 10.0.0.7")
    await retract(store, "wrong")
    async with EventStore.at(f"sqlite+aiosqlite:///{file}") as other:
        await other.add([event("p", 1)], "wrong", "ward at 10.0.0.8")

    (run,) = await store.runs()
    assert run.late_events == 1
    assert await store.sources() == {run.id: ["pump at 10.0.0.7", "ward at 10.0.0.8"]}
