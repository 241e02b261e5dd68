"""What the service's settings make of the page."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from local.ports import free_port
from tests.browser.conftest import Services, Visit
from tests.browser.test_sign_in import answering

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]


def test_the_hospitals_zone_is_offered_and_its_choice_is_kept(
    visit: Visit, services: Services, tmp_path: Path
) -> None:
    settings = {"CONSUMER_TIME_ZONE": "Europe/Lisbon"}
    with answering(services, tmp_path, free_port(), settings) as service:
        page = visit.page
        page.goto(f"{service.url}/#patient=nights&from=2026-01-01&to=2026-12-01")
        first = page.locator("#periods tbody tr").first
        expect(first).to_contain_text("29 Mar 2026 01:30")
        page.get_by_label("Times in").select_option("hospital")
        expect(first).to_contain_text("29 Mar 2026 00:30")
        assert "(hospital)" in page.locator("#zone option").nth(2).inner_text()
        page.reload()
        expect(first).to_contain_text("29 Mar 2026 00:30")


def test_no_patient_is_kept_where_the_setting_forbids_it(
    visit: Visit, services: Services, tmp_path: Path
) -> None:
    settings = {"CONSUMER_RECENT_PATIENTS": "false"}
    with answering(services, tmp_path, free_port(), settings) as service:
        page = visit.page
        page.goto(f"{service.url}/#patient=ward")
        page.wait_for_selector(".bar")
        expect(page.locator("#recent")).to_be_hidden()
        assert page.evaluate("localStorage.length") == 0


def test_identifiers_are_completed_from_two_characters_on(
    visit: Visit, services: Services, tmp_path: Path
) -> None:
    settings = {"CONSUMER_PATIENT_SEARCH": "true"}
    with answering(services, tmp_path, free_port(), settings) as service:
        page = visit.page
        page.goto(service.url)
        field = page.locator("#patient")
        field.press_sequentially("wa")
        expect(offered(page)).to_have_count(1)
        expect(offered(page)).to_have_attribute("value", "ward")
        field.fill("w")
        expect(offered(page)).to_have_count(0)
        assert not [url for url in visit.requests if "prefix" in url]


def offered(page: Page) -> Locator:
    return page.locator("#patients option")
