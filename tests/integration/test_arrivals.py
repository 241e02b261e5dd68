"""When reports arrived is told with them where that is asked: of what came late, by no run."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consumer_app.rules.doubts import LATE
from consumer_app.storage.backend import MOST_EVENTS
from consumer_app.storage.errors import TooManyEvents
from consumer_app.storage.store import EventStore, ReceivedEvent
from contracts import Action, MedicationEvent, RecordVersion
from tests.databases import KINDS, PostgresDatabase, SqliteFile

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=3)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return SqliteFile(tmp_path).url
    return PostgresDatabase(request.getfixturevalue("postgres")).url


def start(
    time: datetime, medication: str = "Heparin", *, patient: str = "p", order: str = "A"
) -> MedicationEvent:
    return MedicationEvent(patient, medication, Action.START, time, order)


async def received(store: EventStore, patient: str) -> dict[str | None, ReceivedEvent]:
    """Read a patient's events as they are listed, by their orders."""
    return {each.order_id: each for each in (await store.read_page(patient, 100)).events}


async def test_of_what_came_late_by_no_run_it_is_told_when_it_arrived(url: str) -> None:
    in_time = start(NOW - LATE + timedelta(minutes=10), order="in time")
    planned = start(NOW + timedelta(days=1), order="planned")
    late = start(LONG_AGO, order="late")
    of_run = start(LONG_AGO, order="of a run")
    of_both = start(LONG_AGO, order="of a run, too")
    of_record = start(LONG_AGO, order="of a record")
    async with EventStore.at(url) as store:
        await store.add([in_time, planned, late, RecordVersion("r", "1", [of_record])])
        await store.add([of_run], "monday")
        await store.add([of_both])
        await store.add([of_both], "monday")
        listed = await received(store, "p")

        reports, last_received_at = await store.read_arrived("p", late=LATE)
        [walked] = [each async for each in store.medications("p", late=LATE)]

        assert {*reports.events} == {*(await store.read("p")).events}
        assert last_received_at == await store.last_received_at()
        told = {each.order_id: at for each, at in reports.late.items()}
        orders = ("late", "of a run, too", "of a record")
        assert told == {order: listed[order].received_at for order in orders}
        assert reports.late == walked.late
        assert {*reports.events} == {*walked.events}


async def test_the_newest_report_is_told_of_all_medications_whichever_are_asked_for(
    url: str,
) -> None:
    async with EventStore.at(url) as store:
        await store.add([start(LONG_AGO, "Heparin")])
        await store.add([RecordVersion("r", "1", [start(LONG_AGO, "Insulin", order="B")])])
        listed = await received(store, "p")
        await store.add([start(LONG_AGO, patient="other")])

        reports, _ = await store.read_arrived("p", ["Heparin"], late=LATE)

        assert [each.medication_name for each in reports.events] == ["Heparin"]
        assert reports.newest == await store.newest("p") == listed["B"].received_at


async def test_of_whom_nothing_is_stored_no_report_is_the_newest(url: str) -> None:
    async with EventStore.at(url) as store:
        assert await store.read_arrived("p", late=LATE) == (([], {}, None), None)
        assert await store.newest("p") is None


async def test_more_events_than_are_read_at_once_are_not_read_with_their_arrival_either(
    url: str,
) -> None:
    few = [start(LONG_AGO + timedelta(minutes=n)) for n in range(MOST_EVENTS)]
    async with EventStore.at(url) as store:
        await store.add(few)
        reports, _ = await store.read_arrived("p", late=LATE)
        assert len(reports.events) == len(reports.late) == MOST_EVENTS

        await store.add([RecordVersion("r", "1", [start(LONG_AGO)])])
        with pytest.raises(TooManyEvents):
            await store.read_arrived("p", late=LATE)
