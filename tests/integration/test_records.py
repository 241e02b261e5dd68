"""Versions of records in real databases, with others at work on them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum, auto
from itertools import count, permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import text

from consumer_app.recorded import RecordedEvent
from consumer_app.rules.periods import medication_periods
from consumer_app.storage.database import open_database
from consumer_app.storage.store import EventStore, HistoryKey, HistorySize
from consumer_app.upkeep.retention import Purged, purge_histories
from consumer_app.upkeep.retraction import Retracted, events_by_run, find_run, retract_run
from contracts import FIELDS, MedicationEvent, RecordVersion
from local.postgres import PrivatePostgres
from tests.databases import PostgresDatabase, SqliteFile
from tests.records import (
    BEGIN,
    PATIENTS,
    any_versions,
    arrivals,
    event,
    expected_periods,
    newest_of,
    periods_of,
    version,
)

LONG_AFTER = BEGIN + timedelta(365)
_prefixes = count()


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return SqliteFile(tmp_path_factory.mktemp("records")).url
    server: PrivatePostgres = request.getfixturevalue("postgres")
    return PostgresDatabase(server).url


@pytest.fixture
def name() -> str:
    """Give what begins all names in this test, so that tests share a database."""
    return f"{next(_prefixes)}-"


@pytest.fixture
async def store(url: str) -> AsyncIterator[EventStore]:
    async with EventStore.at(url) as store:
        yield store


def named(versions: Sequence[RecordVersion], name: str) -> list[RecordVersion]:
    """Let versions be of records and patients that no other test has."""
    return [
        RecordVersion(
            name + each.record_id,
            each.record_version,
            [replace(event, patient_id=name + event.patient_id) for event in each.events],
        )
        for each in versions
    ]


async def periods(store: EventStore, patient: str) -> list[tuple[object, ...]]:
    return periods_of(medication_periods((await store.read(patient)).events))


async def versions_of(store: EventStore, patient: str) -> dict[str, str | None]:
    """Give the versions that a patient's events are of, with what supersedes them."""
    return {
        each.record_version: each.superseded_by
        for each in (await store.read(patient)).events
        if isinstance(each, RecordedEvent)
    }


