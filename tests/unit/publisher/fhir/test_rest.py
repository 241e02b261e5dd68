"""FHIR's REST: what is taken, and what is answered once it is confirmed."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from faststream.rabbit import RabbitBroker
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
from httpx import ASGITransport, AsyncClient, Response
from hypothesis import given
from hypothesis import strategies as st

from contracts import RecordVersion, Report
from publisher_app.failures import NotConfirmed
from publisher_app.formats.profiles import Profile
from publisher_app.formats.recognition import Formats
from publisher_app.inputs.fhir_http import fhir_router
from publisher_app.intake import Intake
from publisher_app.publishing import EventPublisher
from publisher_app.settings import PublisherSettings
from runtime.http.bodies import Bodies
from tests.callers import let_in
from tests.records import newest_of
from tests.unit.publisher.fhir.reading import Resource, administration, bundle
from tests.unit.publisher.fhir.test_reading import any_json

ONE = "/fhir/MedicationAdministration"


class Keeping(EventPublisher):
    """Confirms at once, or never, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__(RabbitBroker(), give_up_after=1)
        self.versions: list[RecordVersion] = []
        self.is_away = False

    async def publish(
        self, reports: Sequence[Report], run: str | None, source: str | None = None
    ) -> None:
        assert (run, source) == (None, None)
        if self.is_away:
            raise NotConfirmed("RabbitMQ has not confirmed")
        self.versions += [each for each in reports if isinstance(each, RecordVersion)]


@pytest.fixture
def publisher() -> Keeping:
    return Keeping()


OURS = {each.__name__: each for each in (Bundle, CapabilityStatement, OperationOutcome)}


async def check_answer(answer: Response) -> None:
    """See that what we write is what FHIR says of it; a resource that was taken is the sender's."""
    content = await answer.aread()
    if answer.headers.get("content-type") == "application/fhir+json":
        kind = json.loads(content)["resourceType"]
        if kind in OURS:
            OURS[kind].model_validate_json(content)


@asynccontextmanager
async def asked_of(
    publisher: Keeping, settings: PublisherSettings | None = None
) -> AsyncIterator[AsyncClient]:
    settings, api = settings or PublisherSettings(), FastAPI()
    formats, intake = Formats(settings), Intake(publisher, settings)
    api.include_router(fhir_router(formats, intake, Bodies(100_000), max_elements=100))
    async with AsyncClient(
        transport=ASGITransport(let_in(api)),
        base_url="http://any",
        event_hooks={"response": [check_answer]},
        headers={"content-type": "application/fhir+json"},
    ) as client:
        yield client


@pytest.fixture
async def client(publisher: Keeping) -> AsyncIterator[AsyncClient]:
    async with asked_of(publisher) as client:
        yield client


def asking(*entries: tuple[Resource, str], kind: str = "transaction") -> Resource:
    """Make a Bundle whose entries ask for something: their resources, and the method and URL."""
    made = bundle(*(resource for resource, _ in entries), kind=kind)
    for entry, (_, asked) in zip(made["entry"], entries, strict=True):
        method, url = asked.split()
        entry["request"] = {"method": method, "url": url}
        if method == "DELETE":
            del entry["resource"]
    return made


def issues(answer: Response) -> list[tuple[str, Any]]:
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert answer.headers["content-type"] == "application/fhir+json"
    is_taken = answer.status_code < HTTPStatus.BAD_REQUEST
    severity = "information" if is_taken else "error"
    assert {each["severity"] for each in outcome["issue"]} == {severity}
    return [(each["diagnostics"], each.get("expression")) for each in outcome["issue"]]


async def test_a_transaction_is_answered_entry_by_entry_once_it_is_confirmed(
    client: AsyncClient, publisher: Keeping
) -> None:
    patient = {"resourceType": "Patient", "id": "2"}
    asked = asking(
        (patient, "PUT Patient/2"),
        (administration(), "PUT MedicationAdministration/7"),
        (administration(id="8"), "POST MedicationAdministration"),
    )
    answer = await client.post("/fhir", content=json.dumps(asked))
    assert answer.status_code == 200
    assert answer.json() == {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [
            {"response": {"status": "200 OK"}},
            {"response": {"status": "200 OK"}},
            {"response": {"status": "201 Created"}},
        ],
    }
    assert [each.record_id for each in publisher.versions] == ["fhir/7", "fhir/8"]


