"""Settings of access that can't be meant end the start; what is not guarded is warned of."""

import logging
import re
from pathlib import Path

import pytest

from consumer_app.access import ROUTES
from consumer_app.settings import ConsumerSettings
from publisher_app.settings import PublisherSettings
from runtime.access.configured import configured_access
from runtime.settings import ServiceSettings, load_settings
from tests.unit.access.gates import token_file

KINDS: dict[str, type[ServiceSettings]] = {
    "CONSUMER": ConsumerSettings,
    "PUBLISHER": PublisherSettings,
}


async def told(
    settings: ServiceSettings, caplog: pytest.LogCaptureFixture, level: int
) -> list[str]:
    """Start what guards a service; return what it logs from a level on."""
    with caplog.at_level(level):
        async with configured_access(settings, ROUTES).started(logging.getLogger("service")):
            pass
    return [record.message for record in caplog.records]


@pytest.mark.parametrize("name", KINDS)
async def test_a_start_without_settings_says_who_is_answered_and_what_to_set(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    [notice] = await told(KINDS[name](), caplog, logging.INFO)
    assert "only this machine is answered: set ACCESS_TOKENS or ACCESS_ISSUER" in notice
    assert f"{name}_ACCESS=open" in notice


@pytest.mark.parametrize("name", KINDS)
async def test_each_start_warns_of_open_access(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(f"{name}_ACCESS", "open")
    [warning] = await told(KINDS[name](), caplog, logging.WARNING)
    assert warning == f"{name}_ACCESS=open: whoever reaches the service may do all"


async def test_a_start_with_tokens_has_nothing_to_warn_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ACCESS_TOKENS", str(token_file(tmp_path)))
    assert await told(ConsumerSettings(), caplog, logging.INFO) == []


def test_an_empty_variable_is_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONSUMER_ACCESS", "ACCESS_TOKENS", "ACCESS_HOSTS", "ACCESS_ORIGINS"):
        monkeypatch.setenv(name, "")
    settings = ConsumerSettings()
    assert (settings.access, settings.access_tokens) == ("", None)
    assert (settings.access_hosts, settings.access_origins) == ((), ())


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"CONSUMER_ACCESS": "closed"}, "Bad settings: CONSUMER_ACCESS: "),
        ({"ACCESS_HOSTS": "https://a.example.org"}, "ACCESS_HOSTS: .*write names or addresses"),
        ({"ACCESS_ORIGINS": "*"}, "ACCESS_ORIGINS: .*write sites like https://ward.example.org"),
        ({"ACCESS_ORIGINS": "https://a.example.org/"}, "ACCESS_ORIGINS: .*nothing behind the host"),
        ({"ACCESS_CLIENT_ID": "page"}, "ACCESS_CLIENT_ID: .*of no effect without ACCESS_ISSUER"),
        ({"ACCESS_CLIENT_SCOPE": "periods:read"}, "ACCESS_CLIENT_SCOPE: .*openid must be among"),
        ({"CONSUMER_ACCESS": "0.0.0.0"}, "CONSUMER_ACCESS: .*write open where whoever reaches"),
        (
            {"CONSUMER_ACCESS": "open", "ACCESS_TOKENS": "tokens.csv"},
            "Bad settings: .*…_ACCESS=open asks for no token",
        ),
    ],
)
def test_what_can_not_be_meant_ends_the_start_with_one_line(
    variables: dict[str, str],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token_file(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        load_settings(ConsumerSettings)
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.search(problem, line)


def test_who_answers_needs_the_file_of_tokens_and_who_does_not_starts_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACCESS_TOKENS", str(tmp_path / "none.csv"))
    settings = load_settings(ConsumerSettings)
    with pytest.raises(SystemExit) as ended:
        configured_access(settings, ROUTES)
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.search(r"Bad settings: ACCESS_TOKENS: .*none.csv can't be read", line)
