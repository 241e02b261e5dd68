"""A patient's periods are found as FHIR's MedicationStatements, as FHIR says."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.medicationstatement import MedicationStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
from httpx import ASGITransport, AsyncClient, Response

from consumer_app.access import ROUTES
from consumer_app.audit.answers import RecordedAnswers
from consumer_app.audit.records import Record
from consumer_app.queries.answers import PeriodAnswer
from consumer_app.queries.apart import AnswersApart, TooMuchForMemory
from consumer_app.queries.fhir_routes import fhir_router
from consumer_app.queries.reader import LAST_RECEIVED, Reader
from consumer_app.queries.statement_search import PARAMETERS
from consumer_app.queries.statements import id_of, statement_of, status_of
from consumer_app.storage.errors import DatabaseUnavailable, UnreadableEvents
from consumer_app.storage.store import EventStore
from contracts import explain_event
from runtime.access.callers import PERIODS_READ, Caller, put_caller
from runtime.http.problems import Busy
from tests.callers import let_in

KIND = "/fhir/MedicationStatement"
BASE = "https://periods.example.org/fhir"
OURS = {each.__name__: each for each in (Bundle, CapabilityStatement, OperationOutcome)}

# Of patient 2: "A" [1,3), "B" [3,3) and [3,5), "Äther 5%" [4, open), "C" from the year 2900 on.
DAY = "2021-01-0{}T00:00:00Z"
REPORTS = [
    ("2", "A", "start", DAY.format(1)),
    ("2", "A", "stop", DAY.format(3)),
    ("2", "B", "start", DAY.format(3)),
    ("2", "B", "stop", DAY.format(3)),
    ("2", "B", "start", DAY.format(3)),
    ("2", "B", "stop", DAY.format(5)),
    ("2", "Äther 5%", "start", DAY.format(4)),
    ("2", "C", "start", "2900-01-01T00:00:00Z"),
    ("2", "C", "stop", "2900-01-02T00:00:00Z"),
    ("2", "D", "stop", DAY.format(4)),
    ("Müller, 7", "A", "start", DAY.format(1)),
]
NAMES = ("patient_id", "medication_name", "action", "event_time")
A, POINT, B, ETHER, C = ("A 1", "B 3", "B 3-5", "Äther 5% 4", "C 2900")
ALL = [A, POINT, B, ETHER, C]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EventStore]:
    events = [
        explain_event(dict(zip(NAMES, each, strict=True)) | {"event_id": str(number)})
        for number, each in enumerate(REPORTS)
    ]
    async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as store:
        await store.add(events)
        yield store


@pytest.fixture
def api(store: EventStore) -> FastAPI:
    api = FastAPI()
    api.include_router(fhir_router(store, AnswersApart({}, asyncio.Lock())))
    return api


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(let_in(api))
    async with AsyncClient(transport=transport, base_url="https://periods.example.org") as client:
        yield client


def checked(answer: Response, status: int = 200) -> Any:  # noqa: ANN401 - JSON
    """Return the resource that is answered, which FHIR's own definitions accept."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    resource = answer.json()
    OURS[resource["resourceType"]].model_validate(resource)
    return resource


def named(bundle: Any) -> list[str]:  # noqa: ANN401 - JSON
    """Name the statements of a Bundle as above."""
    names = []
    for entry in bundle.get("entry", []):
        resource = entry["resource"]
        MedicationStatement.model_validate(resource)
        period = resource["effectivePeriod"]
        name, start = resource["medicationCodeableConcept"]["text"], period["start"]
        day = start[:4] if start.startswith("29") else str(int(start[8:10]))
        is_second = (name, day) == ("B", "3") and period["end"] != start
        names.append(f"{name} {day}-5" if is_second else f"{name} {day}")
    return names


def link(bundle: Any, relation: str) -> str | None:  # noqa: ANN401 - JSON
    found: dict[str, str] = {each["relation"]: each["url"] for each in bundle["link"]}
    return found.get(relation)


def diagnostics(outcome: Any) -> tuple[str, str]:  # noqa: ANN401 - JSON
    (issue,) = outcome["issue"]
    return issue["code"], issue["diagnostics"]


