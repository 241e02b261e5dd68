"""What the page says where it has no periods to show."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Services, Visit

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

# The page announces that it is loading only where that takes a while; in milliseconds.
_LONGER_THAN_A_BLINK_MS = 600


@pytest.mark.parametrize(
    ("patient", "words"),
    [
        ("nobody", "Nothing is known of patient nobody."),
        ("cancelled", "All reports of patient cancelled were cancelled or replaced"),
    ],
)
def test_a_patient_without_periods_is_told_in_words(visit: Visit, patient: str, words: str) -> None:
    page = visit.show(f"#patient={patient}")
    page.get_by_text(words).wait_for()
    visit.keep(patient)
    assert page.locator("#answer").is_hidden()


def test_a_service_that_is_down_is_told_in_words_and_asked_again(
    visit: Visit, services: Services
) -> None:
    page = visit.show_patient("2")
    services.stop_consumer()
    page.fill("#patient", "ward")
    page.click("text=Show")
    page.get_by_text("The service does not answer.").wait_for()
    visit.keep("down")
    services.start_consumer()
    page.click("text=Try again")
    page.wait_for_selector('.bar[data-medication="Heparin"]')


def test_a_slow_answer_is_announced(visit: Visit) -> None:
    def slowly(route: Route) -> None:
        visit.page.wait_for_timeout(_LONGER_THAN_A_BLINK_MS)
        route.continue_()

    visit.page.route("**/periods/_search", slowly, times=1)
    page = visit.show("#patient=ward")
    page.get_by_text("Loading patient ward").wait_for()
    page.wait_for_selector(".bar")


def test_a_period_that_can_not_be_explained_now_is_told_in_words(
    visit: Visit, services: Services
) -> None:
    page = visit.show_patient("ward")
    services.stop_consumer()
    page.get_by_role("button", name="Why Heparin").first.click()
    page.get_by_text("The service does not answer.").wait_for()
    services.start_consumer()
    page.click("text=Try again")
    page.get_by_text("The service does not answer.").wait_for(state="hidden")
    assert page.locator(".bar").first.is_visible()


def test_a_page_without_an_answer_says_for_how_long_and_hatches_what_nobody_knows(
    visit: Visit, services: Services
) -> None:
    visit.page.clock.install()
    page = visit.show_patient("2", **{"from": "2026-03-01", "to": "2099-03-01"})
    expect(page.locator("#live")).to_have_text("live")
    as_of = page.inner_text("#as-of")
    services.stop_consumer()
    page.clock.fast_forward("03:10")
    expect(page.locator("#live")).to_have_text("not updated for 3 min")
    assert page.inner_text("#as-of") == as_of
    assert page.locator(".bar.ongoing").is_visible()
    assert page.locator("rect.beyond").is_visible()
    visit.keep("not-updated")
    services.start_consumer()
    page.clock.fast_forward("00:15")
    expect(page.locator("#live")).to_have_text("live")


def tell_of_a_replica(route: Route) -> None:
    """Answer as what asks a replica that is behind."""
    behind = "the replica may lack what was stored in the last 90 s"
    route.fulfill(json={"status": "ready", "problems": {"replica": behind}})


def test_that_new_reports_may_be_late_is_told_with_when_the_last_ones_came(visit: Visit) -> None:
    visit.page.route("**/health/ready", tell_of_a_replica)
    page = visit.show_patient("ward")
    told = page.get_by_text("New reports may be late at the moment")
    told.wait_for()
    expect(told).to_have_text(re.compile(r"The last ones came \d+ \w+ \d{4} \d\d:\d\d"))


def tell_a_problem(route: Route) -> None:
    """Answer as what can answer, and is not told the newest."""
    route.fulfill(json={"status": "ready", "problems": {"broker": "RabbitMQ is not connected"}})


def test_that_nothing_new_is_received_is_told_beside_what_is_known(visit: Visit) -> None:
    page = visit.show_patient("ward")
    told = page.get_by_text("New reports do not arrive at the moment")
    assert told.is_hidden()

    visit.page.route("**/health/ready", tell_a_problem)
    page.fill("#patient", "2")
    page.click("text=Show")
    page.get_by_role("heading", name="Patient 2").wait_for()
    told.wait_for()
    visit.keep("not-receiving")

    page.evaluate("location.hash = ''")
    told.wait_for(state="hidden")

    visit.page.unroute("**/health/ready")
    page.fill("#patient", "ward")
    page.click("text=Show")
    page.get_by_role("heading", name="Patient ward").wait_for()
    told.wait_for(state="hidden")
    assert page.locator(".bar").first.is_visible()

    visit.page.route("**/health/ready", tell_a_problem)
    page.evaluate("location.hash += '&medication=Heparin'")
    told.wait_for()
