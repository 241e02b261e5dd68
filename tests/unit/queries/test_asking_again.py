"""Who has an answer already is told whether it is still the answer, and not told it again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from consumer_app.access import ROUTES
from consumer_app.audit.answers import RecordedAnswers
from consumer_app.audit.records import Record
from consumer_app.queries import reader
from consumer_app.queries.apart import AnswersApart
from consumer_app.queries.fhir_routes import fhir_router
from consumer_app.queries.reader import LAST_RECEIVED
from consumer_app.queries.routes import periods_router
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.store import EventStore
from contracts import Action, MedicationEvent, RecordVersion
from runtime.http.etags import EntityTag
from runtime.http.problems import answer_problems
from tests.callers import let_in

NOW = datetime.now(UTC)
ANSWERS = [
    ("/periods", {"patient_id": "2"}),
    ("/periods", {"patient_id": "2", "format": "csv"}),
    ("/periods", {"patient_id": "2", "doubts": "true"}),
    ("/events", {"patient_id": "2"}),
    ("/fhir/MedicationStatement", {"patient": "2"}),
]
of_each_answer = pytest.mark.parametrize(("path", "asked"), ANSWERS, ids=str)


def start(patient: str = "2", medication: str = "Heparin") -> MedicationEvent:
    return MedicationEvent(patient, medication, Action.START, NOW - timedelta(days=6))


class Consumer:
    """The queries of a consumer, with what is recorded of them."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.records: list[Record] = []
        api = FastAPI()
        apart = AnswersApart({}, asyncio.Lock())
        api.include_router(periods_router(store, apart))
        api.include_router(fhir_router(store, apart))
        answer_problems(api, unavailable=DatabaseUnavailable)
        app = let_in(RecordedAnswers(let_in(api), ROUTES, self._keep))
        self.client = AsyncClient(transport=ASGITransport(app), base_url="http://consumer")

    async def _keep(self, record: Record, _: int) -> None:
        self.records.append(record)

    async def get(self, path: str, asked: dict[str, str], known: str | None = None) -> Response:
        headers = {} if known is None else {"If-None-Match": known}
        return await self.client.get(path, params=asked, headers=headers)


@pytest.fixture
async def consumer(tmp_path: Path) -> AsyncIterator[Consumer]:
    async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as store:
        await store.add([start()])
        yield Consumer(store)


@of_each_answer
async def test_an_answer_that_a_client_has_is_not_told_again(
    consumer: Consumer, path: str, asked: dict[str, str]
) -> None:
    whole = await consumer.get(path, asked)
    tag = whole.headers["etag"]
    again = await consumer.get(path, asked, tag)
    assert (whole.status_code, again.status_code, again.content) == (200, 304, b"")
    kept = {"etag", "vary", LAST_RECEIVED.lower(), "x-request-id"} & whole.headers.keys()
    assert again.headers.keys() == kept
    assert {again.headers[name] for name in kept - {"x-request-id"}} == {
        whole.headers[name] for name in kept - {"x-request-id"}
    }


@of_each_answer
async def test_to_a_form_412_says_the_same(
    consumer: Consumer, path: str, asked: dict[str, str]
) -> None:
    whole = await consumer.client.post(f"{path}/_search", data=asked)
    known = {"If-None-Match": whole.headers["etag"]}
    again = await consumer.client.post(f"{path}/_search", data=asked, headers=known)
    assert (whole.status_code, again.status_code, again.content) == (200, 412, b"")
    assert again.headers["etag"] == whole.headers["etag"]
    assert LAST_RECEIVED in again.headers


@pytest.mark.parametrize("written", ["{}", "W/{}", '"x", {}', '"x",W/{} , "y"', "*"])
async def test_a_tag_is_known_among_others_and_as_a_proxy_weakens_it(
    consumer: Consumer, written: str
) -> None:
    asked = {"patient_id": "2"}
    tag = (await consumer.get("/periods", asked)).headers["etag"]
    assert (await consumer.get("/periods", asked, written.format(tag))).status_code == 304


