"""Doubts are told to who asks for them, beside all else that an answer about periods has."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from consumer_app.queries.apart import AnswersApart
from consumer_app.queries.routes import periods_router
from consumer_app.storage import store as storing
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.store import EventStore
from contracts import MedicationEvent, RecordVersion, Report, explain_event
from runtime.http.problems import answer_problems
from tests.callers import let_in

NOW = datetime.now(UTC).replace(microsecond=0)
QUIET = timedelta(days=5)


class Consumer:
    """The queries of a consumer, asked without its gate."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        api = FastAPI()
        api.include_router(periods_router(store, AnswersApart({}, asyncio.Lock()), QUIET))
        answer_problems(api, unavailable=DatabaseUnavailable)
        transport = ASGITransport(let_in(api))
        self.client = AsyncClient(transport=transport, base_url="http://consumer")

    async def ask(self, **query: str) -> Any:  # noqa: ANN401 - JSON
        asked = {"patient_id": "2", "doubts": "true", **query}
        answer = await self.client.get("/periods", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def consumer(tmp_path: Path) -> AsyncIterator[Consumer]:
    async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as store:
        yield Consumer(store)


def before(**length: float) -> datetime:
    return NOW - timedelta(**length)


def event(
    action: str, time: datetime, order: str | None = None, medication: str = "Heparin"
) -> MedicationEvent:
    return explain_event(
        {
            "patient_id": "2",
            "medication_name": medication,
            "action": action,
            "event_time": written(time),
            "order_id": order,
        }
    )


def written(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def kinds(answer: Any) -> list[list[str]]:  # noqa: ANN401 - JSON
    return [[doubt["kind"] for doubt in each["doubts"]] for each in answer["periods"]]


async def store_of_a_run(consumer: Consumer, *reports: Report) -> None:
    """Store what tells of the past, which nobody calls late."""
    await consumer.store.add(reports, "monday")


async def test_a_doubt_is_told_with_its_order_and_its_time(consumer: Consumer) -> None:
    await store_of_a_run(consumer, event("start", before(days=6), "A"))
    assert (await consumer.ask())["periods"] == [
        {
            "medication_name": "Heparin",
            "start": written(before(days=6)),
            "end": None,
            "doubts": [
                {
                    "kind": "nothing_reported",
                    "order_id": "A",
                    "time": written(before(days=6)),
                    "received_at": None,
                    "count": 1,
                }
            ],
        }
    ]


async def test_what_was_reported_late_is_told_with_when_it_arrived(consumer: Consumer) -> None:
    await consumer.store.add([event("start", before(hours=2))])
    await consumer.store.add([event("stop", before(minutes=10))])
    answer = await consumer.ask()
    first, second = (await consumer.store.read_page("2", 2)).events
    [[doubt]] = [each["doubts"] for each in answer["periods"]]
    assert (doubt["kind"], doubt["time"]) == ("reported_late", written(before(hours=2)))
    assert datetime.fromisoformat(doubt["received_at"]) == first.received_at
    assert datetime.fromisoformat(answer["last_received_at"]) == second.received_at


async def test_a_plan_is_one_until_it_has_happened(consumer: Consumer) -> None:
    await consumer.store.add(
        [
            event("start", before(minutes=10), "A"),
            event("stop", before(hours=-1), "A"),
            event("start", before(hours=-2), "A"),
        ]
    )
    assert kinds(await consumer.ask()) == [["in_future"], ["in_future"]]


async def test_many_doubts_of_one_kind_are_told_by_the_newest_and_their_number(
    consumer: Consumer,
) -> None:
    orders = [event("start", before(hours=30 - n), str(n)) for n in range(9)]
    await consumer.store.add(orders)
    [period] = (await consumer.ask())["periods"]
    told = [(each["kind"], each["order_id"], each["count"]) for each in period["doubts"]]
    assert told == [("reported_late", "8", 9)]


async def test_without_being_asked_an_answer_has_no_doubts(consumer: Consumer) -> None:
    await consumer.store.add([event("start", before(days=9)), event("start", before(days=8))])
    answer = await consumer.ask(doubts="false")
    assert answer.keys() == {"patient_id", "periods", "anomalies"}
    assert [each.keys() for each in answer["periods"]] == [{"medication_name", "start", "end"}]


async def test_doubts_and_their_explanation_are_told_together(consumer: Consumer) -> None:
    await store_of_a_run(consumer, event("start", before(days=6)))
    answer = await consumer.ask(explain="true")
    [period] = answer["periods"]
    assert period["opened_by"]["event_time"] == period["doubts"][0]["time"]
    assert [each["role"] for each in answer["events"]] == ["opened"]


async def test_doubts_are_of_the_periods_as_they_were_joined(consumer: Consumer) -> None:
    await store_of_a_run(
        consumer,
        event("start", before(days=9)),
        event("stop", before(days=8)),
        event("start", before(days=7)),
    )
    assert kinds(await consumer.ask()) == [[], ["nothing_reported"]]
    assert kinds(await consumer.ask(merge_gap="P1D")) == [["nothing_reported"]]


async def test_each_of_the_chosen_periods_has_its_own_doubts(consumer: Consumer) -> None:
    await store_of_a_run(
        consumer,
        event("start", before(days=9)),
        event("stop", before(days=8)),
        event("start", before(days=6), "B"),
        event("start", before(days=1), medication="Insulin"),
    )
    at = written(before(days=5.5))
    assert kinds(await consumer.ask(at=at)) == [["nothing_reported"]]
    assert kinds(await consumer.ask(medication_name="Insulin")) == [[]]


async def test_reports_without_effect_are_counted_by_their_reasons_the_most_first(
    consumer: Consumer,
) -> None:
    await store_of_a_run(
        consumer,
        event("stop", before(days=3), "A"),
        event("start", before(days=3), "B"),
        event("start", before(days=2), "B"),
        event("stop", before(days=2), "C", "Insulin"),
        event("cancel_stop", before(days=1), "D"),
    )
    assert (await consumer.ask())["without_effect"] == [
        {"reason": "stop_without_start", "count": 2},
        {"reason": "cancel_stop_without_stop", "count": 1},
        {"reason": "redundant_start", "count": 1},
    ]


async def test_what_is_reported_now_of_long_ago_is_late_and_not_followed_by_silence(
    consumer: Consumer,
) -> None:
    await consumer.store.add([event("start", before(days=6))])
    assert kinds(await consumer.ask()) == [["reported_late"]]


async def test_a_version_that_does_not_count_gives_rise_to_no_doubt(consumer: Consumer) -> None:
    old, new = before(days=6), before(minutes=10)
    await consumer.store.add([RecordVersion("r", "1", [event("start", old)])])
    assert kinds(await consumer.ask()) == [["reported_late"]]
    await consumer.store.add([RecordVersion("r", "2", [event("start", new)])])
    assert kinds(await consumer.ask()) == [[]]


async def test_what_was_reported_in_time_is_not_late_once_a_version_repeats_it(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = event("start", before(hours=5)), event("stop", before(minutes=5))

    class FiveHoursAgo(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - timedelta(hours=5)

    with monkeypatch.context() as then:
        then.setattr(storing, "datetime", FiveHoursAgo)
        await consumer.store.add([RecordVersion("r", "1", [begun])])
    await consumer.store.add([RecordVersion("r", "2", [begun, ended])])
    assert kinds(await consumer.ask()) == [[]]


async def test_of_whom_nothing_is_known_nothing_is_doubted(consumer: Consumer) -> None:
    assert await consumer.ask(patient_id="unknown") == {
        "patient_id": "unknown",
        "last_received_at": None,
        "periods": [],
        "anomalies": [],
        "without_effect": [],
    }


async def test_a_form_asks_for_doubts_too(consumer: Consumer) -> None:
    await store_of_a_run(consumer, event("start", before(days=6)))
    form = {"patient_id": "2", "doubts": "true"}
    answer = await consumer.client.post("/periods/_search", data=form)
    assert kinds(answer.json()) == [["nothing_reported"]]


@pytest.mark.parametrize("asked", [["doubts"], ["explain", "doubts"]], ids=str)
async def test_csv_has_no_room_for_doubts_and_says_what_has(
    consumer: Consumer, asked: Sequence[str]
) -> None:
    query = {"patient_id": "2", "format": "csv", **dict.fromkeys(asked, "true")}
    answer = await consumer.client.get("/periods", params=query)
    reason = "has no place in CSV: ask for format=json"
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {"parameter": each, "reason": reason, "example": "false"} for each in asked
    ]