async def test_a_transaction_of_another_server_is_taken_as_it_is(
    client: AsyncClient, publisher: Keeping
) -> None:
    content = Path(__file__).with_name("qicore-2025-bundle.json").read_bytes()
    answer = await client.post("/fhir", content=content)
    statuses = [each["response"]["status"] for each in answer.json()["entry"]]
    assert (answer.status_code, statuses) == (200, ["200 OK"] * 9)
    assert {each.record_id for each in publisher.versions} == {
        "fhir/98b73ee7-7a04-4180-80a0-8b8e6108a157"
    }


async def test_of_a_transaction_with_a_bad_entry_nothing_is_published(
    client: AsyncClient, publisher: Keeping
) -> None:
    bad = administration(id="8", status="done")
    asked = asking((administration(), "PUT MedicationAdministration/7"), (bad, "POST X"))
    answer = await client.post("/fhir", content=json.dumps(asked))
    assert answer.status_code == 400
    assert issues(answer) == [("status: is none of FHIR's", ["Bundle.entry[1]"])]
    assert publisher.versions == []


async def test_of_a_batch_the_good_entries_are_published(
    client: AsyncClient, publisher: Keeping
) -> None:
    bad = administration(id="8", subject={"reference": "Group/secret"})
    asked = asking(
        (bad, "PUT MedicationAdministration/8"),
        (administration(), "PUT MedicationAdministration/7"),
        (administration(), "GET MedicationAdministration/7"),
        kind="batch",
    )
    answer = await client.post("/fhir", content=json.dumps(asked))
    statuses = [each["response"]["status"] for each in answer.json()["entry"]]
    assert (answer.status_code, answer.json()["type"]) == (200, "batch-response")
    assert statuses == ["400 Bad Request", "200 OK", "400 Bad Request"]
    outcome = answer.json()["entry"][0]["response"]["outcome"]
    assert outcome["issue"][0]["diagnostics"] == "subject: is a Group, and no Patient"
    assert "secret" not in answer.text
    assert [each.record_id for each in publisher.versions] == ["fhir/7"]


def nested(entries: int) -> Resource:
    """Put a Bundle with so many entries into another as its only one."""
    inner = bundle(*(administration(id=str(number)) for number in range(entries)))
    asked = {"method": "POST", "url": "Bundle"}
    return bundle(inner, kind="transaction", request=asked)


def without_resource(method: str) -> Resource:
    entry = {"request": {"method": method, "url": "MedicationAdministration/2"}}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (bundle(administration()), "a Bundle of type transaction or batch is taken here"),
        (administration(), "it is no Bundle"),
        ({"resourceType": "Bundle", "type": "batch", "entry": [{}] * 101}, "more than 100 entries"),
        ("MSH|^~\\&|", "it is HL7 v2: send it by MLLP, or publish it as a file"),
        (bundle(administration(), kind="transaction"), "request: is missing"),
        (nested(101), "more than 100 entries"),
        (without_resource("PUT"), "resource: is missing"),
        (without_resource("POST"), "resource: is missing"),
        (b"PK\x03\x04\x14\x00", "it is a zip archive: unpack it, and publish what is in it"),
        (b"\x1f\x8b\x08\x00", "it is gzip inside: unpack it"),
        (b"\x0bMSH|^~\\&|secret\xff", "it is HL7 v2: send it by MLLP, or publish it as a file"),
        ("{}}", "it is no Bundle: JSON is malformed"),
    ],
)
async def test_what_is_no_such_bundle_is_refused(
    client: AsyncClient, body: Resource | str | bytes, told: str
) -> None:
    content = json.dumps(body) if isinstance(body, dict) else body
    alone = await client.post(ONE, content=content)
    assert alone.status_code == (400 if body != administration() else 201)
    if isinstance(body, bytes):
        assert issues(alone)[0][0].startswith(told)
    answer = await client.post("/fhir", content=content)
    assert answer.status_code == 400
    [(words, _)] = issues(answer)
    assert told in words


