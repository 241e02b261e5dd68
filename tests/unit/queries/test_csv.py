"""Periods are answered as CSV to who asks for it, and to nobody else."""

import asyncio
import csv
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from consumer_app.access import ROUTES
from consumer_app.audit.answers import RecordedAnswers
from consumer_app.audit.records import Record
from consumer_app.queries.apart import AnswersApart
from consumer_app.queries.reader import LAST_RECEIVED
from consumer_app.queries.routes import periods_router
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.store import EventStore
from contracts import explain_event
from runtime.http.problems import answer_problems
from tests.callers import let_in

BROWSER = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
HEADER = "patient_id,medication_name,start,end"
OF_PATIENT_2 = (
    f"{HEADER}\r\n"
    "2,=Heparin,2021-01-01T02:00:00Z,2021-01-01T03:00:00.250000Z\r\n"
    '2,"Insulin ""aspart"", 100 U/ml",2021-01-01T04:00:00Z,\r\n'
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[FastAPI]:
    api = FastAPI()
    reports = [
        ("=Heparin", "start", "2021-01-01T03:00:00+01:00"),
        ("=Heparin", "stop", "2021-01-01T03:00:00.25Z"),
        ('Insulin "aspart", 100 U/ml', "start", "2021-01-01T04:00:00Z"),
        ("Morphin", "stop", "2021-01-01T05:00:00Z"),
    ]
    names = ("medication_name", "action", "event_time")
    events = [
        explain_event({"patient_id": "2", **dict(zip(names, each, strict=True))})
        for each in reports
    ]
    async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as store:
        await store.add(events)
        api.include_router(periods_router(store, AnswersApart({}, asyncio.Lock())))
        answer_problems(api, unavailable=DatabaseUnavailable)
        yield api


async def test_csv_has_a_row_for_each_period_and_none_for_an_anomaly(client: AsyncClient) -> None:
    asked = {"patient_id": "2", "format": "csv"}
    for answer in (
        await client.get("/periods", params=asked),
        await client.post("/periods/_search", data=asked),
        await client.get("/periods?patient_id=2", headers={"Accept": "text/csv"}),
        await client.post(
            "/periods/_search", data={"patient_id": "2"}, headers={"Accept": "text/csv"}
        ),
    ):
        assert (answer.status_code, answer.text) == (200, OF_PATIENT_2)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
        assert answer.headers["vary"] == "Accept"
        assert LAST_RECEIVED in answer.headers


async def test_names_come_back_from_csv_as_they_were_reported(client: AsyncClient) -> None:
    answer = await client.get("/periods?patient_id=2&format=csv")
    rows = list(csv.DictReader(StringIO(answer.text, newline="")))
    names = [row["medication_name"] for row in rows]
    assert names == ["=Heparin", 'Insulin "aspart", 100 U/ml']


async def test_a_download_of_csv_has_a_name_that_tells_nothing_of_the_patient(
    client: AsyncClient,
) -> None:
    answer = await client.get("/periods?patient_id=2&format=csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="periods.csv"'
    assert "content-disposition" not in (await client.get("/periods?patient_id=2")).headers


async def test_the_filters_choose_among_the_rows_of_csv(client: AsyncClient) -> None:
    asked = {"patient_id": "2", "format": "csv", "at": "2021-01-01T02:30:00Z"}
    answer = await client.get("/periods", params=asked)
    assert answer.text == "".join(OF_PATIENT_2.splitlines(keepends=True)[:2])
    nobody = await client.get("/periods?patient_id=3&format=csv")
    assert nobody.text == f"{HEADER}\r\n"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.9, application/json;q=0.8", "text/csv"),
        ("Text/CSV ; header=present , */*;q=0.1", "text/csv"),
        ("text/csv;q=0.8, application/json", "application/json"),
        ("text/csv, application/json", "application/json"),
        ("text/csv;q=0", "application/json"),
        ("text/csv;q=much", "application/json"),
        ("*/*", "application/json"),
        ("application/pdf", "application/json"),
        ("", "application/json"),
        (BROWSER, "application/json"),
    ],
)
async def test_what_a_client_would_rather_have_is_read_with_its_weights(
    client: AsyncClient, accept: str, kind: str
) -> None:
    answer = await client.get("/periods?patient_id=2", headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert answer.headers["vary"] == "Accept"


async def test_the_parameter_is_stronger_than_what_a_client_would_rather_have(
    client: AsyncClient,
) -> None:
    answer = await client.get("/periods?patient_id=2&format=json", headers={"Accept": "text/csv"})
    assert answer.json()["patient_id"] == "2"


async def test_csv_can_not_explain_and_says_what_can(client: AsyncClient) -> None:
    for asked, accept in (("&format=csv", "*/*"), ("", "text/csv")):
        answer = await client.get(
            f"/periods?patient_id=2&explain=true{asked}", headers={"Accept": accept}
        )
        assert answer.status_code == 422
        assert answer.json()["detail"] == [
            {
                "parameter": "explain",
                "reason": "has no place in CSV: ask for format=json",
                "example": "false",
            }
        ]


async def test_another_format_is_refused_with_those_that_there_are(client: AsyncClient) -> None:
    answer = await client.get("/periods?patient_id=2&format=xlsx")
    (problem,) = answer.json()["detail"]
    assert (answer.status_code, problem["parameter"]) == (422, "format")
    assert "'json' or 'csv'" in problem["reason"]


async def test_what_is_read_as_csv_is_recorded_like_what_is_read_as_json(api: FastAPI) -> None:
    records: list[Record] = []

    async def keep(record: Record, _: int) -> None:
        records.append(record)

    transport = ASGITransport(let_in(RecordedAnswers(let_in(api), ROUTES, keep)))
    async with AsyncClient(transport=transport, base_url="http://consumer") as client:
        await client.get("/periods?patient_id=2&format=csv")
    (record,) = records
    assert (record.patient, record.route, record.outcome) == ("2", "/periods", 200)
    assert record.parameters == {"format": ["csv"]}
