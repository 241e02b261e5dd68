"""Both HTTP interfaces keep what their own OpenAPI documents say, whatever they are asked."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.services import ServiceProcess

steady = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=list(HealthCheck),
)


def test_the_consumer_answers_as_it_documents(consumer: ServiceProcess) -> None:
    ask_everything(consumer)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_publisher_answers_as_it_documents(publisher: ServiceProcess) -> None:
    """Once: it knows no database."""
    ask_everything(publisher)


def ask_everything(service: ServiceProcess) -> None:
    """Ask every operation for what its document allows, and for what it does not."""
    document = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    for result in document.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        # Where nothing can be given, nothing wrong can be.
        takes_something = operation.query or operation.body
        for mode in GenerationMode if takes_something else [GenerationMode.POSITIVE]:

            @steady
            @given(case=operation.as_strategy(generation_mode=mode))
            def answers_as_documented(case: Case[Any]) -> None:
                # A schema can't say that a day must exist, or that a text holds no control
                # character: then the answer is the documented 422.
                case.call_and_validate(timeout=30, excluded_checks=[positive_data_acceptance])

            answers_as_documented()