@given(data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_in_any_order_with_repeats_and_losses_the_highest_versions_alone_make_the_periods(
    url: str, data: st.DataObject
) -> None:
    versions = data.draw(any_versions())
    arrived = data.draw(arrivals(versions))
    cuts = data.draw(st.lists(st.integers(0, len(arrived)), max_size=2).map(sorted))
    name = f"{next(_prefixes)}-"

    async def store_and_read() -> list[list[tuple[object, ...]]]:
        async with EventStore.at(url) as store, EventStore.at(url) as other:
            for consumer, part in zip([store, other, store], _parts(arrived, cuts), strict=False):
                if part:
                    await consumer.add(named(part, name))
            return [await periods(store, name + patient) for patient in PATIENTS]

    assert asyncio.run(store_and_read()) == [expected_periods(versions, each) for each in PATIENTS]


def _parts(arrived: Sequence[RecordVersion], cuts: Sequence[int]) -> Iterator[list[RecordVersion]]:
    for begin, end in zip([0, *cuts], [*cuts, len(arrived)], strict=True):
        yield [*arrived[begin:end]]


@pytest.mark.parametrize("order", [*permutations(range(3))])
async def test_consumers_that_store_versions_of_one_record_at_once_agree(
    url: str, name: str, order: Sequence[int]
) -> None:
    versions = named(
        [
            version("r", "1", event("start", 0)),
            version("r", "2", event("start", 1, patient="2")),
            version("r", "3", event("start", 2), event("stop", 3)),
        ],
        name,
    )
    async with EventStore.at(url) as one, EventStore.at(url) as two, EventStore.at(url) as three:
        stores = (one, two, three)
        await asyncio.gather(*(stores[n].add([versions[place]]) for n, place in enumerate(order)))
        assert await versions_of(one, f"{name}1") == {"1": "3", "3": None}
        assert await versions_of(one, f"{name}2") == {"2": "3"}
        assert len(await periods(two, f"{name}1")) == 1
        assert await periods(three, f"{name}2") == []


async def test_a_version_in_several_messages_is_all_that_was_reported_under_it(
    store: EventStore, name: str
) -> None:
    for each in (event("stop", 2), event("start", 0)):
        await store.add(named([version("r", "1", each)], name))
    assert await periods(store, f"{name}1") == [("X", BEGIN, BEGIN + timedelta(hours=2))]


async def test_pages_and_walks_show_the_events_of_both_kinds_once(
    store: EventStore, name: str
) -> None:
    versions = named([version("r", n, event("start", 1), event("stop", 2)) for n in "12"], name)
    alone = [replace(event("start", hour), patient_id=f"{name}1") for hour in (0, 1, 3)]
    await store.add([*versions, *alone])

    pages = [(await store.read_page(f"{name}1", 3)).events]
    while len(pages[-1]) == 3:
        last = pages[-1][-1]
        place = (
            last.event_time,
            last.medication_name,
            last.action,
            last.order_id,
            last.event_id,
            last.record_id or "",
            last.record_version or "",
        )
        pages.append((await store.read_page(f"{name}1", 3, place)).events)

    shown = [(each.event_time.hour, each.record_version or "") for page in pages for each in page]
    assert shown == [(0, ""), (1, ""), (1, "1"), (1, "2"), (2, "1"), (2, "2"), (3, "")]
    [walked] = [part.events async for part in store.medications(f"{name}1")]
    assert {*walked} == {*(await store.read(f"{name}1")).events}
    assert await store.count(f"{name}1") == len(walked) == 7
    assert await store.has_more_than(6, f"{name}1")
    assert not await store.has_more_than(7, f"{name}1")


async def test_where_a_run_is_retracted_the_version_below_counts_again(
    store: EventStore, name: str
) -> None:
    first, second, taken_back = named(
        [
            version("r", "1", event("start", 0)),
            version("r", "2", event("start", 1)),
            version("s", "2"),
        ],
        name,
    )
    await store.add([first, *named([version("s", "1", event("start", 5))], name)], f"{name}good")
    await store.add([second, taken_back], f"{name}wrong")
    assert await versions_of(store, f"{name}1") == {"1": "2", "2": None}

    await retract_run(
        store, await find_run(store, f"{name}wrong"), retracted := Retracted(), dry_run=False
    )

    assert retracted.events == 1
    assert await versions_of(store, f"{name}1") == {"1": None}
    assert await periods(store, f"{name}1") == [("X", BEGIN, None)]


async def test_runs_count_the_events_of_both_kinds(store: EventStore, name: str) -> None:
    [of_record] = named([version("r", "1", event("start"))], name)
    alone = replace(event("stop", 1), patient_id=f"{name}1")
    await store.add([of_record, alone], f"{name}one")
    await store.add([of_record], f"{name}other")
    found = await events_by_run(store)
    run = await find_run(store, f"{name}one")
    assert (found[run.id], found[-run.id]) == (1, 1)


async def test_what_another_run_has_brought_too_stays_when_one_is_retracted(
    store: EventStore, name: str
) -> None:
    versions = named([version("r", "1", event("start", 0)), version("r", "2")], name)
    await store.add(versions, f"{name}one")
    await store.add(versions, f"{name}other")
    run = await find_run(store, f"{name}one")
    await retract_run(store, run, Retracted(), dry_run=False)
    assert await versions_of(store, f"{name}1") == {"1": "2"}


async def test_an_older_version_that_comes_after_a_purge_changes_nothing(
    store: EventStore, name: str
) -> None:
    versions = [
        version("r", "1", event("start", 0)),
        version("r", "2", event("start", 1), event("stop", 2)),
    ]
    first, second = named(versions, name)
    # Others' events may be there, too.
    await purge_histories(store, LONG_AFTER, timedelta(0), before := Purged(), dry_run=True)
    await store.add([second])
    await purge_histories(store, LONG_AFTER, timedelta(0), purged := Purged(), dry_run=False)
    assert purged.events == before.events + 2
    assert await store.count(f"{name}1") == 0

    await store.add([first])
    assert await versions_of(store, f"{name}1") == {"1": "2"}
    assert await periods(store, f"{name}1") == []


async def test_a_purge_takes_superseded_events_with_their_history_and_none_of_an_open_one(
    store: EventStore, name: str
) -> None:
    versions = [
        version("r", "1", event("start", 0)),
        version("r", "2", event("start", 1), event("stop", 2)),
        version("s", "1", event("start", 0, patient="2"), event("stop", 1, patient="2")),
        version("s", "2", event("start", 0, patient="2")),
    ]
    await store.add(named(versions, name))
    await purge_histories(store, LONG_AFTER, timedelta(0), Purged(), dry_run=False)
    assert await store.count(f"{name}1") == 0
    assert await store.count(f"{name}2") == 3


async def test_who_is_erased_is_in_no_table_and_no_other_patients_older_version_comes_back(
    store: EventStore, name: str
) -> None:
    moved = [
        version("r", "1", event("start", 0)),
        version("r", "2", event("start", 0, patient="2")),
    ]
    own = [version("s", "1", event("start", 0, patient="2")), version("s", "2")]
    await store.add(named([*moved, *own], name))

    assert await store.erase(f"{name}2") == 2
    assert await versions_of(store, f"{name}1") == {"1": "2"}
    assert await periods(store, f"{name}1") == []

    assert await store.erase(f"{name}1") == 1
    # Of nobody any more, and yet there is a version above the first.
    await store.add(named(moved[:1], name))
    assert await versions_of(store, f"{name}1") == {"1": "2"}
    assert await periods(store, f"{name}1") == []


async def test_a_version_whose_events_were_purged_supersedes_when_another_patient_is_erased(
    store: EventStore, name: str
) -> None:
    first, moved = named(
        [
            version("r", "1", event("start", 0), event("stop", 1)),
            version("r", "2", event("start", 0, patient="2")),
        ],
        name,
    )
    await store.add([first])
    await purge_histories(store, LONG_AFTER, timedelta(0), Purged(), dry_run=False)
    await store.add([moved])
    assert await store.erase(f"{name}2") == 1

    await store.add([first])
    assert await versions_of(store, f"{name}1") == {"1": "2"}
    assert await periods(store, f"{name}1") == []


async def record_ids(store: EventStore, name: str) -> set[str | None]:
    """Give the identifiers of the records that are stored of a test's, by their digests."""
    digests = [hashlib.sha256(f"{name}{each}".encode()).hexdigest() for each in "rs"]
    statement = text("SELECT record_id FROM record WHERE digest IN (:one, :other)")
    one, other = digests
    async with store._engine.connect() as connection:
        return {*await connection.scalars(statement, {"one": one, "other": other})}


async def test_an_erasure_leaves_a_record_of_nobody_without_its_identifier_until_it_comes_again(
    store: EventStore, name: str
) -> None:
    both = named([version("r", "1", event()), version("s", "1", event(patient="2"))], name)
    await store.add(both)
    assert await store.erase(f"{name}1") == 1
    assert await record_ids(store, name) == {None, f"{name}s"}

    await store.add(both)
    assert await record_ids(store, name) == {f"{name}r", f"{name}s"}
    [again] = (await store.read(f"{name}1")).events
    assert isinstance(again, RecordedEvent)
    assert again.record_id == f"{name}r"


async def test_so_do_a_purge_and_a_retraction(store: EventStore, name: str) -> None:
    closed = version("r", "1", event("start", 0), event("stop", 1))
    await store.add(named([closed], name))
    await store.add(named([version("s", "1", event(patient="2"))], name), f"{name}wrong")
    await purge_histories(store, LONG_AFTER, timedelta(0), Purged(), dry_run=False)
    assert await record_ids(store, name) == {None, f"{name}s"}
    await retract_run(store, await find_run(store, f"{name}wrong"), Retracted(), dry_run=False)
    assert await record_ids(store, name) == {None}


async def test_records_whose_identifiers_were_erased_are_stored_by_all_at_once(
    url: str, name: str
) -> None:
    records = [f"r{number}" for number in range(50)]
    versions = named([version(record, "1", event("start", 0)) for record in records], name)
    async with EventStore.at(url) as one, EventStore.at(url) as two, EventStore.at(url) as three:
        for _ in range(5):
            await asyncio.gather(
                one.add(versions),
                two.add(versions[::-1]),
                three.erase(f"{name}1"),
                three.forget_names(),
            )
        await one.add(versions)
        assert await one.count(f"{name}1") == len(records)


class Upkeep(StrEnum):
    """What may be done between two arrivals."""

    PURGE = auto()
    ERASE_ONE = auto()
    ERASE_TWO = auto()


@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_purged_and_erased_between_arrivals_no_superseded_version_counts(
    url: str, data: st.DataObject
) -> None:
    name = f"{next(_prefixes)}-"
    arrived = named(data.draw(arrivals(data.draw(any_versions()))), name)
    upkeep = [data.draw(st.lists(st.sampled_from(Upkeep), max_size=2)) for _ in arrived]

    async def go() -> None:
        async with EventStore.at(url) as store:
            for n, each in enumerate(arrived):
                await store.add([each])
                newest = newest_of(arrived[: n + 1])
                await see_that_these_count(store, newest, name)
                if each in newest:
                    assert await counted(store, name) >= {*each.events}
                for what in upkeep[n]:
                    await do(what, store, name)
                    await see_that_these_count(store, newest, name)

    asyncio.run(go())


async def do(what: Upkeep, store: EventStore, name: str) -> None:
    if what is Upkeep.PURGE:
        await purge_histories(store, LONG_AFTER, timedelta(0), Purged(), dry_run=False)
    else:
        await store.erase(name + PATIENTS[what is Upkeep.ERASE_TWO])


async def see_that_these_count(
    store: EventStore, newest: Sequence[RecordVersion], name: str
) -> None:
    """See that nothing counts but what is in these versions, whatever else is there."""
    assert await counted(store, name) <= {event for each in newest for event in each.events}


async def counted(store: EventStore, name: str) -> set[MedicationEvent]:
    """Give the events that count, without what makes them a record's."""
    return {
        MedicationEvent(*(getattr(each, field) for field in FIELDS))
        for patient in PATIENTS
        for each in (await store.read(name + patient)).events
        if isinstance(each, RecordedEvent) and each.superseded_by is None
    }


async def test_a_history_whose_version_is_superseded_meanwhile_is_not_purged(
    store: EventStore, name: str
) -> None:
    key = HistoryKey(f"{name}1", "X", None)
    await store.add([replace(event("start", 0), patient_id=f"{name}1")])
    await store.add(named([version("r", "1", event("stop", 5))], name))
    size = HistorySize(alone=1, of_records=1, counting=1)
    await store.add(named([version("r", "2")], name))
    assert await store.delete({key: size}) == []
    assert await periods(store, f"{name}1") == [("X", BEGIN, None)]
    assert await store.delete({key: size._replace(counting=0)}) == [key]


async def test_what_is_there_takes_no_new_number(url: str, name: str) -> None:
    async with EventStore.at(url) as store:
        for number in range(5):
            await store.add(named([version("r", "1", event()), version(str(number), "1")], name))
        before = await gaps(url)
        await store.add(named([version("r", "1", event()), version("new", "1")], name))
        assert await gaps(url) == before


async def gaps(url: str) -> int:
    """Count the numbers of records that were given in vain."""
    engine = open_database(url)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(read_only=True)
            counting = text("SELECT max(number) - count(*) FROM record")
            return int(await connection.scalar(counting))
    finally:
        await engine.dispose()


async def test_while_a_run_is_retracted_pages_say_what_reading_says(
    store: EventStore, name: str
) -> None:
    await store.add(named([version("r", "1", event())], name), f"{name}run")
    run = await find_run(store, f"{name}run")
    await store.retract(run)
    assert await store.delete_versions(run) == 1
    [paged] = (await store.read_page(f"{name}1", 5)).events
    assert paged.superseded_by == ""
    assert await versions_of(store, f"{name}1") == {"1": ""}
