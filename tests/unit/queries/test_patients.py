"""Who may search for patients finds those whose identifiers begin with what was written."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from httpx import ASGITransport, AsyncClient

from consumer_app.access import ROUTES, SEARCH, check_all_patients
from consumer_app.audit.answers import RecordedAnswers
from consumer_app.audit.records import Record
from consumer_app.queries.apart import AnswersApart
from consumer_app.queries.patients import patients_router
from consumer_app.queries.routes import periods_router
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.store import EventStore
from contracts import explain_event
from runtime.access.callers import PATIENTS_SEARCH, Caller, put_caller
from runtime.http.problems import answer_problems
from tests.callers import let_in

STORED = ["AB1", "AB10", "AB2", "Ab1", "AC1", "ÄB", "ÄB 1", "K 7"]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[FastAPI]:
    api = FastAPI()
    events = [
        explain_event(
            {
                "patient_id": patient,
                "medication_name": "Heparin",
                "action": "start",
                "event_time": "2021-01-01T02:00:00Z",
            }
        )
        for patient in STORED
    ]
    async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as store:
        await store.add(events)
        api.include_router(patients_router(store))
        api.include_router(periods_router(store, AnswersApart({}, asyncio.Lock())))
        answer_problems(api, unavailable=DatabaseUnavailable)
        yield api


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"prefix": "AB"}, ["AB1", "AB10", "AB2"]),
        ({"prefix": "AB1"}, ["AB1", "AB10"]),
        ({"prefix": "AB", "limit": 2}, ["AB1", "AB10"]),
        ({"prefix": " AB"}, ["AB1", "AB10", "AB2"]),
        ({"prefix": "A\u0308B"}, ["ÄB", "ÄB 1"]),
        ({"prefix": "K "}, ["K 7"]),
        ({"prefix": "K 7"}, ["K 7"]),
        ({"prefix": "ÄB\u00a0 "}, ["ÄB 1"]),
        ({"prefix": "%%"}, []),
        ({"prefix": "x" * 128}, []),
    ],
    ids=str,
)
async def test_those_are_found_that_begin_so_in_their_order(
    client: AsyncClient, asked: dict[str, Any], found: list[str]
) -> None:
    for answer in (
        await client.get("/patients", params=asked),
        await client.post("/patients/_search", data=asked),
    ):
        assert (answer.status_code, answer.json()) == (200, {"patients": found})


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"limit": 5}, "prefix"),
        ({"prefix": "A"}, "prefix"),
        ({"prefix": " A"}, "prefix"),
        ({"prefix": "   "}, "prefix"),
        ({"prefix": "x" * 129}, "prefix"),
        ({"prefix": "A\u200bB"}, "prefix"),
        ({"prefix": "AB", "limit": 0}, "limit"),
        ({"prefix": "AB", "limit": 101}, "limit"),
        ({"prefix": "AB", "patient_id": "AB1"}, "patient_id"),
    ],
    ids=str,
)
async def test_what_would_find_nearly_all_or_nothing_is_refused(
    client: AsyncClient, asked: dict[str, Any], parameter: str
) -> None:
    for answer in (
        await client.get("/patients", params=asked),
        await client.post("/patients/_search", data=asked),
    ):
        assert answer.status_code == 422
        assert [each["parameter"] for each in answer.json()["detail"]] == [parameter]


async def test_a_search_is_recorded_with_what_was_written(api: FastAPI) -> None:
    records: list[Record] = []

    async def keep(record: Record, _: int) -> None:
        records.append(record)

    app = let_in(RecordedAnswers(let_in(api), {**ROUTES, **SEARCH}, keep))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://consumer") as client:
        await client.get("/patients", params={"prefix": "AB"})
        await client.post("/patients/_search", data={"prefix": "AC", "limit": "5"})
        await client.get("/patients", params={"prefix": "A"})
    assert [(each.route, each.patient, each.parameters, each.outcome) for each in records] == [
        ("/patients", None, {"prefix": ["AB"]}, 200),
        ("/patients/_search", None, {"prefix": ["AC"], "limit": ["5"]}, 200),
        ("/patients", None, {"prefix": ["A"]}, 422),
    ]


@pytest.mark.parametrize("caller", [None, Caller("one", (PATIENTS_SEARCH,), patient="AB1")])
def test_past_the_gate_nobody_searches_who_is_not_known_or_limited(caller: Caller | None) -> None:
    scope: dict[str, Any] = {"type": "http"}
    if caller is not None:
        put_caller(scope, caller)
    with pytest.raises(HTTPException) as refused:
        check_all_patients(Request(scope))
    assert refused.value.status_code == 403
