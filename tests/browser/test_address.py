"""The address keeps what is seen, and keeps the patient out of the server's log."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Services, Visit
from tests.browser.drawing import bars

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]


def test_a_link_leads_to_the_stretch_of_time_that_was_seen(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.get_by_role("button", name="Zoom in").click()
    expect(page).to_have_url(re.compile("from=.+&to="))
    zoomed = page.url
    page.get_by_role("button", name="Later").click()
    # The address follows some time behind what is seen.
    expect(page).not_to_have_url(zoomed)
    seen = bars(page, "Heparin")
    page.reload()
    page.wait_for_selector(".bar")
    for before, after in zip(seen, bars(page, "Heparin"), strict=True):
        assert after["x"] == pytest.approx(before["x"], abs=1)
        assert after["width"] == pytest.approx(before["width"], abs=1)


def test_the_back_button_leads_through_patients_not_through_turns_of_a_wheel(visit: Visit) -> None:
    page = visit.show_patient("2")
    page.fill("#patient", "ward")
    page.click("text=Show")
    page.locator(".bar[data-medication=Heparin]").first.wait_for()
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    expect(page).to_have_url(re.compile("from=.+&to="))
    page.go_back()
    page.locator(".bar[data-medication=Y]").wait_for()
    page.go_forward()
    page.locator(".bar[data-medication=Heparin]").first.wait_for()
    expect(page).to_have_url(re.compile("patient=ward.+from="))


@pytest.mark.parametrize(
    "nonsense",
    ["gap=never", "from=yesterday&to=now", "from=2026-03-02&to=2026-03-01", "at=soon", "why=it"],
)
def test_nonsense_in_an_address_is_left_aside(visit: Visit, nonsense: str) -> None:
    page = visit.show(f"#patient=ward&medication=Snake+oil&{nonsense}")
    page.wait_for_selector(".bar")
    assert len(bars(page, "Heparin")) == 2
    expect(page.locator("[name=gap][value=exact]")).to_be_checked()
    assert visit.complaints == []


def test_a_link_leads_to_the_instant_and_to_what_was_explained(visit: Visit) -> None:
    page = visit.show_patient("ward", at="2026-03-02T03:00:00Z")
    expect(page.locator("#on-heading")).to_have_text("On at 2 Mar 2026 04:00: 2 medications")
    page.get_by_role("button", name="Why Heparin").first.click()
    page.locator("#explanation ol").wait_for()
    page.reload()
    expect(page.locator("#on-heading")).to_have_text("On at 2 Mar 2026 04:00: 2 medications")
    expect(page.locator("#explanation h2")).to_have_text("Heparin")
    page.get_by_role("button", name="Back to now").click()
    expect(page.locator("#on-heading")).to_have_text("On now: 0 medications")
    assert "at=" not in page.url


def test_the_patient_gets_into_no_address_that_is_sent_and_so_into_no_log(
    visit: Visit, services: Services
) -> None:
    page = visit.show()
    page.fill("#patient", "ward")
    page.click("text=Show")
    page.wait_for_selector(".bar")
    page.get_by_role("button", name="Why Heparin").first.click()
    page.locator("#explanation ol").wait_for()
    assert "#patient=ward&why=" in page.url
    page.fill("#patient", "nobody")
    page.click("text=Show")
    page.get_by_text("nobody").first.wait_for()
    sent = [urlsplit(url)._replace(fragment="").geturl() for url in visit.requests]
    assert f"{services.consumer}/periods/_search" in sent
    assert f"{services.consumer}/events/_search" in sent
    assert not [url for url in sent if re.search("ward|nobody|Heparin", url)]
    log = services.consumer_log()
    assert "POST /periods/_search" in log
    assert "ward" not in log
    assert "Heparin" not in log
