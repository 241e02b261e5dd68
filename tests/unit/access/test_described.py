"""The OpenAPI document says which routes need a token, of a service that asks for tokens."""

from typing import Any

import pytest
from fastapi import FastAPI

from runtime.access.described import describe_access
from tests.unit.access.gates import ROUTES


def document(*, needs_token: bool) -> dict[str, Any]:
    api = FastAPI()

    @api.get("/periods")
    def periods() -> None:
        """Answer."""

    @api.get("/health/live")
    def live() -> None:
        """Answer."""

    describe_access(api, ROUTES, needs_token=needs_token)
    assert api.openapi() == api.openapi()
    return dict(api.openapi())


def test_a_route_with_data_names_its_scope_and_its_refusals() -> None:
    told = document(needs_token=True)
    assert told["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    operation = told["paths"]["/periods"]["get"]
    assert operation["security"] == [{"token": ["periods:read"]}]
    assert {"401", "403", "421"} < operation["responses"].keys()


@pytest.mark.parametrize("needs_token", [True, False])
def test_an_open_route_needs_none(needs_token: bool) -> None:
    operation = document(needs_token=needs_token)["paths"]["/health/live"]["get"]
    assert "security" not in operation
    assert operation["responses"].keys() == {"200"}


def test_a_service_that_asks_for_no_tokens_claims_to_need_none() -> None:
    told = document(needs_token=False)
    assert "securitySchemes" not in told.get("components", {})
    operation = told["paths"]["/periods"]["get"]
    assert "security" not in operation
    assert not {"401", "403"} & operation["responses"].keys()
