"""What is exported is FHIR's AuditEvent, as IHE's profile PatientQuery asks for it."""

import json
from base64 import b64decode
from typing import Any

import pytest
from msgspec.structs import replace

from consumer_app.audit.fhir import write_audit_event
from consumer_app.audit.records import Record
from tests.unit.audit.records import MORNING, PURGE, REFUSED

PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientQuery"
CLIENT, SERVER, USER = "110153", "110152", "IRCP"
QUERY, PATIENT, REQUEST_ID = "24", "1", "XrequestId"


def exported(record: Record) -> dict[str, Any]:
    written = write_audit_event(record)
    assert b"\n" not in written
    event: dict[str, Any] = json.loads(written)
    assert event["resourceType"] == "AuditEvent"
    return event


def agents(event: dict[str, Any]) -> dict[str, Any]:
    return {agent["type"]["coding"][0]["code"]: agent for agent in event["agent"]}


def entities(event: dict[str, Any]) -> dict[str, Any]:
    return {each.get("role", each["type"])["code"]: each for each in event["entity"]}


def test_an_answer_has_all_that_the_profile_asks_for() -> None:
    event = exported(MORNING)

    assert event["meta"]["profile"] == [PROFILE]
    assert event["type"]["code"] == "rest"
    assert [each["code"] for each in event["subtype"]] == ["search"]
    assert (event["action"], event["outcome"]) == ("E", "0")
    assert event["recorded"] == "2026-01-31T08:00:00.000000Z"
    assert set(agents(event)) == {CLIENT, SERVER, USER}
    assert event["source"]["observer"] == {"display": "consumer-0"}
    assert set(entities(event)) == {PATIENT, QUERY, REQUEST_ID}


def test_client_and_server_have_an_address_and_the_user_has_none() -> None:
    found = agents(exported(MORNING))

    assert found[CLIENT]["network"] == {"address": "10.0.0.7", "type": "2"}
    assert found[CLIENT]["who"] == {"display": "timeline"}
    assert found[SERVER]["network"] == {"address": "consumer-0", "type": "1"}
    assert found[USER]["who"] == {"identifier": {"value": "nurse"}}
    assert found[USER]["policy"] == ["t-1%202"]
    assert "network" not in found[USER]
    assert [found[each]["requestor"] for each in (CLIENT, SERVER, USER)] == [False, False, True]


def test_patient_query_and_request_are_entities() -> None:
    found = entities(exported(MORNING))

    assert found[PATIENT]["what"] == {"type": "Patient", "identifier": {"value": "2"}}
    assert found[PATIENT]["type"]["code"] == "1"
    assert found[QUERY]["type"]["code"] == "2"
    assert b64decode(found[QUERY]["query"]).decode() == (
        "GET /periods?patient_id=2&medication_name=Heparin&medication_name=Insulin&merge_gap=P30D"
    )
    assert found[REQUEST_ID]["what"] == {"identifier": {"value": "ward-3/17"}}


def test_what_was_refused_is_a_failure_and_claims_no_profile() -> None:
    event = exported(REFUSED)

    assert "meta" not in event
    assert (event["outcome"], event["outcomeDesc"]) == ("4", "HTTP 401")
    assert set(agents(event)) == {CLIENT, SERVER}
    assert set(entities(event)) == {QUERY, REQUEST_ID}


def test_what_is_not_known_has_no_empty_element() -> None:
    event = exported(replace(REFUSED, address=None, patient=""))

    assert "network" not in agents(event)[CLIENT]
    assert set(entities(event)) == {QUERY, REQUEST_ID}


@pytest.mark.parametrize("outcome", [304, 412])
def test_that_what_was_read_is_still_so_is_a_read(outcome: int) -> None:
    event = exported(replace(MORNING, outcome=outcome))

    assert event["outcome"] == "0"
    assert event["meta"] == exported(MORNING)["meta"]


def test_what_failed_here_is_a_serious_failure() -> None:
    assert exported(replace(REFUSED, outcome=503))["outcome"] == "8"


def test_a_command_is_an_activity_of_the_application_by_its_user() -> None:
    event = exported(PURGE)

    assert event["type"]["code"] == "110100"
    assert event["subtype"] == [{"display": "database purge"}]
    assert [agent["who"]["identifier"]["value"] for agent in event["agent"]] == ["root"]
    [command] = event["entity"]
    assert command["description"] == "python -m consumer_app database purge"
    assert command["detail"] == [{"type": "before", "valueString": "2015-01-01T00:00:00Z"}]
