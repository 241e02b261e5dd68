"""Runs that deliver, again and interleaved, and are retracted: the store beside a simple model."""

import asyncio
from collections import Counter
from collections.abc import Sequence, Set
from typing import NamedTuple

from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from consumer_app.storage.runs import Run
from consumer_app.storage.store import EventStore
from consumer_app.storage.tables import EVENTS, PATIENTS, RUNS
from consumer_app.upkeep.retraction import Retracted, retract_run
from contracts import MedicationEvent, explain_event

RUN_NAMES = "ABC"


class Delivery(NamedTuple):
    """Messages that arrive together, each of a run, or of none, with the numbers of its events."""

    messages: Sequence[tuple[str | None, Sequence[int]]]


class Retraction(NamedTuple):
    """A run is retracted, to the end or only until nothing of it is stored any more."""

    run: str
    interrupted: bool


Step = Delivery | Retraction

_messages = st.tuples(
    st.sampled_from([None, *RUN_NAMES]), st.lists(st.integers(0, 5), min_size=1, max_size=6)
)
any_steps = st.lists(
    st.builds(Delivery, st.lists(_messages, min_size=1, max_size=4))
    | st.builds(Retraction, st.sampled_from(RUN_NAMES), st.booleans()),
    max_size=8,
)


class Brought(NamedTuple):
    """By which run an event was brought first, and whether by others too."""

    first: str | None
    shared: bool


class Model:
    """What the store must hold."""

    def __init__(self) -> None:
        self.events: dict[int, Brought] = {}
        self.retracted: set[str] = set()
        self.arrived: set[str] = set()
        self.late: Counter[str] = Counter()

    def deliver(self, run: str | None, number: int) -> None:
        if run is not None:
            self.arrived.add(run)
        if run in self.retracted:
            self.late[run] += 1
            return
        first, shared = self.events.get(number, Brought(run, shared=False))
        if first in self.retracted and not shared:
            self.events[number] = Brought(run, shared=False)
        else:
            self.events[number] = Brought(first, shared or (first is not None and first != run))

    def alone(self, run: str) -> Set[int]:
        return {number for number, brought in self.events.items() if brought == (run, False)}

    def retract(self, run: str, *, interrupted: bool) -> None:
        self.retracted.add(run)
        for number in () if interrupted else self.alone(run):
            del self.events[number]


def event(prefix: str, number: int) -> MedicationEvent:
    """Make one of a few events, two for each patient."""
    return explain_event(
        {
            "patient_id": f"{prefix}{number // 2}",
            "medication_name": "Heparin",
            "action": "start",
            "event_time": f"2021-01-01T0{number}:00:00Z",
        }
    )


async def follow(store: EventStore, engine: AsyncEngine, steps: Sequence[Step], name: str) -> None:
    """Take the steps with events and runs of their own, and compare what comes of it."""
    model = Model()
    for step in steps:
        if isinstance(step, Delivery):
            await _deliver(store, model, step, name)
        elif step.run in model.arrived:
            await _retract(store, model, step, name)
        assert await _stored(engine, name) == model.events
    late = {run.name.removeprefix(name): run.late_events for run in await _runs(store, name)}
    assert late == {run: model.late[run] for run in model.arrived}


async def _deliver(store: EventStore, model: Model, delivery: Delivery, name: str) -> None:
    adding = []
    for run, numbers in delivery.messages:
        events = [event(name, number) for number in numbers]
        adding.append(store.add(events, None if run is None else name + run))
        for number in numbers:
            model.deliver(run, number)
    await asyncio.gather(*adding)


async def _retract(store: EventStore, model: Model, step: Retraction, name: str) -> None:
    (run,) = (run for run in await _runs(store, name) if run.name == name + step.run)
    counted, done = Retracted(), Retracted()
    await retract_run(store, run, counted, dry_run=True)
    if step.interrupted:
        await store.retract(run)
    else:
        await retract_run(store, run, done, dry_run=False)
        assert done == counted
    alone = model.alone(step.run)
    shared = [each for each in model.events.values() if each == (step.run, True)]
    assert counted == Retracted(len(alone), len({number // 2 for number in alone}), len(shared))
    model.retract(step.run, interrupted=step.interrupted)


async def _runs(store: EventStore, name: str) -> list[Run]:
    return [run for run in await store.runs() if run.name.startswith(name)]


async def _stored(engine: AsyncEngine, name: str) -> dict[int, Brought]:
    async with engine.connect() as connection:
        names = {run.id: run.name for run in await connection.execute(select(RUNS))}
        of_patient = EVENTS.join(PATIENTS, EVENTS.c.patient == PATIENTS.c.number)
        named = PATIENTS.c.patient_id.startswith(name)
        found = await connection.execute(select(EVENTS).select_from(of_patient).where(named))
        return {
            row.event_time.hour: Brought(
                names[abs(row.run)].removeprefix(name) if row.run else None, shared=row.run < 0
            )
            for row in found
        }