async def test_each_period_is_a_statement_in_a_bundle_and_an_anomaly_is_none(
    client: AsyncClient,
) -> None:
    answer = await client.get(f"{KIND}?patient=2")
    bundle = checked(answer)
    assert LAST_RECEIVED in answer.headers
    assert (bundle["type"], bundle["total"]) == ("searchset", 5)
    assert named(bundle) == ALL
    first = bundle["entry"][0]
    assert first == {
        "fullUrl": f"{BASE}/MedicationStatement/{first['resource']['id']}",
        "resource": {
            "resourceType": "MedicationStatement",
            "id": first["resource"]["id"],
            "status": "completed",
            "medicationCodeableConcept": {"text": "A"},
            "subject": {"reference": "Patient/2"},
            "effectivePeriod": {"start": DAY.format(1), "end": DAY.format(3)},
        },
        "search": {"mode": "match"},
    }


async def test_a_form_finds_what_an_address_does(client: AsyncClient) -> None:
    asked = [("patient", "2"), ("status", "active"), ("effective", "ge2021-01-01")]
    by_address = checked(await client.get(f"{KIND}?{urlencode(asked)}"))
    by_form = checked(
        await client.post(
            f"{KIND}/_search",
            content=urlencode(asked),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    )
    assert by_form == by_address
    assert named(by_form) == [ETHER]


async def test_what_stands_in_the_address_of_a_form_is_asked_for_too(client: AsyncClient) -> None:
    path = f"{KIND}/_search?status=active&effective=ge2021-01-01"
    assert named(checked(await client.post(path, data={"patient": "2"}))) == [ETHER]


async def test_a_body_that_is_no_form_is_refused_in_fhir_s_words(client: AsyncClient) -> None:
    outcome = checked(await client.post(f"{KIND}/_search", json={"patient": "2"}), 415)
    assert diagnostics(outcome)[0] == "not-supported"


@pytest.mark.parametrize("asked", ["patient=2", "patient=Patient/2", "subject=Patient/2"])
async def test_a_patient_is_named_with_or_without_the_type(client: AsyncClient, asked: str) -> None:
    assert checked(await client.get(f"{KIND}?{asked}"))["total"] == 5
    whole = checked(await client.get(f"{KIND}?patient=https://fhir.example.org/r4/Patient/2"))
    assert whole["total"] == 5


async def test_a_patient_whom_fhir_can_not_refer_to_is_told_by_an_identifier(
    client: AsyncClient,
) -> None:
    bundle = checked(await client.get(KIND, params={"patient": "Müller\\, 7"}))
    (entry,) = bundle["entry"]
    subject = {"type": "Patient", "identifier": {"value": "Müller, 7"}}
    assert entry["resource"]["subject"] == subject


async def test_a_patient_of_whom_nothing_is_known_has_an_empty_bundle(client: AsyncClient) -> None:
    bundle = checked(await client.get(f"{KIND}?patient=3"))
    assert bundle["total"] == 0
    assert "entry" not in bundle


@pytest.mark.parametrize(
    ("effective", "found"),
    [
        # The end is outside: A [1,3) is no more at 3.
        (["2021-01-03"], [POINT]),
        (["eq2021-01-03"], [POINT]),
        (["2021-01"], [A, POINT, B]),
        (["2021"], [A, POINT, B]),
        (["gt2021-01-03"], [B, ETHER, C]),
        (["ge2021-01-03"], [POINT, B, ETHER, C]),
        (["ge2021-01-03T00:00:00Z"], [POINT, B, ETHER, C]),
        (["ge2021-01-03T01:00:00%2B01:00"], [POINT, B, ETHER, C]),
        (["ge2021-01-03T01:00:00+01:00"], [POINT, B, ETHER, C]),
        (["ge2021-01-03T00:00"], [POINT, B, ETHER, C]),
        (["lt2021-01-03"], [A]),
        (["le2021-01-03"], [A, POINT, B]),
        (["ge2021-01-02", "le2021-01-02"], [A]),
        (["sa2021-01-03"], [ETHER, C]),
        (["sa2021-01-02T23:59:59Z"], [POINT, B, ETHER, C]),
        (["eb2021-01-03"], [A]),
        (["eb2021-01-03T00:00:00.000001Z"], [A, POINT]),
        (["eb2021-01-04"], [A, POINT]),
        # Several are all meant, and of those between commas one.
        (["ge2021-01-04", "lt2021-01-04"], [B]),
        (["eb2021-01-03,sa2021-01-04"], [A, C]),
        (["ge2900-01-01"], [ETHER, C]),
    ],
)
async def test_a_date_finds_the_periods_that_lie_to_it_as_its_prefix_says(
    client: AsyncClient, effective: Sequence[str], found: list[str]
) -> None:
    asked = "&".join(f"effective={each}" for each in effective)
    assert named(checked(await client.get(f"{KIND}?patient=2&{asked}"))) == found


@pytest.mark.parametrize(
    "date",
    ["2021-13", "2021-1-1", "ne2021", "ap2021", "xx2021", "now", "2021-01-01T02", "9999-12-31"],
)
async def test_a_date_that_can_not_be_read_is_refused(client: AsyncClient, date: str) -> None:
    outcome = checked(await client.get(f"{KIND}?patient=2&effective={date}"), 400)
    code, words = diagnostics(outcome)
    assert code == "value"
    assert words.startswith("effective: write it like ge2021-01-01")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("status=active", [ETHER]),
        ("status=completed,intended", [A, POINT, B, C]),
        ("status=http://hl7.org/fhir/CodeSystem/medication-statement-status|intended", [C]),
        ("status=active&status=completed", []),
        ("status=stopped", []),
        ("code:text=b", [POINT, B]),
        ("code:text=ather", [ETHER]),
        ("code:text=%C3%84TH", [ETHER]),
        ("code:text=5%25", []),
        ("code:text=a,c", [A, ETHER, C]),
        ("status=&code:text=&effective=", ALL),
    ],
)
async def test_status_and_name_choose_among_the_statements(
    client: AsyncClient, asked: str, found: list[str]
) -> None:
    assert named(checked(await client.get(f"{KIND}?patient=2&{asked}"))) == found


