"""Reads are recorded by default, beside the events; their key outlives upgrades and uninstalls."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer_app.audit.key import read_key
from tests.chart.cluster import rendered_over_secret
from tests.chart.helm import Manifest, pods, render, secret_files
from tests.chart.modes import ANSWERING, MODES, POSTGRESQL

_NAME = "medication-periods-audit"
_CONSUMERS = ["consumer", "answering"]


def _secrets(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == "Secret"}


def _variables(pod: dict[str, Any]) -> dict[str, Any]:
    return {
        each["name"]: each.get("value", each.get("valueFrom"))
        for each in pod["containers"][0]["env"]
    }


def test_on_sqlite_it_is_on_the_volume_of_the_events_without_a_setting() -> None:
    manifests = render()
    variables = _variables(pods(manifests)["consumer"])

    assert variables["DATABASE_URL"] == "sqlite+aiosqlite:////data/medication-periods.db"
    assert not [name for name in variables if name.startswith("AUDIT_")]
    assert not [
        name for name in secret_files(pods(manifests)["consumer"]) if name.startswith("AUDIT_")
    ]
    assert _NAME not in _secrets(manifests)


def test_on_postgresql_an_installation_makes_a_key_that_consumers_can_read(tmp_path: Path) -> None:
    secret = _secrets(render(ANSWERING))[_NAME]
    file = tmp_path / "key"
    file.write_text(secret["stringData"]["key"])

    assert len(read_key(file)) == 32
    assert secret["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_each_installation_gets_a_key_of_its_own() -> None:
    keys = {
        _secrets(render(POSTGRESQL | {"consumer.prefetch": n}))[_NAME]["stringData"]["key"]
        for n in (1, 2)
    }
    assert len(keys) == 2


def test_an_upgrade_keeps_the_key(tmp_path: Path) -> None:
    manifests = rendered_over_secret(_NAME, {"key": "of-the-install"}, tmp_path, POSTGRESQL)
    assert _secrets(manifests)[_NAME]["stringData"]["key"] == "of-the-install"


@pytest.mark.parametrize("component", _CONSUMERS)
def test_all_consumers_have_the_key_as_a_file(component: str) -> None:
    pod = pods(render(ANSWERING))[component]

    assert _variables(pod)["AUDIT_KEY_FILE"] == "/secrets/AUDIT_KEY"
    assert secret_files(pod)["AUDIT_KEY"] == {"name": _NAME, "key": "key"}


def test_who_answers_from_a_replica_records_where_it_can_be_written() -> None:
    specs = pods(render(MODES["PostgreSQL, queries apart on a replica"]))

    for component in _CONSUMERS:
        assert secret_files(specs[component])["AUDIT_DATABASE_URL"] == {
            "name": "medication-database",
            "key": "url",
        }


def test_a_role_and_a_key_of_ones_own_are_used_by_name() -> None:
    own = {
        "audit.existingSecret": "key",
        "audit.existingDatabaseSecret": "writer",
        "audit.existingDatabaseSecretKey": "audit",
    }
    manifests = render(ANSWERING | own)

    assert _NAME not in _secrets(manifests)
    for component in _CONSUMERS:
        files = secret_files(pods(manifests)[component])
        assert files["AUDIT_DATABASE_URL"] == {"name": "writer", "key": "audit"}
        assert files["AUDIT_KEY"] == {"name": "key", "key": "key"}


def test_in_compose_all_consumers_on_postgresql_share_a_key_on_a_volume() -> None:
    compose = yaml.safe_load(Path("consumer_app/docker-compose.yaml").read_text())
    on_postgresql = {
        name: service
        for name, service in compose["services"].items()
        if "postgresql" in service.get("environment", {}).get("DATABASE_URL", "")
    }

    assert set(on_postgresql) == {"consumer-postgres", "consumers", "answering-postgres"}
    for service in on_postgresql.values():
        assert service["environment"]["AUDIT_KEY_FILE"] == "/audit/audit.key"
        assert "audit:/audit" in service["volumes"]
    assert "audit" in compose["volumes"]
    assert "/audit" in Path("consumer_app/Dockerfile").read_text()
