"""Signing in to the timeline, by a token or at an identity provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from local.ports import free_port
from tests.browser.conftest import Services
from tests.commands import run_command
from tests.issuer import AUDIENCE, Issuer
from tests.services import ServiceProcess

pytestmark = [pytest.mark.browser, pytest.mark.integration]


@contextmanager
def answering(
    services: Services, folder: Path, port: int, access: dict[str, str]
) -> Iterator[ServiceProcess]:
    """Run a process that answers from what the services have stored, to who may ask."""
    settings = {"DATABASE_URL": services.database_url, "CONSUMER_RECEIVES": "false", **access}
    service = ServiceProcess("consumer", settings, folder, port=port)
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.stop()


def _is_refusal(said: ConsoleMessage) -> bool:
    return "Content Security Policy" in said.text


@pytest.fixture
def window(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if _is_refusal(said) else None)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def with_tokens(
    services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Give the address of a service with a file of tokens, and a token."""
    folder = tmp_path_factory.mktemp("tokens")
    file = str(folder / "tokens.csv")
    environment = {"DATABASE_URL": services.database_url}
    told = ("new-token", "ward", "--scope", "periods:read", "--file", file)
    made = run_command(environment, "access", *told)
    with answering(services, folder, free_port(), {"ACCESS_TOKENS": file}) as service:
        yield service.url, made.stdout.strip()


def test_a_token_shows_the_patient_and_is_kept_nowhere(
    with_tokens: tuple[str, str], window: Page
) -> None:
    url, token = with_tokens
    window.goto(f"{url}/#patient=ward")
    expect(window.locator("#message")).to_have_text("Sign in to see medication periods.")
    window.get_by_label("Token").fill(token)
    window.get_by_role("button", name="Sign in").click()
    window.wait_for_selector(".bar")
    expect(window.get_by_label("Token")).to_be_hidden()
    assert window.evaluate("[sessionStorage.length, document.cookie]") == [0, ""]
    assert token not in window.evaluate("JSON.stringify(localStorage)")
    assert token not in window.url

    window.get_by_role("button", name="Sign out").click()
    expect(window.locator("#message")).to_have_text("Sign in to see medication periods.")
    assert window.url == f"{url}/"
    assert "Heparin" not in window.content()
    assert window.evaluate("localStorage.length") == 0


def test_a_token_that_is_not_taken_is_told_of_with_the_reason(
    with_tokens: tuple[str, str], window: Page
) -> None:
    url, _ = with_tokens
    window.goto(f"{url}/#patient=ward")
    window.get_by_label("Token").fill("mp_wrong")
    window.get_by_role("button", name="Sign in").click()
    expect(window.locator("#session-state")).to_contain_text("the token is unknown")
    expect(window.get_by_label("Token")).to_be_visible()


@contextmanager
def with_provider(
    services: Services, folder: Path, lifetime: int
) -> Iterator[tuple[ServiceProcess, Issuer]]:
    port = free_port()
    page = f"http://127.0.0.1:{port}/"
    with Issuer(people={"nurse": {}}, page=page, lifetime=lifetime) as issuer:
        access = {
            "ACCESS_ISSUER": issuer.url,
            "ACCESS_AUDIENCE": AUDIENCE,
            "ACCESS_CLIENT_ID": "page",
        }
        with answering(services, folder, port, access) as service:
            yield service, issuer


def sign_in(window: Page, service: ServiceProcess, fragment: str) -> None:
    window.goto(f"{service.url}/{fragment}")
    window.get_by_role("button", name="Sign in").click()
    window.get_by_label("Name").fill("nurse")
    window.get_by_role("button", name="Sign in").click()


def test_who_signs_in_comes_back_to_the_patient_and_nothing_is_left_of_the_way(
    services: Services, tmp_path: Path, window: Page
) -> None:
    with with_provider(services, tmp_path, lifetime=300) as (service, issuer):
        asked: list[str] = []
        window.on("request", lambda request: asked.append(request.url))
        sign_in(window, service, "#patient=ward&gap=joined")
        window.wait_for_selector(".bar")
        assert window.url.startswith(f"{service.url}/#patient=ward&gap=joined")
        assert window.evaluate("[Object.keys(localStorage), sessionStorage.length]") == [
            ["medication-periods.recent-patients"],
            0,
        ]
        assert all(url.startswith((service.url, issuer.url)) for url in asked)
        assert not [url for url in asked if url.startswith(issuer.url) and "ward" in url]

        window.get_by_role("button", name="Sign out").click()
        window.wait_for_url(f"{issuer.url}/**")
        window.goto(f"{service.url}/#patient=ward")
        assert window.evaluate("localStorage.length") == 0
        expect(window.locator("#message")).to_have_text("Sign in to see medication periods.")
        # The next person does not go in under the name of the one before.
        window.get_by_role("button", name="Sign in").click()
        expect(window.get_by_label("Name")).to_be_visible()
        window.go_back()
        expect(window.get_by_role("button", name="Sign in")).to_be_visible()
        assert "ward" not in window.evaluate("JSON.stringify(sessionStorage)")


def test_a_way_back_that_was_not_begun_here_signs_nobody_in(
    services: Services, tmp_path: Path, window: Page
) -> None:
    with with_provider(services, tmp_path, lifetime=300) as (service, _):
        window.goto(f"{service.url}/?code=stolen&state=foreign#patient=ward")
        expect(window.locator("#session-state")).to_have_text(
            "Signing in failed: try again, or ask who runs the service."
        )
        assert window.url.startswith(f"{service.url}/")
        assert "stolen" not in window.url


def test_a_screen_outlives_its_token_and_says_when_it_could_not_be_renewed(
    services: Services, tmp_path: Path, window: Page
) -> None:
    with with_provider(services, tmp_path, lifetime=4) as (service, issuer):
        sign_in(window, service, "#patient=ward")
        window.wait_for_selector(".bar")
        bars = window.locator(".bar").count()
        for _ in range(2):
            with window.expect_response(f"{issuer.url}/token", timeout=20_000) as renewed:
                pass
            assert renewed.value.ok
        # It forgets all sessions, as a provider does of somebody who was locked out.
        issuer.stop()
        issuer.start()
        expect(window.locator("#session-state")).to_contain_text(
            "Signed out, as of", timeout=20_000
        )
        assert window.locator(".bar").count() == bars
        expect(window.get_by_role("button", name="Sign in")).to_be_visible()