async def test_an_id_finds_its_statement_among_the_patient_s_alone(client: AsyncClient) -> None:
    ids = [
        each["resource"]["id"] for each in (await client.get(f"{KIND}?patient=2")).json()["entry"]
    ]
    assert len(set(ids)) == len(ALL)
    asked = f"_id={ids[1]},{ids[4]},unknown"
    assert named(checked(await client.get(f"{KIND}?patient=2&{asked}"))) == [POINT, C]
    assert checked(await client.get(f"{KIND}?patient=3&_id={ids[0]}"))["total"] == 0
    outcome = checked(await client.get(f"{KIND}?_id={ids[0]}"), 400)
    assert diagnostics(outcome)[0] == "required"


async def test_a_statement_is_not_read_by_its_id(client: AsyncClient) -> None:
    (first, *_) = (await client.get(f"{KIND}?patient=2")).json()["entry"]
    outcome = checked(await client.get(first["fullUrl"]), 404)
    assert diagnostics(outcome)[0] == "not-supported"


async def test_pages_follow_each_other_by_their_links_until_the_last(client: AsyncClient) -> None:
    address: str | None = f"{KIND}?patient=2&status=active,completed&_count=2"
    found = []
    while address:
        bundle = checked(await client.get(address))
        assert bundle["total"] == 4
        found.append(named(bundle))
        address = link(bundle, "next")
    assert found == [[A, POINT], [B, ETHER]]


async def test_a_page_goes_on_behind_the_last_whatever_was_stored_before_it(
    client: AsyncClient, store: EventStore
) -> None:
    bundle = checked(await client.get(f"{KIND}?patient=2&_count=2"))
    early = {"patient_id": "2", "medication_name": "Early", "action": "start"}
    await store.add([explain_event({**early, "event_time": "2020-01-01T00:00:00Z"})])
    following = link(bundle, "next")
    assert following is not None
    rest = checked(await client.get(following))
    assert (named(rest), rest["total"]) == ([B, ETHER], 6)