async def test_as_many_entries_as_are_allowed_are_taken_and_what_a_search_calls_them_is_nothing(
    client: AsyncClient, publisher: Keeping
) -> None:
    assert (await client.post("/fhir", content=json.dumps(nested(100)))).status_code == 200
    assert len(publisher.versions) == 100
    asked = {"method": "PUT", "url": "MedicationAdministration/7"}
    included = bundle(
        administration(), kind="transaction", request=asked, search={"mode": "include"}
    )
    assert (await client.post("/fhir", content=json.dumps(included))).status_code == 200
    assert len(publisher.versions) == 101


async def test_where_a_number_ranks_a_deletion_is_of_the_version_that_it_matches(
    publisher: Keeping,
) -> None:
    profile = Profile(None, None, {}, fhir={"ranked_by": "versionId"})
    async with asked_of(publisher, PublisherSettings(profile=profile)) as client:
        deleted = await client.delete(f"{ONE}/7", headers={"if-match": 'W/"4"'})
        assert deleted.status_code == HTTPStatus.NO_CONTENT
        assert (await client.delete(f"{ONE}/7")).status_code == HTTPStatus.BAD_REQUEST
    assert [each.record_version for each in publisher.versions] == [f"{4:024}/deleted"]


async def test_dstu2_s_own_media_type_is_taken(client: AsyncClient, publisher: Keeping) -> None:
    headers = {"content-type": "application/json+fhir; charset=utf-8"}
    answer = await client.post(ONE, content=json.dumps(administration()), headers=headers)
    assert answer.status_code == HTTPStatus.CREATED
    assert len(publisher.versions) == 1


async def test_a_resource_is_created_updated_and_deleted(
    client: AsyncClient, publisher: Keeping
) -> None:
    written = json.dumps(administration(meta={"lastUpdated": "2021-01-01T12:00:00Z"}))
    created = await client.post(ONE, content=written)
    assert (created.status_code, created.headers["location"]) == (201, "MedicationAdministration/7")
    updated = await client.put(f"{ONE}/7", content=written)
    assert (updated.status_code, updated.json()) == (200, json.loads(written))
    date = {"date": "Fri, 01 Jan 2021 12:30:00 GMT"}
    deleted = await client.delete(f"{ONE}/7", headers=date)
    assert (deleted.status_code, deleted.content) == (204, b"")
    again = await client.delete(f"{ONE}/7", headers=date)
    assert again.status_code == 204

    first, second, *deletions = publisher.versions
    assert first == second
    assert deletions[0] == deletions[1]
    assert deletions[0].record_version > first.record_version
    assert deletions[0].events == []


async def test_a_deletion_without_a_date_is_as_of_now(
    client: AsyncClient, publisher: Keeping
) -> None:
    assert (await client.delete(f"{ONE}/7")).status_code == 204
    assert publisher.versions[0].record_version.startswith("20")


@pytest.mark.parametrize(
    "date",
    [
        "soon",
        "Fri, 32 Nov 2026 14:00:00 GMT",
        "Fri, 27 Nov 99999999999999999999 14:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -1200",
    ],
)
async def test_a_date_that_is_none_is_refused(
    client: AsyncClient, publisher: Keeping, date: str
) -> None:
    answer = await client.delete(f"{ONE}/7", headers={"date": date})
    assert answer.status_code == 400
    assert len(issues(answer)) == 1
    assert publisher.versions == []


@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_a_deletion_in_a_bundle_is_as_of_the_request_s_date(
    client: AsyncClient, publisher: Keeping, kind: str
) -> None:
    asked = asking(({}, "DELETE MedicationAdministration/7"), kind=kind)
    date = {"date": "Fri, 01 Jan 2021 12:30:00 GMT"}
    for _ in range(2):
        answer = await client.post("/fhir", content=json.dumps(asked), headers=date)
        assert answer.json()["entry"] == [{"response": {"status": "204 No Content"}}]
    await client.delete(f"{ONE}/7", headers=date)
    first, again, alone = publisher.versions
    assert first == again == alone
    assert first.record_version.startswith("2021-01-01T12:30:00")


