"""What is true at an instant: the page agrees with the API, and goes with the time."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser import patients
from tests.browser.conftest import Services, Visit
from tests.browser.drawing import bars, box

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

_SOON_MS = 20_000


def on(page: Page) -> list[str]:
    return sorted(page.locator("#on-list .name").all_inner_texts())


@pytest.mark.parametrize("hours", [*patients.PLANNED_HOURS, None])
def test_the_page_is_on_what_the_api_answers_at_an_instant(
    visit: Visit, services: Services, hours: int | None
) -> None:
    visit.page.clock.set_fixed_time(patients.FAKED_NOW)
    at = patients.FAKED_NOW + timedelta(hours=hours or 0)
    chosen = {} if hours is None else {"at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    page = visit.show_patient("planned", **chosen)
    answered = services.periods("planned", at=at.isoformat())["periods"]
    names = sorted(each["medication_name"] for each in answered)
    assert names
    expect(page.locator("#on-list .name")).to_have_count(len(names))
    assert on(page) == names
    when = "now" if hours is None else "at"
    expect(page.locator("#on-heading")).to_have_text(
        re.compile(f"On {when}.*: {len(names)} medication")
    )


def test_what_lies_ahead_is_told_to_be_planned_and_what_ends_later_to_go_on(visit: Visit) -> None:
    visit.page.clock.set_fixed_time(patients.FAKED_NOW)
    page = visit.show_patient("planned")
    visit.keep("planned")

    def state(medication: str) -> str:
        row = page.locator("#periods tbody tr").filter(has=page.get_by_text(medication, exact=True))
        return row.locator("td").nth(3).inner_text()

    assert state("from 24").startswith("planned")
    assert state("from -24 to 24").startswith("ongoing")
    assert state("from -48 to -24").startswith("ended")
    assert state("from -24 to -24").startswith("dose")


def test_of_what_is_planned_it_is_told_whether_it_is_the_start_or_the_stop(visit: Visit) -> None:
    page = visit.show_patient("plans", **{"from": "2026-01-01", "to": "2100-01-01"})
    rows = page.locator("#periods tbody tr")
    stated = {
        name: rows.filter(has=page.get_by_text(name, exact=True)).locator("td").nth(3)
        for name in ("Stopped later", "Begun later")
    }
    expect(stated["Stopped later"]).to_contain_text("ongoing")
    expect(stated["Stopped later"].locator(".chip", has_text="stop planned")).to_have_count(1)
    expect(stated["Begun later"]).to_have_text("planned")
    expect(page.locator("#on-list .chip")).to_contain_text(["stop planned"])
    expect(rows.filter(has_text="Stopped later").locator("td").nth(4)).to_have_text("—")


def test_a_stop_is_seen_soon_without_a_reload_and_nothing_jumps(
    visit: Visit, services: Services
) -> None:
    patient = f"fresh-{uuid4()}"
    services.publish(patients.fresh(patient))
    services.wait_for(patient, 2)
    page = visit.show_patient(patient, **{"from": "2026-02-01", "to": "2099-01-01"})
    expect(page.locator("#on-list .name")).to_have_text(["Heparin", "Ramipril"])
    page.set_viewport_size({"width": 1280, "height": 500})
    page.evaluate("scrollTo(0, 150)")
    page.evaluate("window.isTheSame = true")
    before = box(page, "#chart")["y"]
    services.publish(patients.stopped(patient))
    expect(page.locator("#on-list .name")).to_have_text(["Ramipril"], timeout=_SOON_MS)
    changed = page.locator("#changes")
    expect(changed).to_contain_text("Heparin ended 2 Mar 2026 09:00")
    expect(page.locator(".labels .changed .name")).to_have_text(["Heparin"])
    visit.keep("changed")
    assert page.evaluate("window.isTheSame")
    assert box(page, "#chart")["y"] == pytest.approx(before, abs=2)
    page.get_by_role("button", name="Seen").click()
    expect(changed).to_have_text("")
    expect(page.locator(".labels .changed")).to_have_count(0)


def test_the_latest_stay_is_read_without_a_click_and_the_other_one_with_one(visit: Visit) -> None:
    page = visit.show_patient("stays")
    visit.keep("stays")
    widest = max(bar["width"] for bar in bars(page, patients.LONG_NAMES[0]))
    assert widest > box(page, ".plot")["width"] / 4
    stays = page.locator("#stays button")
    expect(stays).to_have_count(2)
    expect(stays.first).to_have_attribute("aria-pressed", "true")
    expect(stays.first).to_have_text(re.compile("^28.Aug.+1.Sept?.2026, 6 medications$"))
    stays.nth(1).click()
    page.locator(".bar[data-medication=Cefazolin]").wait_for()
    assert bars(page, "Cefazolin")[0]["width"] > box(page, ".plot")["width"] / 2
    expect(page.locator("#periods tbody th")).to_have_text(["Cefazolin"])
    expect(stays.nth(1)).to_have_attribute("aria-pressed", "true")


def test_doses_that_can_not_be_told_apart_are_counted(visit: Visit) -> None:
    page = visit.show_patient("stays")
    expect(page.locator(".bar.instant")).to_have_count(9)
    page.get_by_role("button", name="All", exact=True).click()
    expect(page.locator("text.doses")).to_have_text("\u00d79")


def test_a_period_of_which_nothing_was_heard_for_long_has_a_doubt(
    visit: Visit, services: Services
) -> None:
    patient = f"quiet-{uuid4()}"
    services.publish(patients.fresh(patient), run="of a file")
    services.wait_for(patient, 2)
    page = visit.show_patient(patient)
    chip = page.locator("#on-list .chip", has_text="nothing reported for").first
    chip.click()
    expect(chip).to_contain_text("It may have ended meanwhile.")


def test_a_doubt_is_told_to_be_as_of_now_where_another_instant_is_looked_at(visit: Visit) -> None:
    page = visit.show_patient("2", at="2026-03-01T12:00:00Z")
    chip = page.locator("#on-list .chip summary")
    expect(chip).to_have_text(re.compile("^as of now: reported .* late$"))


def test_who_is_on_nothing_yet_is_told_what_comes_next(visit: Visit) -> None:
    visit.page.clock.set_fixed_time(patients.FAKED_NOW - timedelta(days=9))
    page = visit.show_patient("2")
    expect(page.locator("#on-list")).to_have_text(
        "On no medication. The next begins 1 Mar 2026 11:00: Y."
    )


def test_the_orders_are_named_that_hold_at_the_instant(visit: Visit) -> None:
    page = visit.show_patient("handover")
    heparin = page.locator("#on-list li", has_text="Heparin")
    expect(heparin.locator(".mark")).to_have_text(["order n2"])
    page.locator("#instant").fill("2026-03-01T23:00")
    page.get_by_role("button", name="Look").click()
    expect(heparin.locator(".mark")).to_have_text(["order n1", "order n2"])


@pytest.mark.parametrize("end", ["2026-03-02T12:00:00Z", "2026-03-05T00:00:00Z"])
def test_list_bar_and_reasons_say_the_same_of_periods_that_touch(visit: Visit, end: str) -> None:
    visit.page.clock.set_fixed_time(patients.FAKED_NOW)
    page = visit.show_patient("handover", **{"from": "2026-03-01T00:00:00Z", "to": end})
    row = page.locator("#on-list li", has_text="Insulin")
    expect(row).to_contain_text("since 1 Mar 2026 09:00, for 4 d 4 h, in 2 periods that touch")
    expect(page.locator(".bar[data-medication=Insulin]")).to_have_class("bar ongoing")
    expect(page.locator("text.length", has_text="4 d 4 h, ongoing")).to_have_count(2)
    row.get_by_role("button", name="Why").click()
    expect(page.locator("#explanation")).to_contain_text(
        "It begins as the period before ends."
        " Without a break the patient is on it from 1 Mar 2026 09:00,"
    )


def test_patients_who_were_looked_at_are_a_click_away_until_the_list_is_cleared(
    visit: Visit,
) -> None:
    visit.show_patient("ward")
    page = visit.show_patient("2")
    page.locator("#recent summary").click()
    names = page.locator("#recent-list button")
    expect(names).to_have_text(["2", "ward"])
    names.nth(1).click()
    expect(page.locator("#patient-heading")).to_have_text("Patient ward")
    page.locator("#recent summary").click()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#recent")).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0


@pytest.mark.parametrize("screen", ["visit", "telephone"])
def test_the_list_of_patients_lies_over_all_else_and_closes_as_every_menu_does(
    screen: str, request: pytest.FixtureRequest
) -> None:
    visit: Visit = request.getfixturevalue(screen)
    page = visit.show_patient("ward")
    summary, popover = page.locator("#recent summary"), page.locator("#recent .popover")
    summary.click()
    menu = box(page, "#recent .popover")
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= page.evaluate("innerWidth")
    end = {"x": menu["x"] + menu["width"] / 2, "y": menu["y"] + menu["height"] - 4}
    assert page.evaluate(_ON_TOP, end)
    visit.keep(f"recent-{screen}")
    page.keyboard.press("Escape")
    expect(popover).to_be_hidden()
    expect(summary).to_be_focused()
    summary.click()
    page.locator("h1").click()
    expect(popover).to_be_hidden()


_ON_TOP = "({ x, y }) => Boolean(document.elementFromPoint(x, y).closest('#recent .popover'))"


def test_an_instant_that_is_written_is_looked_at_and_now_leads_back(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.locator("#instant").fill("2026-03-05T04:30")
    page.get_by_role("button", name="Look").click()
    heading = page.locator("#on-heading")
    expect(heading).to_have_text("On at 5 Mar 2026 04:30: 2 medications")
    expect(page).to_have_url(re.compile("at=2026-03-05T03%3A30%3A00"))
    page.get_by_role("button", name="Now", exact=True).click()
    expect(heading).to_have_text("On now: 0 medications")


def test_of_a_time_that_is_there_twice_one_is_chosen(visit: Visit) -> None:
    page = visit.show_patient("nights", **{"from": "2026-10-24T22:30Z", "to": "2026-10-25T03:30Z"})
    offset, field = page.locator("#offset"), page.locator("#instant")
    expect(offset).to_be_hidden()
    field.fill("2026-10-25T02:40")
    offset.select_option("+02:00")
    page.get_by_role("button", name="Look").click()
    expect(page.locator("#on-heading")).to_contain_text("25 Oct 2026 02:40 (+02:00): 1 medication")
    field.fill("2026-10-25T02:40")
    offset.select_option("+01:00")
    page.get_by_role("button", name="Look").click()
    expect(page.locator("#on-heading")).to_contain_text("25 Oct 2026 02:40 (+01:00): 0 medications")
    ticks = page.locator(".axis .tick").all_text_contents()
    assert ticks.index("02:00 +02:00") < ticks.index("02:00 +01:00")
    visit.keep("night")