async def test_a_count_of_0_tells_the_total_alone(client: AsyncClient) -> None:
    bundle = checked(await client.get(f"{KIND}?patient=2&_count=0"))
    assert (bundle["total"], "entry" in bundle, link(bundle, "next")) == (5, False, None)


async def test_a_page_holds_no_more_than_1000(client: AsyncClient) -> None:
    bundle = checked(await client.get(f"{KIND}?patient=2&_count=99999999999"))
    assert link(bundle, "self") == f"{BASE}/MedicationStatement?patient=2&_count=1000"


async def test_links_are_of_the_address_that_is_asked_behind_a_proxy_too(api: FastAPI) -> None:
    behind = ASGITransport(let_in(api), root_path="/ward")
    async with AsyncClient(transport=behind, base_url="https://hospital.example.org") as client:
        bundle = checked(await client.get(f"/ward{KIND}?patient=2"))
    base = "https://hospital.example.org/ward/fhir/MedicationStatement"
    assert link(bundle, "self") == f"{base}?patient=2&_count=100"
    assert bundle["entry"][0]["fullUrl"].startswith(f"{base}/")


async def test_what_is_not_known_is_ignored_and_not_in_the_link_to_itself(
    client: AsyncClient,
) -> None:
    answer = await client.get(f"{KIND}?patient=2&colour=red&status=active&_format=json")
    url = f"{BASE}/MedicationStatement?patient=2&status=active&_count=100"
    assert link(checked(answer), "self") == url


async def test_what_is_not_known_is_refused_where_the_client_prefers_that(
    client: AsyncClient,
) -> None:
    strict = {"Prefer": "respond-async, handling=strict"}
    outcome = checked(await client.get(f"{KIND}?patient=2&colour=red", headers=strict), 400)
    known = ", ".join(PARAMETERS)
    assert diagnostics(outcome) == ("not-supported", f"colour: is not known: there are {known}")
    checked(await client.get(f"{KIND}?patient=2&_format=json", headers=strict))
    lenient = {"Prefer": "handling=lenient"}
    checked(await client.get(f"{KIND}?patient=2&colour=red", headers=lenient))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("", "required"),
        ("patient=", "required"),
        ("patient=1,2", "not-supported"),
        ("patient=1&patient=2", "not-supported"),
        ("patient=1&subject=2", "not-supported"),
        ("patient=1%E2%80%8B", "value"),
        ("patient=2&code=A", "not-supported"),
        ("patient=2&status:not=active", "not-supported"),
        ("patient=2&status=complete", "value"),
        ("patient=2&_count=-1", "value"),
        ("patient=2&_count=many", "value"),
        ("patient=2&_after=nowhere", "value"),
        ("patient=2&_after=WzEsMl0=", "value"),
        ("patient=2&_id=" + ",".join("x" * 101), "too-costly"),
        ("patient=2" + "&status=active" * 101, "too-costly"),
    ],
)
async def test_a_search_that_is_none_of_ours_is_refused_with_an_outcome(
    client: AsyncClient, asked: str, code: str
) -> None:
    outcome = checked(await client.get(f"{KIND}?{asked}"), 400)
    assert diagnostics(outcome)[0] == code


