"""How FHIR tells a caller what was wrong: https://hl7.org/fhir/R4/operationoutcome.html."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
from fastapi import Response

FHIR_JSON = "application/fhir+json"


class Issue(NamedTuple):
    """One thing that is wrong; by FHIR's code."""

    code: str
    words: str


def outcome(
    status: int, issues: Iterable[Issue], headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with an OperationOutcome."""
    told = [{"severity": "error", "code": each.code, "diagnostics": each.words} for each in issues]
    return fhir_answer({"resourceType": "OperationOutcome", "issue": told}, status, headers)


def fhir_answer(
    resource: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a resource."""
    return Response(msgspec.json.encode(resource), status, headers, FHIR_JSON)
