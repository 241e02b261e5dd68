"""FHIR's REST: what is taken, and what is answered once it is confirmed."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from faststream.rabbit import RabbitBroker
from httpx import ASGITransport, AsyncClient, Response

from contracts import RecordVersion, Report
from publisher_app.failures import NotConfirmed
from publisher_app.formats.recognition import Formats
from publisher_app.inputs.fhir_http import fhir_router
from publisher_app.intake import Intake
from publisher_app.publishing import EventPublisher
from publisher_app.settings import PublisherSettings
from runtime.http.bodies import Bodies
from tests.callers import let_in
from tests.unit.publisher.fhir.reading import Resource, administration, bundle

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


@pytest.fixture
async def client(publisher: Keeping) -> AsyncIterator[AsyncClient]:
    settings, api = PublisherSettings(), FastAPI()
    formats, intake = Formats(settings), Intake(publisher, settings)
    api.include_router(fhir_router(formats, intake, Bodies(100_000), max_elements=100))
    async with AsyncClient(transport=ASGITransport(let_in(api)), base_url="http://any") as client:
        client.headers["content-type"] = "application/fhir+json"
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
    assert {each["severity"] for each in outcome["issue"]} == {"error"}
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


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (bundle(administration()), "a Bundle of type transaction or batch is taken here"),
        (administration(), "it is no Bundle"),
        ({"resourceType": "Bundle", "type": "batch", "entry": [{}] * 101}, "more than 100 entries"),
        ("MSH|^~\\&|", "it is HL7 v2: send it by MLLP, or publish it as a file"),
        (bundle(administration(), kind="transaction"), "request: is missing"),
    ],
)
async def test_what_is_no_such_bundle_is_refused(
    client: AsyncClient, body: Resource | str, told: str
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    answer = await client.post("/fhir", content=content)
    assert answer.status_code == 400
    [(words, _)] = issues(answer)
    assert told in words


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
    assert (await client.delete(f"{ONE}/7", headers={"date": "soon"})).status_code == 400


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
