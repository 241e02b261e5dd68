"""Runs on both databases: by commands, from file to answer, and while others go on storing."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings

from consumer_app.storage import runs
from consumer_app.storage.database import open_database
from consumer_app.storage.schema import Terms
from consumer_app.storage.store import EventStore
from consumer_app.upkeep.retraction import Retracted, events_by_run, find_run, retract_run
from local.postgres import PrivatePostgres
from tests.commands import run_command
from tests.databases import KINDS, PostgresDatabase, SqliteFile
from tests.integration.conftest import Publish
from tests.runs import Step, any_steps, event, follow
from tests.services import ServiceProcess, eventually


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a database that no service uses."""
    if request.param == "sqlite":
        return SqliteFile(tmp_path).url
    return PostgresDatabase(request.getfixturevalue("postgres")).url


@pytest.mark.parametrize("partitions", [0, 3])
def test_whatever_is_delivered_and_retracted_postgresql_holds_what_it_must(
    postgres: PrivatePostgres, partitions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_EVENTS_AT_ONCE", 2)
    url = PostgresDatabase(postgres).url
    names = (f"{number}-" for number in count())
    with asyncio.Runner() as runner:
        store, engine = EventStore.at(url, Terms(partitions)), open_database(url)

        @settings(derandomize=True, deadline=None, max_examples=25)
        @given(any_steps)
        def check(steps: Sequence[Step]) -> None:
            runner.run(follow(store, engine, steps, next(names)))

        check()
        runner.run(store.__aexit__())
        runner.run(engine.dispose())


async def test_nothing_of_a_run_slips_in_behind_its_retraction_by_whatever_consumer(
    url: str,
) -> None:
    """Each event is either deleted by the retraction or counted as late."""
    sent: Counter[str] = Counter()
    ended = asyncio.Event()

    async def consume(store: EventStore, patients: str) -> None:
        for turn in count():
            if ended.is_set():
                return
            wrong = [event(f"{patients}-{turn}-wrong-", each) for each in range(6)]
            right = [event(f"{patients}-{turn}-right-", each) for each in range(2)]
            await asyncio.gather(store.add(right, "right"), store.add(wrong, "wrong"))
            sent.update(wrong=6, right=2)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as consuming:
        stores = [await stack.enter_async_context(EventStore.at(url)) for _ in range(4)]
        retracting, *consumers = stores
        await retracting.runs()
        for number, consumer in enumerate(consumers):
            consuming.create_task(consume(consumer, str(number)))
        async with asyncio.timeout(30):
            while sent["wrong"] < 300:  # noqa: ASYNC110 - there is something to retract then
                await asyncio.sleep(0.01)
        run = await find_run(retracting, "wrong")
        done, left = Retracted(), Retracted()
        await retract_run(retracting, run, done, dry_run=False)
        await retract_run(retracting, run, left, dry_run=True)
        assert left == Retracted()
        await retracting.add([event("last-", 0)], "wrong")
        sent["wrong"] += 1
        ended.set()

    async with EventStore.at(url) as store:
        found = {run.name: run for run in await store.runs()}
        events = await events_by_run(store)
    assert found["wrong"].late_events > 0
    assert done.events + found["wrong"].late_events == sent["wrong"]
    assert events == {found["right"].id: sent["right"]}


def write(folder: Path, name: str, *patients: str) -> Path:
    file = folder / name
    row = {"medication_name": "X", "action": "start", "event_time": "2021-01-01T00:00:00Z"}
    file.write_text(json.dumps([{"patient_id": patient, **row} for patient in patients]))
    return file


def test_a_wrong_import_is_undone_and_the_same_file_is_another_run_when_told_so(
    consumer: ServiceProcess, publish: Publish, environment: dict[str, str], tmp_path: Path
) -> None:
    def known(patient: str) -> bool:
        answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": patient})
        return bool(answer.raise_for_status().json()["periods"])

    def database(*arguments: str) -> str:
        done = run_command(environment, "database", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told() -> list[str]:
        (line,) = (line for line in database("runs").splitlines() if line.endswith(f"\t{wrong}"))
        return line.split("\t")

    right = write(tmp_path, "right.json", "undo-both")
    file = write(tmp_path, "wrong.json", "undo-both", "undo-wrong")
    wrong = publish(file).stdout.rpartition("; run ")[2].strip()
    assert wrong.startswith(f"wrong.json/{file.stat().st_size}/20")
    assert publish(file).stdout.strip().endswith(f"; run {wrong}"), "it is the same run again"
    publish(right, "--run", "monday")
    eventually(lambda: known("undo-wrong") and "\tmonday" in database("runs"))

    counted = database("retract", wrong)
    assert counted.startswith(
        "1 event of 1 patient would be taken out (give --yes to do it); 1 that it brought first"
    )
    assert known("undo-wrong")
    done = database("retract", wrong, "--yes")
    assert done.startswith("1 event of 1 patient taken out; 1 that it brought first stay")
    assert (known("undo-wrong"), known("undo-both")) == (False, True)

    publish(file)
    eventually(lambda: told()[3] == "2")
    assert told()[5] == "file wrong.json", "without its folder"
    assert not known("undo-wrong")
    publish(file, "--run", "tuesday")
    eventually(lambda: known("undo-wrong"))


def test_a_run_that_nothing_has_arrived_of_is_named(
    consumer: ServiceProcess, environment: dict[str, str]
) -> None:
    done = run_command(environment, "database", "retract", "never")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "nothing has arrived yet of a run never: `database runs` lists the runs; "
        "where its events still wait in RabbitMQ, try again once the first are stored\n"
    )
    assert consumer.readiness() == {}


def test_what_is_posted_without_a_run_is_stored_whatever_was_retracted(
    consumer: ServiceProcess, publisher: ServiceProcess, environment: dict[str, str]
) -> None:
    def post(patient: str, **run: str) -> str | None:
        row = {"medication_name": "X", "action": "start", "event_time": "2021-01-01T00:00:00Z"}
        answer = httpx.post(
            f"{publisher.url}/events", json=row | {"patient_id": patient}, params=run
        )
        posted: dict[str, str | None] = answer.raise_for_status().json()
        return posted["run"]

    def known(patient: str) -> bool:
        answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": patient})
        return bool(answer.raise_for_status().json()["periods"])

    def runs() -> dict[str, list[str]]:
        listed = run_command(environment, "database", "runs").stdout.splitlines()
        return {name: told for *told, name in (line.split("\t") for line in listed)}

    others = runs().keys()
    assert post("posted-wrong", run=" posted ") == "posted"
    assert post("posted-right") is None
    eventually(lambda: known("posted-wrong") and known("posted-right"))
    assert runs().keys() == others | {"posted"}
    assert runs()["posted"][5] == "local at 127.0.0.1"
    assert run_command(environment, "database", "retract", "posted", "--yes").returncode == 0

    post("posted-later", run="posted")
    post("posted-later-too")
    eventually(lambda: known("posted-later-too") and runs()["posted"][3] == "1")
    assert [known(f"posted-{which}") for which in ("wrong", "later", "right")] == [0, 0, 1]


@pytest.mark.parametrize("run", ["", "a\nb", "x" * 129])
def test_a_run_that_can_not_be_one_is_refused(publisher: ServiceProcess, run: str) -> None:
    answer = httpx.post(f"{publisher.url}/events", json=[], params={"run": run})

    assert answer.status_code == 422
    assert "run" in answer.text
