"""The AsyncAPI documents in asyncapi/ are those that the apps generate."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from consumer_app.main import make_app
from consumer_app.settings import ConsumerSettings

SCHEMA = Path("node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json")
SERVICES = ["publisher", "consumer"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_is_the_one_that_the_app_generates(service: str, tmp_path: Path) -> None:
    generated = tmp_path / "generated.yaml"
    environment = {name: value for name, value in os.environ.items() if name != "RABBITMQ_URL"}
    command = [sys.executable, "-m", "faststream", "docs", "gen", f"{service}_app.main:app"]
    subprocess.run(
        [*command, "--yaml", "-o", str(generated)],
        check=True,
        capture_output=True,
        env=environment,
    )

    committed = Path(f"asyncapi/{service}.yaml").read_text()
    assert generated.read_text() == committed, "asyncapi/ is behind the code: run `make docs`"


def test_a_consumer_that_only_answers_has_the_same_document() -> None:
    apps = [make_app(ConsumerSettings(receives=receives)) for receives in (True, False)]
    assert apps[0]._asyncapi() == apps[1]._asyncapi()


def test_the_page_shows_the_documents_as_they_are(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    documents = [f"asyncapi/{service}.yaml" for service in SERVICES]
    node = Path(sys.executable).with_name("node")
    subprocess.run([node, "pages/asyncapi_page.mjs", str(page), *documents], check=True)

    committed = Path("asyncapi/index.html").read_text()
    assert page.read_text() == committed, "asyncapi/ is behind the code: run `make docs`"


def test_nothing_else_is_in_the_folder() -> None:
    generated = {"index.html", *(f"{service}.yaml" for service in SERVICES)}
    assert {file.name for file in Path("asyncapi").iterdir()} == generated, (
        "what no app generates any more: remove it"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_is_valid_asyncapi_3(service: str) -> None:
    jsonschema.validate(document(service), json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_shows_the_contract_and_no_credentials(service: str) -> None:
    found = document(service)
    event = found["components"]["schemas"]["MedicationEvent"]["properties"]

    assert "guest" not in json.dumps(found)
    for name, field in event.items():
        assert field.get("description") or field["anyOf"][0]["description"], name
        assert field.get("examples") or field["anyOf"][0]["examples"], name


def test_each_operation_is_named_by_what_it_does_and_each_message_by_what_it_is() -> None:
    named = {
        operation: [each["$ref"].rpartition("/")[2] for each in content["messages"]]
        for service in SERVICES
        for operation, content in document(service)["operations"].items()
    }
    assert named == {
        "publishMedicationEvents": ["MedicationEvents"],
        "storeMedicationEvents": ["MedicationEvents"],
        "moveToDeadLetters": ["DeadLetter"],
    }
    words = {
        operation: content["summary"]
        for service in SERVICES
        for operation, content in document(service)["operations"].items()
    }
    assert words == {
        "publishMedicationEvents": "Publish medication events",
        "storeMedicationEvents": "Store medication events",
        "moveToDeadLetters": "Move to dead letters",
    }


def document(service: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path(f"asyncapi/{service}.yaml").read_text())
    return found
