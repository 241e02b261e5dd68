"""What can be set of an issuer, and that a mistake is told in one line that names it."""

import pytest

from runtime.access.callers import EVENTS_WRITE, PERIODS_READ
from runtime.access.oidc_settings import IssuerSettings, ScopeMapping
from runtime.settings import ServiceSettings, load_settings

ISSUER = {"ACCESS_ISSUER": "https://login.example.org/realms/ward", "ACCESS_AUDIENCE": "periods"}


class Settings(ServiceSettings):
    """Those of a service."""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in IssuerSettings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> IssuerSettings:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    return load_settings(Settings)


def test_without_any_there_is_no_issuer() -> None:
    assert load_settings(Settings).access_issuer is None


def test_an_issuer_and_its_audience_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, **ISSUER)

    assert settings.access_issuer == ISSUER["ACCESS_ISSUER"], "to the letter"
    assert settings.access_audience == "periods"
    assert settings.access_jwks_url is None
    assert settings.access_scope_claims == ("scope", "scp", "roles")
    assert settings.access_patient_claim == "patient"
    assert settings.access_scopes == ()


def test_all_of_them_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        **ISSUER,
        ACCESS_JWKS_URL="https://login.example.org/keys?p=1",
        ACCESS_SCOPE_CLAIMS="scope, groups",
        ACCESS_PATIENT_CLAIM="https://example.org/patient",
        ACCESS_SCOPES="system/Observation.rs?category=x=periods:read , pump = events:write",
    )

    assert settings.access_jwks_url == "https://login.example.org/keys?p=1"
    assert settings.access_scope_claims == ("scope", "groups")
    assert settings.access_patient_claim == "https://example.org/patient"
    assert settings.access_scopes == (
        ScopeMapping("system/Observation.rs?category=x", PERIODS_READ),
        ScopeMapping("pump", EVENTS_WRITE),
    )


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {field.upper(): "" for field in IssuerSettings.model_fields}

    assert load(monkeypatch, **variables) == load_settings(Settings)
    assert load(monkeypatch, **ISSUER).access_scope_claims == ("scope", "scp", "roles")


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "127.9.9.9:80", "[::1]:8080"])
def test_an_issuer_on_this_machine_needs_no_tls(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    url = f"http://{host}/realms/ward"

    assert load(monkeypatch, **ISSUER | {"ACCESS_ISSUER": url}).access_issuer == url


NO_URLS = [
    "login.example.org",
    "http://login.example.org",
    "http://127.0.0.1.example.org",
    "http://localhost.example.org",
    "http://192.168.0.7:8080",
    "ftp://login.example.org",
    "file:///etc/passwd",
    "https://",
    "https:///realms",
    "https://user:hunter2@login.example.org",
    "https://login.example.org/#ward",
    "https://login.example.org/a b",
    " https://login.example.org",
    "https://login.example.org\\realms",
    "https://lögin.example.org",
    "https://login.example.org:port",
    "https://login.example.org:99999",
    "https://[::1",
]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        *[({"ACCESS_ISSUER": url}, "ACCESS_ISSUER: Value error, ") for url in NO_URLS],
        *[({"ACCESS_JWKS_URL": url}, "ACCESS_JWKS_URL: Value error, ") for url in NO_URLS],
        ({"ACCESS_ISSUER": "https://a.example/?p=1"}, "ACCESS_ISSUER: Value error, "),
        ({"ACCESS_AUDIENCE": ""}, "ACCESS_AUDIENCE: Value error, is needed with ACCESS_ISSUER"),
        ({"ACCESS_AUDIENCE": "account"}, "ACCESS_AUDIENCE: Value error, account is the aud"),
        ({"ACCESS_SCOPE_CLAIMS": "scope,,scp"}, "ACCESS_SCOPE_CLAIMS: "),
        ({"ACCESS_SCOPES": "periods:read"}, "ACCESS_SCOPES: Value error, write each like"),
        ({"ACCESS_SCOPES": "a=b"}, "the scopes here are events:write, patients:search, periods:"),
        ({"ACCESS_SCOPES": "=periods:read"}, "ACCESS_SCOPES: Value error, write each like"),
        ({"ACCESS_SCOPES": "a b=periods:read"}, "ACCESS_SCOPES: Value error, write each like"),
        ({"ACCESS_SCOPES": "a=periods:read,"}, "ACCESS_SCOPES: Value error, write each like"),
    ],
)
def test_a_mistake_is_told_in_one_line_by_its_variable_alone(
    variables: dict[str, str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        load(monkeypatch, **ISSUER | variables)

    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    [variable] = variables
    assert line.count("ACCESS_") == line.count(variable) + line.count("with ACCESS_ISSUER")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ACCESS_AUDIENCE", "periods"),
        ("ACCESS_JWKS_URL", "https://login.example.org/keys"),
        ("ACCESS_SCOPE_CLAIMS", "scope"),
        ("ACCESS_SCOPES", "pump=events:write"),
        ("ACCESS_PATIENT_CLAIM", "patient"),
    ],
)
def test_what_belongs_to_an_issuer_is_of_no_effect_without_one_and_so_refused(
    variable: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        load(monkeypatch, **{variable: value})

    told = capsys.readouterr().err
    assert told == (
        f"Bad settings: {variable}: Value error, is of no effect without ACCESS_ISSUER\n"
    )