@pytest.mark.parametrize("known", ["", '"x"', 'W/"x"', '"*"', "x, y"])
async def test_who_has_another_answer_is_told_this_one(consumer: Consumer, known: str) -> None:
    answer = await consumer.get("/periods", {"patient_id": "2"}, known)
    assert (answer.status_code, answer.json()["patient_id"]) == (200, "2")


async def test_json_and_csv_are_answers_of_their_own(consumer: Consumer) -> None:
    json, csv, *_ = [(await consumer.get(*each)).headers["etag"] for each in ANSWERS]
    answer = await consumer.client.get(
        "/periods?patient_id=2", headers={"Accept": "text/csv", "If-None-Match": json}
    )
    assert (answer.status_code, answer.headers["etag"]) == (200, csv)


@of_each_answer
async def test_what_is_reported_of_others_is_no_news(
    consumer: Consumer, path: str, asked: dict[str, str]
) -> None:
    before = await consumer.get(path, asked)
    await consumer.store.add([start("3")])
    after = await consumer.get(path, asked, before.headers["etag"])
    assert after.status_code == 304
    assert after.headers[LAST_RECEIVED] > before.headers[LAST_RECEIVED]


@of_each_answer
async def test_what_is_reported_of_the_patient_is(
    consumer: Consumer, path: str, asked: dict[str, str]
) -> None:
    before = await consumer.get(path, asked)
    await consumer.store.add([start(medication="Insulin")])
    after = await consumer.get(path, asked, before.headers["etag"])
    assert (after.status_code, "Insulin" in after.text) == (200, True)


async def test_so_is_a_doubt_that_comes_with_time_alone(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"patient_id": "2", "doubts": "true"}
    before = await consumer.get("/periods", asked)
    assert (await consumer.get("/periods", asked, before.headers["etag"])).status_code == 304

    class NineDaysLater(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(days=9)

    monkeypatch.setattr(reader, "datetime", NineDaysLater)
    after = await consumer.get("/periods", asked, before.headers["etag"])
    assert (after.status_code, "nothing_reported" in after.text) == (200, True)


async def test_so_is_that_what_was_told_is_taken_back(consumer: Consumer) -> None:
    asked = {"patient_id": "2", "doubts": "true"}
    await consumer.store.add([RecordVersion("r", "1", [start(medication="Insulin")])])
    before = await consumer.get("/periods", asked)
    await consumer.store.add([RecordVersion("r", "2", [])])
    after = await consumer.get("/periods", asked, before.headers["etag"])
    assert (after.status_code, "Insulin" in after.text) == (200, False)
    assert after.json()["last_received_at"] > before.json()["last_received_at"]


async def test_that_nothing_has_changed_is_recorded_as_a_read(consumer: Consumer) -> None:
    asked = {"patient_id": "2"}
    tag = (await consumer.get("/periods", asked)).headers["etag"]
    await consumer.get("/periods", asked, tag)
    await consumer.client.post("/periods/_search", data=asked, headers={"If-None-Match": tag})
    assert [(each.patient, each.outcome) for each in consumer.records] == [
        ("2", 200),
        ("2", 304),
        ("2", 412),
    ]


async def test_what_is_refused_has_no_tag_and_is_refused_again(consumer: Consumer) -> None:
    refused = await consumer.get("/periods", {"patient_id": "2", "at": "noon"}, "*")
    assert refused.status_code == 422
    assert "etag" not in refused.headers


def test_a_body_has_the_same_tag_in_whichever_parts_it_comes() -> None:
    whole, parted = EntityTag(b"abc"), EntityTag()
    for part in (b"a", b"", b"bc"):
        parted.add(part)
    assert str(whole) == str(parted) != str(EntityTag(b"abd"))
    assert str(whole).startswith('"')
