"""The OpenAPI document calls operations by what they do, and its schemas lead nowhere else."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

import consumer_app.main
import publisher_app.main
from consumer_app.settings import ConsumerSettings
from publisher_app.settings import PublisherSettings
from runtime.http.openapi import inlined, name_operations


def test_an_operation_is_called_what_its_description_begins_with() -> None:
    api = FastAPI()

    @api.get("/periods")
    def periods() -> None:
        """Answer like `GET /other` in which periods
        a patient was on each.

        A period is half open.
        """

    @api.get("/events")
    def events() -> None:
        """List events."""

    name_operations(api)
    assert api.openapi() == api.openapi()
    told = {path: methods["get"] for path, methods in api.openapi()["paths"].items()}
    assert told["/periods"]["summary"] == (
        "Answer like GET /other in which periods a patient was on each"
    )
    assert told["/periods"]["description"] == "A period is half open."
    assert told["/events"]["summary"] == "List events"
    assert "description" not in told["/events"]


def test_a_schema_without_references_says_the_same() -> None:
    schema = {
        "$defs": {
            "Name": {"type": "string", "description": "Any."},
            "Names": {"type": "array", "items": {"$ref": "#/$defs/Name"}},
        },
        "properties": {
            "names": {"$ref": "#/$defs/Names"},
            "name": {"$ref": "#/$defs/Name", "description": "One."},
        },
    }
    assert inlined(schema) == {
        "properties": {
            "names": {"type": "array", "items": {"type": "string", "description": "Any."}},
            "name": {"type": "string", "description": "One."},
        }
    }


@pytest.mark.parametrize("service", ["consumer", "publisher"])
async def test_each_reference_of_a_services_document_leads_to_a_part_of_it(service: str) -> None:
    document = await document_of(service)
    references = list(found_in(document))
    assert references
    for reference in references:
        part: Any = document
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


async def test_an_example_of_a_list_in_a_form_is_a_list() -> None:
    operation = (await document_of("consumer"))["paths"]["/periods/_search"]["post"]
    (form,) = operation["requestBody"]["content"].values()
    assert form["schema"]["properties"]["medication_name"]["examples"] == [["Heparin"]]


async def document_of(service: str) -> dict[str, Any]:
    app = (
        consumer_app.main.make_app(ConsumerSettings())
        if service == "consumer"
        else publisher_app.main.make_app(PublisherSettings())
    )
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


def found_in(part: Any) -> Iterator[str]:  # noqa: ANN401 - of JSON
    if isinstance(part, list):
        for each in part:
            yield from found_in(each)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from found_in(value)
