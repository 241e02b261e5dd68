"""Who may use the services of an installation: by default whoever has its token."""

import csv
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.chart.cluster import rendered_over_secret
from tests.chart.helm import CHART, Manifest, Refused, pick, pods, render, run_helm
from tests.chart.modes import ANSWERING, GATEWAY

_NAME = "medication-periods-access"
_SERVICES = ["consumer", "publisher", "answering"]


def _secret(manifests: list[Manifest]) -> dict[str, str]:
    [found] = [
        each["stringData"]
        for each in manifests
        if each["kind"] == "Secret" and each["metadata"]["name"] == _NAME
    ]
    return dict(found)


def _variables(pod: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}


def test_an_installation_makes_one_token_that_reads_and_writes() -> None:
    secret = _secret(render())
    [row] = csv.DictReader(secret["tokens.csv"].splitlines())
    assert secret["token"].startswith("mp_")
    assert len(secret["token"]) == len("mp_") + 43
    assert row["sha256"] == hashlib.sha256(secret["token"].encode()).hexdigest()
    assert row["scopes"].split() == ["events:write", "periods:read"]
    assert (row["patient"], row["expires"]) == ("", "")


def test_each_service_reads_the_tokens_from_a_folder_that_follows_the_secret() -> None:
    manifests = render(ANSWERING)
    for component in _SERVICES:
        pod = pods(manifests)[component]
        assert _variables(pod)["ACCESS_TOKENS"] == "/access/tokens.csv"
        [volume] = [each for each in pod["volumes"] if each["name"] == "access"]
        assert volume["secret"]["secretName"] == _NAME
        [mount] = [e for e in pod["containers"][0]["volumeMounts"] if e["name"] == "access"]
        assert mount == {"name": "access", "mountPath": "/access", "readOnly": True}


def test_an_upgrade_keeps_the_token_and_what_was_added_to_the_file(tmp_path: Path) -> None:
    kept = {"token": "mp_of-the-install", "tokens.csv": "with a line of the operator's"}
    secret = _secret(rendered_over_secret(_NAME, kept, tmp_path))
    assert secret["token"] == "mp_of-the-install"
    assert secret["tokens.csv"] == "with a line of the operator's"


def test_an_existing_secret_is_used_by_name_and_none_is_made() -> None:
    manifests = render(ANSWERING | {"access.existingSecret": "hospital-tokens"})
    names = [each["metadata"]["name"] for each in manifests if each["kind"] == "Secret"]
    assert _NAME not in names
    for component in _SERVICES:
        [volume] = [e for e in pods(manifests)[component]["volumes"] if e["name"] == "access"]
        assert volume["secret"]["secretName"] == "hospital-tokens"


def test_open_access_is_asked_for_and_has_no_token() -> None:
    manifests = render(ANSWERING | {"access.open": True, "access.hosts": ["a.example.org", "b"]})
    reached = {"localhost", "a.example.org", "b", "medication-periods-consumer.default.svc"}
    assert _NAME not in [each["metadata"]["name"] for each in manifests]
    for component in _SERVICES:
        pod = pods(manifests)[component]
        variables = _variables(pod)
        prefix = "PUBLISHER" if component == "publisher" else "CONSUMER"
        assert variables[f"{prefix}_ACCESS"] == "open"
        assert reached < set(variables["ACCESS_HOSTS"].split(","))
        assert "ACCESS_TOKENS" not in variables
        assert "access" not in {each["name"] for each in pod["volumes"]}


@pytest.mark.parametrize("way_in", [{"ingress.enabled": True}, GATEWAY])
def test_open_access_is_refused_where_there_is_a_way_in(way_in: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"access\.open: with an ingress or gateway whoever reaches"):
        render(way_in | {"access.open": True})


def test_an_issuer_is_known_to_every_service_that_answers() -> None:
    issuer = {"name": "ACCESS_ISSUER", "value": "https://login.example.org"}
    manifests = render(ANSWERING | {"access.issuer": [issuer]})
    for component in _SERVICES:
        assert _variables(pods(manifests)[component])["ACCESS_ISSUER"] == issuer["value"]


def test_names_of_the_site_come_beside_those_by_which_helm_test_asks() -> None:
    manifests = render({"access.hosts": ["periods.example.org"]})
    hosts = _variables(pods(manifests)["publisher"])["ACCESS_HOSTS"].split(",")
    asked = _variables(pods(manifests)["test"])["PUBLISHER"]
    assert urlsplit(asked).hostname in hosts
    assert hosts[-1] == "periods.example.org"


def test_helm_test_has_the_token_where_one_is_needed() -> None:
    for values, has_token in (({}, True), ({"access.open": True}, False)):
        pod = pick(render(values), "Pod", "test")["spec"]
        names = {each["name"] for each in pod["containers"][0]["env"]}
        assert ("TOKEN" in names) is has_token


def test_notes_say_how_to_read_the_token() -> None:
    notes = run_helm("install", "m", str(CHART), "--dry-run=client").partition("NOTES:")[2]
    assert "get secret m-medication-periods-access -o jsonpath='{.data.token}'" in notes
    assert 'curl -H "Authorization: Bearer $TOKEN"' in notes
