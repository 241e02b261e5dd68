"""When reports first arrived is told with them where that is asked: of what came by no run."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consumer_app.storage import store as storing
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


def let_it_be(moment: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store receive what it is given next at a moment."""

    class Clock(datetime):
        @classmethod
        def now(cls, _: object = None) -> datetime:  # type: ignore[override]
            return moment

    monkeypatch.setattr(storing, "datetime", Clock)


async def arrivals(store: EventStore) -> dict[tuple[str | None, str | None], datetime]:
    """Read when events first arrived, by their orders and versions, in both ways."""
    reports, _ = await store.read_arrived("p")
    medications = [each async for each in store.medications("p", arrived=True)]
    walked = [event for each in medications for event in each.events]
    assert {*reports.events} == {*walked} == {*(await store.read("p")).events}
    assert reports.arrivals == {
        event: at for each in medications for event, at in each.arrivals.items()
    }
    return {
        (event.order_id, getattr(event, "record_version", None)): at
        for event, at in reports.arrivals.items()
    }


async def test_of_what_came_by_no_run_it_is_told_when_it_arrived(url: str) -> None:
    alone = start(LONG_AGO, order="alone")
    planned = start(NOW + timedelta(days=1), "Insulin", order="planned")
    of_run = start(LONG_AGO, order="of a run")
    of_both = start(LONG_AGO, order="of a run, too")
    of_record = start(LONG_AGO, order="of a record")
    async with EventStore.at(url) as store:
        await store.add([alone, planned, RecordVersion("r", "1", [of_record])])
        await store.add([of_run], "monday")
        await store.add([of_both])
        await store.add([of_both], "monday")
        listed = await received(store, "p")

        assert await arrivals(store) == {
            (order, version): listed[order].received_at
            for order, version in (
                ("alone", None),
                ("planned", None),
                ("of a run, too", None),
                ("of a record", "1"),
            )
        }
        _, last_received_at = await store.read_arrived("p")
        assert last_received_at == await store.last_received_at()
        [without] = [each async for each in store.medications("p", ["Heparin"])]
        assert without.arrivals == {}


async def test_what_a_version_repeats_has_arrived_with_the_first_that_told_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = start(LONG_AGO), start(NOW, order="B")
    first, later = NOW - timedelta(hours=5), NOW - timedelta(hours=1)
    async with EventStore.at(url) as store:
        let_it_be(later, monkeypatch)
        await store.add([RecordVersion("r", "2", [begun, ended])])
        assert await arrivals(store) == {("A", "2"): later, ("B", "2"): later}
        # In whichever order the versions come.
        let_it_be(first, monkeypatch)
        await store.add([RecordVersion("r", "1", [begun]), RecordVersion("other", "1", [ended])])

        told = await arrivals(store)

    assert told[("A", "2")] == told[("A", "1")] == first
    assert (told[("B", "2")], told[("B", "1")]) == (later, first)


async def test_what_a_run_told_first_no_later_version_makes_late(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = start(LONG_AGO)
    async with EventStore.at(url) as store:
        let_it_be(NOW - timedelta(hours=2), monkeypatch)
        await store.add([RecordVersion("r", "1", [event])], "monday")
        let_it_be(NOW, monkeypatch)
        await store.add([RecordVersion("r", "2", [event, start(NOW, order="B")])])
        assert await arrivals(store) == {("B", "2"): NOW}


async def test_the_newest_report_is_told_of_all_medications_whichever_are_asked_for(
    url: str,
) -> None:
    async with EventStore.at(url) as store:
        await store.add([start(LONG_AGO, "Heparin")])
        await store.add([RecordVersion("r", "1", [start(LONG_AGO, "Insulin", order="B")])])
        listed = await received(store, "p")
        await store.add([start(LONG_AGO, patient="other")])

        reports, _ = await store.read_arrived("p", ["Heparin"])

        assert [each.medication_name for each in reports.events] == ["Heparin"]
        assert reports.newest == await store.newest("p") == listed["B"].received_at


async def test_a_version_that_takes_a_record_s_events_back_is_the_newest_report(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EventStore.at(url) as store:
        let_it_be(NOW - timedelta(hours=2), monkeypatch)
        await store.add([start(LONG_AGO), RecordVersion("r", "1", [start(LONG_AGO, order="B")])])
        let_it_be(NOW, monkeypatch)
        await store.add([RecordVersion("r", "2", []), RecordVersion("of nobody", "1", [])])
        let_it_be(NOW + timedelta(hours=1), monkeypatch)
        await store.add([start(LONG_AGO), RecordVersion("other", "1", [])])

        reports, _ = await store.read_arrived("p")

        assert reports.newest == await store.newest("p") == NOW


async def test_of_whom_nothing_is_stored_no_report_is_the_newest(url: str) -> None:
    async with EventStore.at(url) as store:
        assert await store.read_arrived("p") == (([], {}, None), None)
        assert await store.newest("p") is None


async def test_more_events_than_are_read_at_once_are_not_read_with_their_arrival_either(
    url: str,
) -> None:
    few = [start(LONG_AGO + timedelta(minutes=n)) for n in range(MOST_EVENTS)]
    async with EventStore.at(url) as store:
        await store.add(few)
        reports, _ = await store.read_arrived("p")
        assert len(reports.events) == len(reports.arrivals) == MOST_EVENTS

        await store.add([RecordVersion("r", "1", [start(LONG_AGO)])])
        with pytest.raises(TooManyEvents):
            await store.read_arrived("p")