async def test_where_the_status_ranks_a_deletion_is_refused(
    client: AsyncClient, publisher: Keeping
) -> None:
    deletion: tuple[Resource, str] = ({}, "DELETE MedicationAdministration/7")
    bare = (administration(id="8", meta=None), "PUT MedicationAdministration/8")
    for order in ((deletion, bare), (bare, deletion)):
        answer = await client.post("/fhir", content=json.dumps(asking(*order)))
        assert answer.status_code == 400
        assert [words for words, _ in issues(answer)] == [
            "can't be ranked: the others of its source are not ranked by time"
        ]
    assert publisher.versions == []


async def test_an_error_without_a_time_takes_back_what_another_request_has_told(
    client: AsyncClient, publisher: Keeping
) -> None:
    for resource in (administration(), administration(meta=None, status="entered-in-error")):
        answer = await client.put(f"{ONE}/7", content=json.dumps(resource))
        assert (answer.status_code, answer.json()) == (200, resource)
    [newest] = newest_of(publisher.versions)
    assert newest.events == []


UNKNOWN = "administrations of status unknown, left out"
LESS_KNOWN = "administrations without lastUpdated, which count less than any that have it"
END_UNKNOWN = "administrations whose end is not known, taken as points"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"status": "unknown"}, UNKNOWN),
        ({"meta": None}, LESS_KNOWN),
        ({"effectivePeriod": {"start": "2021-01-01T08:00:00Z"}}, END_UNKNOWN),
    ],
)
async def test_what_is_worth_telling_of_what_is_taken_is_told(
    client: AsyncClient, fields: Resource, told: str
) -> None:
    resource = administration(**fields)
    put = await client.put(f"{ONE}/7", content=json.dumps(resource))
    created = await client.post(ONE, content=json.dumps(resource))
    assert (put.status_code, created.status_code) == (200, 201)
    assert created.headers["location"] == "MedicationAdministration/7"
    assert issues(put) == issues(created) == [(told, None)]
    for kind in ("batch", "transaction"):
        asked = asking((resource, "PUT MedicationAdministration/7"), kind=kind)
        answer = await client.post("/fhir", content=json.dumps(asked))
        response = answer.json()["entry"][0]["response"]
        assert response["status"] == "200 OK"
        [issue] = response["outcome"]["issue"]
        assert issue == {"severity": "information", "code": "informational", "diagnostics": told}


@pytest.mark.parametrize("key", ["a b?", "a%b", "ä/"])
async def test_an_id_is_read_as_an_address_writes_it(publisher: Keeping, key: str) -> None:
    entries = [
        {"request": {"method": "PUT", "url": f"MedicationAdministration/{quote(key, safe='')}"}}
        | {"resource": administration(id=key)},
        {"request": {"method": "DELETE", "url": f"MedicationAdministration/{quote(key, safe='')}"}},
    ]
    async with asked_of(publisher) as client:
        for each in entries:
            body = {"resourceType": "Bundle", "type": "transaction", "entry": [each]}
            assert (await client.post("/fhir", json=body)).status_code == HTTPStatus.OK
    assert {each.record_id for each in publisher.versions} == {f"fhir/{key}"}


@pytest.mark.parametrize("key", ["a\x01", "%20"])
async def test_an_id_that_can_name_no_record_is_refused(publisher: Keeping, key: str) -> None:
    async with asked_of(publisher) as client:
        answer = await client.delete(f"{ONE}/{quote(key, safe='%')}")
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert publisher.versions == []


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("MedicationAdministration/7", "200 OK"),
        ("https://a.example/fhir/MedicationAdministration/7", "200 OK"),
        ("MedicationAdministration?identifier=a|b", "200 OK"),
        ("MedicationAdministration/8", "400 Bad Request"),
        ("MedicationAdministration", "400 Bad Request"),
        ("Patient/7", "400 Bad Request"),
    ],
)
async def test_an_entry_is_put_under_the_id_of_its_resource_alone(
    client: AsyncClient, publisher: Keeping, url: str, status: str
) -> None:
    asked = asking((administration(), f"PUT {url}"), kind="batch")
    answer = await client.post("/fhir", content=json.dumps(asked))
    assert answer.json()["entry"][0]["response"]["status"] == status
    assert len(publisher.versions) == (status == "200 OK")


