"""What it takes to show the first bar over a slow line: what asks for what, and how many bytes."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Response

from tests.browser.conftest import Services, Visit

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

LATENCY_SECONDS = 0.4
BYTES_PER_SECOND = 50_000
SECONDS = 5
CONNECTING = 2
"""Round trips before the first request and before those that go beside it: no browser makes
them slow for a test."""


class Line:
    """A slow line, and what goes over it: round trips are counted and not timed."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        self._round_trips = 0
        self._depths: dict[str, int] = {}
        self.depth_of: dict[str, int] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": LATENCY_SECONDS * 1000,
                "downloadThroughput": BYTES_PER_SECOND,
                "uploadThroughput": BYTES_PER_SECOND,
            },
        )
        session.on("Network.requestWillBeSent", self._note_request)
        session.on("Network.responseReceived", self._note_answer)
        session.on("Network.loadingFinished", self._note_end)

    def _note_request(self, event: dict[str, Any]) -> None:
        """Count a request as one behind what had been answered, begun at least, when it was made.

        A browser asks for what a page is made of while it still reads the page.
        """
        depth = self._round_trips + 1
        self._depths[event["requestId"]] = depth
        self.depth_of.setdefault(event["request"]["url"].partition("#")[0], depth)

    def _note_answer(self, event: dict[str, Any]) -> None:
        self._round_trips = max(self._round_trips, self._depths[event["requestId"]])

    def _note_end(self, event: dict[str, Any]) -> None:
        self.bytes += round(event["encodedDataLength"])


def test_the_first_bar_is_there_within_five_seconds_over_a_slow_line(visit: Visit) -> None:
    line = Line(visit.page)
    visit.show_patient("ward")
    (round_trips,) = (depth for url, depth in line.depth_of.items() if "/periods" in url)
    assert round_trips == 3, f"the page, what it is made of, and the answer: {line.depth_of}"
    waiting = (round_trips + CONNECTING) * LATENCY_SECONDS
    assert waiting + line.bytes / BYTES_PER_SECOND < SECONDS, line.depth_of


def test_the_page_is_few_files_and_all_of_them_come_packed(visit: Visit) -> None:
    asked: list[Response] = []

    def note(answer: Response) -> None:
        asked.append(answer)

    visit.page.on("response", note)
    visit.show_patient("ward")
    files = [each for each in asked if each.url.endswith((".js", ".css"))]
    assert 0 < len(files) <= 4
    assert {each.header_value("content-encoding") for each in files} == {"gzip"}


def test_the_licenses_of_what_the_script_is_made_of_stand_beside_it(services: Services) -> None:
    told = httpx.get(f"{services.consumer}/static/timeline/page.js.LICENSE.txt").raise_for_status()
    for package in ("d3-selection", "d3-zoom", "oauth4webapi"):
        assert f"{package} " in told.text
