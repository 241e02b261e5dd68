"""Null takes a value away, and Helm hands it on to the upgrades that follow."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.chart.helm import CHART, pods, render

_SCHEMA = json.loads((CHART / "values.schema.json").read_text())
_VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
# Without anybody in it, a list of peers lets in everybody.
_NEVER_EMPTY = {"networkPolicy.monitoring", "networkPolicy.keda"}


def _named(schema: dict[str, Any], values: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the values with their names; one of which the schema knows no parts is one value."""
    for key, value in values.items():
        known = schema["properties"][key]
        if "$ref" in known:
            known = _SCHEMA["$defs"][known["$ref"].rpartition("/")[2]]
        if "properties" in known:
            yield from ((f"{key}.{name}", each) for name, each in _named(known, value))
        else:
            yield key, value


_NULLABLE: dict[str, object] = {
    name: value
    for name, value in _named(_SCHEMA, _VALUES)
    if (value == "" or isinstance(value, list | dict)) and name not in _NEVER_EMPTY
}


def _with(name: str, value: object) -> dict[str, Any]:
    """Return the chart's values with another one, as Helm hands them to the schema."""
    values: dict[str, Any] = json.loads(json.dumps(_VALUES))
    *parents, key = name.split(".")
    inner = values
    for parent in parents:
        inner = inner[parent]
    inner[key] = value
    return values


def test_the_values_that_can_be_empty_are_found() -> None:
    assert {"consumer.extraEnv", "publisher.resources", "images.tag"} < _NULLABLE.keys()


@pytest.mark.parametrize("name", _NULLABLE)
@pytest.mark.fault("chart's values set to null")
def test_the_schema_lets_null_through(name: str) -> None:
    assert list(Draft202012Validator(_SCHEMA).iter_errors(_with(name, None))) == []


@pytest.mark.parametrize("name", sorted(_NEVER_EMPTY))
def test_who_may_call_is_never_nobody_in_particular(name: str) -> None:
    assert not Draft202012Validator(_SCHEMA).is_valid(_with(name, None))
    assert not Draft202012Validator(_SCHEMA).is_valid(_with(name, []))


def test_null_is_rendered_as_the_empty_value_is() -> None:
    known = {
        "rabbitmq.auth.existingSecret": "known",
        "rabbitmq.auth.password": "known",
        "access.existingSecret": "known",
    }
    empty = {name: value for name, value in _NULLABLE.items() if not value}
    assert render(dict.fromkeys(empty) | known) == render(empty | known)


def test_null_takes_away_what_the_chart_sets() -> None:
    for pod in pods(render(dict.fromkeys(_NULLABLE))).values():
        assert not {"runAsNonRoot", "seccompProfile"} & pod["securityContext"].keys()
        assert pod["containers"][0]["securityContext"] == {}