async def test_a_token_of_one_patient_finds_no_other(api: FastAPI) -> None:
    async def of_patient_2(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's
        put_caller(scope, Caller("ward", (PERIODS_READ,), patient="2"))
        await api(scope, receive, send)

    transport = ASGITransport(of_patient_2)
    async with AsyncClient(transport=transport, base_url="https://periods.example.org") as client:
        assert checked(await client.get(f"{KIND}?patient=Patient/2"))["total"] == 5
        outcome = checked(await client.get(f"{KIND}?patient=3"), 403)
        assert diagnostics(outcome)[0] == "forbidden"


@pytest.mark.parametrize(
    ("asked", "others"),
    [
        ({"patient": "Patient/Müller\\, 7", "status": "active"}, {"status": ["active"]}),
        ({"subject": "Müller\\, 7"}, {}),
        # Nothing beside it makes another patient of it.
        ({"subject": ["Müller\\, 7", ""], "patient_id": "2"}, {"patient_id": ["2"]}),
    ],
)
async def test_a_search_is_recorded_with_its_patient_as_the_events_name_them(
    api: FastAPI, asked: dict[str, Any], others: dict[str, list[str]]
) -> None:
    records: list[Record] = []

    async def keep(record: Record, _: int) -> None:
        records.append(record)

    transport = ASGITransport(let_in(RecordedAnswers(let_in(api), ROUTES, keep)))
    async with AsyncClient(transport=transport, base_url="https://periods.example.org") as client:
        await client.get(KIND, params=asked)
        await client.post(f"{KIND}/_search", data=asked)
    assert [each.patient for each in records] == ["Müller, 7"] * 2
    assert [each.parameters for each in records] == [others] * 2


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DatabaseUnavailable("the database is away"), 503, "transient"),
        (Busy("others are before it", 5), 503, "throttled"),
        (UnreadableEvents(), 500, "exception"),
        (TooMuchForMemory(), 422, "too-costly"),
    ],
)
async def test_what_keeps_a_search_from_its_answer_is_told_in_fhir_s_words(
    client: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
) -> None:
    async def fail(*_: object) -> Response:
        raise error

    monkeypatch.setattr(Reader, "answer", fail)
    answer = await client.get(f"{KIND}?patient=2")
    assert diagnostics(checked(answer, status))[0] == code
    assert ("retry-after" in answer.headers) == (code == "throttled")


async def test_the_capability_statement_tells_of_the_search_and_of_no_read(
    client: AsyncClient,
) -> None:
    statement = checked(await client.get("/fhir/metadata"))
    (rest,) = statement["rest"]
    (resource,) = rest["resource"]
    assert (statement["fhirVersion"], rest["mode"]) == ("4.0.1", "server")
    assert resource["interaction"] == [{"code": "search-type"}]
    names = [each["name"] for each in resource["searchParam"]]
    assert names == ["patient", "effective", "status", "code", "_id", "subject"]


NOON = datetime(2021, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        (NOON + HOUR, None, "intended"),
        (NOON + HOUR, NOON + HOUR, "intended"),
        (NOON, None, "active"),
        (NOON - HOUR, NOON + HOUR, "active"),
        (NOON - HOUR, NOON, "completed"),
        (NOON, NOON, "completed"),
    ],
)
def test_neither_a_start_nor_a_stop_that_is_still_to_come_has_happened(
    start: datetime, end: datetime | None, status: str
) -> None:
    assert status_of(PeriodAnswer("A", start, end), NOON) == status


def test_an_open_period_has_no_end() -> None:
    statement = statement_of("2", PeriodAnswer("A", NOON, None), NOON)
    assert statement["effectivePeriod"] == {"start": NOON}
    assert statement["status"] == "active"


def test_an_id_is_of_patient_medication_start_and_end() -> None:
    periods = [
        PeriodAnswer("A", NOON, None),
        PeriodAnswer("A", NOON, NOON),
        PeriodAnswer("A", NOON, NOON + HOUR),
        PeriodAnswer("A", NOON + HOUR, None),
        PeriodAnswer("B", NOON, None),
    ]
    ids = {id_of(patient, period) for patient in ("2", "3") for period in periods}
    assert len(ids) == 10
    assert ids == {id_of(patient, period) for patient in ("2", "3") for period in periods}
    assert all(len(each) == 64 for each in ids)


def test_the_document_describes_the_search_by_an_address_and_by_a_form(api: FastAPI) -> None:
    paths = api.openapi()["paths"]
    parameters = [each["name"] for each in paths[KIND]["get"]["parameters"]]
    (form,) = paths[f"{KIND}/_search"]["post"]["requestBody"]["content"].values()
    assert list(form["schema"]["properties"]) == parameters
    assert set(parameters) == set(PARAMETERS) - {"subject", "_after"}
    assert f"{KIND}/{{key}}" not in paths
    for path in (KIND, "/fhir/metadata"):
        content = paths[path]["get"]["responses"]["200"]["content"]
        assert list(content) == ["application/fhir+json"], json.dumps(content)
