"""The real services, and a real browser that may reach nothing but them."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    sync_playwright,
)

from local.broker import private_broker
from local.packages import apt_install, ensure_program, find_program
from tests.browser import patients
from tests.services import ServiceProcess, eventually

ROOT = Path(__file__).parents[2]
ARTIFACTS = Path(__file__).parent / "artifacts"


class Services:
    """Both services over a broker and a database of their own."""

    def __init__(self, broker_url: str, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            "RABBITMQ_URL": broker_url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/events.db",
            "PUBLISHER_TRY_IT_OUT": "true",
        }
        self._consumer = ServiceProcess("consumer", self._environment, folder)
        self._publisher = ServiceProcess("publisher", self._environment, folder)
        for service in (self._consumer, self._publisher):
            service.wait_until_ready()

    @property
    def addresses(self) -> tuple[str, str]:
        return self._consumer.url, self._publisher.url

    @property
    def database_url(self) -> str:
        return self._environment["DATABASE_URL"]

    @property
    def consumer(self) -> str:
        return self._consumer.url

    @property
    def publisher(self) -> str:
        return self._publisher.url

    def consumer_log(self) -> str:
        return self._consumer.log.read_text()

    def stop_consumer(self) -> None:
        self._consumer.stop()

    def start_consumer(self) -> None:
        port = self._consumer.port
        self._consumer = ServiceProcess("consumer", self._environment, self._folder, port=port)
        self._consumer.wait_until_ready()

    def stop(self) -> None:
        self._consumer.stop()
        self._publisher.stop()

    def publish(self, events: list[dict[str, str]], **run: str) -> None:
        for at in range(0, len(events), 5_000):
            part = "\n".join(map(json.dumps, events[at : at + 5_000]))
            lines = {"Content-Type": "application/x-ndjson"}
            url = f"{self.publisher}/events"
            answer = httpx.post(url, params=run, content=part, headers=lines, timeout=60)
            answer.raise_for_status()

    def periods(self, patient: str, **asked: str) -> dict[str, Any]:
        parameters = {"patient_id": patient, **asked}
        answer = httpx.get(f"{self.consumer}/periods", params=parameters, timeout=60)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def wait_for(self, patient: str, periods: int) -> None:
        eventually(lambda: len(self.periods(patient)["periods"]) == periods)


@pytest.fixture(scope="package")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("services")
    with private_broker(folder / "broker") as broker:
        started = Services(broker.url, folder)
        for events in patients.ALL:
            started.publish(events())
        started.wait_for("ward", len(patients.WARD_PERIODS))
        yield started
        started.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    chromium = _ensure_chromium()
    # The node that Playwright brings along needs a library that not every machine has.
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(Path(sys.executable).with_name("node"))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield started
        started.close()


def _ensure_chromium() -> Path:
    """Return Debian's Chromium, installed with letters to write with when there is none."""
    if find_program("chromium") is None:
        apt_install("chromium", "fonts-dejavu-core")
    return ensure_program("chromium", "chromium")


class Visit:
    """One browser window, with all that it asked for and complained of."""

    def __init__(self, page: Page, services: Services) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._services = services
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def _hear(self, said: ConsoleMessage) -> None:
        # A browser calls it an error that nothing has changed since a form was asked before.
        if said.type == "error" and "status of 412" not in said.text:
            self.complaints.append(said.text)

    def show(self, fragment: str = "") -> Page:
        self.page.goto(f"{self._services.consumer}/{fragment}")
        return self.page

    def show_patient(self, patient: str, **state: str) -> Page:
        given = "".join(f"&{name}={value}" for name, value in state.items())
        self.show(f"#patient={patient}{given}")
        self.page.wait_for_selector(".bar")
        return self.page

    def keep(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)

    def elsewhere(self) -> list[str]:
        ours = (*self._services.addresses, "data:")
        return [url for url in self.requests if not url.startswith(ours)]


@pytest.fixture
def visit(browser: Browser, services: Services) -> Iterator[Visit]:
    size: ViewportSize = {"width": 1280, "height": 900}
    context = browser.new_context(viewport=size, timezone_id="Europe/Berlin", has_touch=True)
    yield from _visit(context, services)


@pytest.fixture
def desk(browser: Browser, services: Services) -> Iterator[Visit]:
    size: ViewportSize = {"width": 1440, "height": 900}
    yield from _visit(browser.new_context(viewport=size, timezone_id="Europe/Berlin"), services)


@pytest.fixture
def telephone(browser: Browser, services: Services) -> Iterator[Visit]:
    size: ViewportSize = {"width": 390, "height": 844}
    context = browser.new_context(
        viewport=size, timezone_id="Europe/Berlin", has_touch=True, is_mobile=True
    )
    yield from _visit(context, services)


def _visit(context: BrowserContext, services: Services) -> Iterator[Visit]:
    # Beside two other workers and what they start, a page may take longer than half a minute.
    context.set_default_timeout(90_000)
    yield Visit(context.new_page(), services)
    context.close()