bodies = st.binary(max_size=20) | st.builds(
    lambda fields, others, kind, how: json.dumps(
        {
            **asking((administration(**fields), how), (others, "POST Any"), kind=kind),
            **others,
        }
    ).encode(),
    st.dictionaries(st.sampled_from([*administration(), "contained"]), any_json, max_size=2),
    st.dictionaries(st.sampled_from(["type", "entry", "resourceType", "id"]), any_json, max_size=1),
    st.sampled_from(["batch", "transaction"]),
    st.sampled_from(["PUT MedicationAdministration/7", "DELETE MedicationAdministration/7", "? ?"]),
)
methods = st.sampled_from(["POST", "PUT", "DELETE"])
paths = st.sampled_from(["/fhir", ONE, f"{ONE}/7", f"{ONE}/%00%ff?a"])
dates = st.sampled_from(["Fri, 27 Nov 2026 14:00:00 GMT", "", "a"]) | st.text("0123456789 :+-GMT")


@given(bodies, methods, paths, dates, st.integers(0, 10))
def test_no_request_ends_in_anything_but_an_answer(
    body: bytes, method: str, path: str, date: str, cut: int
) -> None:
    async def ask() -> int:
        async with asked_of(Keeping()) as client:
            content = body[: len(body) - cut]
            # What the service does not catch comes out here.
            answer = await client.request(method, path, content=content, headers={"date": date})
            return answer.status_code

    assert asyncio.run(ask()) in {200, 201, 204, 400, 405}


async def test_an_address_must_be_that_of_the_resource(
    client: AsyncClient, publisher: Keeping
) -> None:
    answer = await client.put(f"{ONE}/8", content=json.dumps(administration()))
    assert answer.status_code == 400
    assert issues(answer) == [
        ("id: is another one than that of the address", ["MedicationAdministration"])
    ]
    answer = await client.post(ONE, content=json.dumps({"resourceType": "Patient"}))
    assert issues(answer) == [("a MedicationAdministration is taken here", ["resourceType"])]
    assert publisher.versions == []


@pytest.mark.parametrize("ask", ["bundle", "put", "delete"])
async def test_without_a_confirmation_it_is_said_to_repeat_it(
    client: AsyncClient, publisher: Keeping, ask: str
) -> None:
    publisher.is_away = True
    whole = asking((administration(), "PUT MedicationAdministration/7"))
    if ask == "bundle":
        answer = await client.post("/fhir", content=json.dumps(whole))
    elif ask == "put":
        answer = await client.put(f"{ONE}/7", content=json.dumps(administration()))
    else:
        answer = await client.delete(f"{ONE}/7")
    assert answer.status_code == 503
    assert issues(answer) == [("RabbitMQ has not confirmed; repeating the request is safe", None)]


async def test_other_types_and_too_long_bodies_are_refused(client: AsyncClient) -> None:
    xml = await client.post(
        "/fhir", content="<Bundle/>", headers={"content-type": "application/xml"}
    )
    assert xml.status_code == 415
    long = await client.post("/fhir", content=" " * 100_001)
    assert long.status_code == 413
    assert [words for words, _ in [*issues(xml), *issues(long)]] == [
        "the header Content-Type must be application/fhir+json: XML is not read",
        "the body is longer than 100,000 bytes",
    ]


async def test_what_is_understood_is_told(client: AsyncClient) -> None:
    told = (await client.get("/fhir/metadata")).json()
    assert told["resourceType"] == "CapabilityStatement"
    assert (told["fhirVersion"], told["kind"], told["format"]) == ("4.0.1", "instance", ["json"])
    [rest] = told["rest"]
    assert [each["code"] for each in rest["interaction"]] == ["transaction", "batch"]
    [resource] = rest["resource"]
    assert resource["type"] == "MedicationAdministration"
    assert [each["code"] for each in resource["interaction"]] == ["create", "update", "delete"]
