"""FHIR's REST, as both services answer by it: https://hl7.org/fhir/R4/http.html."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from fastapi import Response
from fastapi.responses import JSONResponse

from runtime.version import VERSION

FHIR_JSON = "application/fhir+json"
_WRITTEN_ON = "2026-11-27"


class FhirResponse(JSONResponse):
    """Documents that the answers of a route are FHIR's."""

    media_type = FHIR_JSON


class Issue(NamedTuple):
    """One thing that is wrong, or worth telling; by FHIR's code, and where it is."""

    code: str
    words: str
    where: str | None = None
    severity: str = "error"


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """Tell a caller of issues: https://hl7.org/fhir/R4/operationoutcome.html."""
    told = [
        {"severity": each.severity, "code": each.code, "diagnostics": each.words}
        | ({"expression": [each.where]} if each.where else {})
        for each in issues
    ]
    return {"resourceType": "OperationOutcome", "issue": told}


def outcome(
    status: int, issues: Iterable[Issue], headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with an OperationOutcome."""
    return fhir_answer(operation_outcome(issues), status, headers)


def fhir_answer(
    resource: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a resource."""
    return Response(msgspec.json.encode(resource), status, headers, FHIR_JSON)


def capabilities(service: str, what_it_does: str, rest: Mapping[str, object]) -> Mapping[str, Any]:
    """Say what a service can be asked: a CapabilityStatement."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _WRITTEN_ON,
        "kind": "instance",
        "software": {"name": f"medication-periods {service}", "version": VERSION},
        "implementation": {"description": what_it_does},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", **rest}],
    }
