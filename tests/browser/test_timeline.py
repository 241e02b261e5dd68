"""The timeline shows what the API answers."""

import re
from datetime import datetime

import pytest
from playwright.sync_api import expect

from tests.browser import patients
from tests.browser.conftest import Services, Visit
from tests.browser.drawing import bars, box, boxes, drawn_anew

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]


def seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


def test_a_patient_is_entered_and_the_bars_stand_where_the_api_says(
    visit: Visit, services: Services
) -> None:
    page = visit.show()
    visit.keep("welcome")
    page.fill("#patient", "ward")
    page.press("#patient", "Enter")
    page.wait_for_selector(".bar")
    drawn_anew(page)
    visit.keep("patient")
    periods = services.periods("ward")["periods"]
    heparin = [each for each in periods if each["medication_name"] == "Heparin"]
    tazobactam = [each for each in periods if each["medication_name"].startswith("Pip")]
    # Two known points make the scale; all others must lie on it.
    drawn = bars(page, "Heparin")
    origin, unit = seconds(heparin[0]["start"]), seconds(heparin[1]["start"])
    scale = (drawn[1]["x"] - drawn[0]["x"]) / (unit - origin)
    for period, bar in zip(
        heparin + tazobactam, drawn + bars(page, "Piperacillin/tazobactam"), strict=True
    ):
        assert bar["x"] == pytest.approx(
            drawn[0]["x"] + (seconds(period["start"]) - origin) * scale, abs=1.5
        )
        length = (seconds(period["end"]) - seconds(period["start"])) * scale
        assert bar["width"] == pytest.approx(length, abs=2.5)
    assert page.locator(".bar.instant").count() == 1
    assert page.locator("path.anomaly").count() == 3
    assert page.locator("#periods tbody tr").count() == len(periods)
    assert visit.complaints == []


def test_an_ongoing_period_is_open_to_the_right_and_passes_now(visit: Visit) -> None:
    page = visit.show_patient("2")
    drawn_anew(page)
    visit.keep("example")
    (bar,) = bars(page, "Y")
    plot = box(page, ".plot")
    now = box(page, "line.now")
    assert bar["x"] < now["x"] < plot["x"] + plot["width"]
    assert bar["x"] + bar["width"] == pytest.approx(plot["x"] + plot["width"], abs=2)
    assert "ongoing" in page.inner_text("#periods tbody")
    assert "Y" in page.inner_text("#on-list")


def test_a_merge_gap_joins_the_bars_at_once_and_the_back_button_parts_them(visit: Visit) -> None:
    page = visit.show_patient("ward")
    joints = page.locator("path.joint")
    # One bar for what touches, with a mark at the joint.
    assert len(bars(page, "Norepinephrine")) == 1
    expect(joints).to_have_count(1)
    page.get_by_text("Joined where they touch").click()
    expect(joints).to_have_count(0)
    assert len(bars(page, "Heparin")) == 2
    page.get_by_text("Joined up to 30 days").click()
    expect(page.locator(".bar[data-medication=Heparin]")).to_have_count(1)
    assert "gap=30d" in page.url
    page.go_back()
    page.go_back()
    expect(page.locator(".bar[data-medication=Heparin]")).to_have_count(2)
    expect(joints).to_have_count(1)
    expect(page.locator("[name=gap][value=exact]")).to_be_checked()


def test_the_filter_shows_the_chosen_medications_and_is_in_the_address(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.click("#filter summary")
    page.fill("#filter-search", "vanc")
    visit.keep("filter")
    page.get_by_role("checkbox", name="Vancomycin").check()
    expect(page.locator(".labels .row")).to_have_count(1)
    assert "medication=Vancomycin" in page.url
    page.reload()
    page.wait_for_selector(".bar")
    assert page.locator(".labels .row").all_inner_texts()[0].startswith("Vancomycin")


def test_a_filter_and_joined_gaps_change_nothing_of_what_the_patient_is_on(visit: Visit) -> None:
    between = {"at": "2026-03-07T17:00:00Z", "medication": "Vancomycin", "gap": "30d"}
    page = visit.show_patient("ward", **between)
    expect(page.locator("#on-list .name")).to_have_text(["Heparin", "Piperacillin/tazobactam"])
    visit.keep("filtered")
    note = page.locator("#difference")
    expect(note).to_contain_text("only 1 of 5 medications (Vancomycin), periods joined over gaps")
    page.get_by_role("button", name="Why Piperacillin").click()
    expect(page.locator("#explanation h2")).to_have_text("Piperacillin/tazobactam")
    expect(page.locator("#explanation")).not_to_contain_text("joined")
    note.get_by_role("button").click()
    expect(note).to_be_hidden()
    expect(page.locator(".labels .row")).to_have_count(5)
    assert "medication" not in page.url.split("why=")[0]


def test_what_is_between_two_periods_is_off_where_the_chart_joins_them(visit: Visit) -> None:
    page = visit.show_patient("ward", at="2026-03-07T09:00:00Z", gap="30d")
    expect(page.locator(".bar[data-medication=Heparin]")).to_have_count(1)
    expect(page.locator("#on-list .name")).to_have_text(["Piperacillin/tazobactam"])


def test_a_box_of_the_filter_keeps_the_focus_when_it_is_ticked(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.click("#filter summary")
    box_of_vancomycin = page.get_by_role("checkbox", name="Vancomycin")
    box_of_vancomycin.press("Space")
    expect(page.locator(".labels .row")).to_have_count(1)
    expect(box_of_vancomycin).to_be_focused()
    box_of_vancomycin.press("Space")
    expect(page.locator(".labels .row")).to_have_count(5)


def test_a_click_on_a_period_tells_why_it_is_there(visit: Visit) -> None:
    page = visit.show_patient("ward")
    bar = bars(page, "Heparin")[1]
    page.mouse.click(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    explanation = page.locator("#explanation")
    explanation.get_by_text("Opens the period.").wait_for()
    visit.keep("explanation")
    assert explanation.locator("s").count() == 1
    text = explanation.inner_text()
    assert "Closes the period." in text
    assert "Does not count: cancelled by the report of" in text
    assert "Changes nothing: the patient was on the medication already." in text


def test_an_anomaly_leads_to_its_reason_in_words(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.locator('path.anomaly[data-medication="Ramipril"]').click()
    explanation = page.locator("#explanation")
    explanation.get_by_text("A report without effect.").wait_for()
    assert "The patient was not on the medication." in explanation.inner_text()


def test_reports_without_effect_are_grouped_by_reason_and_reached_by_keyboard(visit: Visit) -> None:
    page = visit.show_patient("crowd", **{"from": "2026-02-01", "to": "2026-12-31"})
    group = page.locator("#anomalies summary")
    expect(group).to_have_text("The patient was not on the medication. (120 reports)")
    group.press("Enter")
    rows = page.locator("#anomalies tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="50 more of 70").press("Enter")
    expect(rows).to_have_count(100)
    visit.keep("anomalies")
    rows.first.get_by_role("button").press("Enter")
    page.locator("#explanation ol").wait_for()


def test_rows_that_do_not_fit_are_counted_below_and_others_are_folded(visit: Visit) -> None:
    page = visit.show_patient("crowd")
    expect(page.locator("#rows-below")).to_have_text(re.compile(r"\d+ rows more below"))
    page.locator("#rows").evaluate("rows => rows.scrollTo(0, rows.scrollHeight)")
    expect(page.locator("#rows-below")).to_have_text("")

    page = visit.show_patient("stays")
    rows = page.locator(".labels .row")
    shown = rows.count()
    page.get_by_role("button", name="1 medication not in this window").click()
    expect(rows).to_have_count(shown + 1)
    expect(rows.last.locator(".name")).to_have_text("Cefazolin")


def test_a_desk_sees_many_rows_and_how_many_are_below_without_scrolling(desk: Visit) -> None:
    page = desk.show_patient("crowd")
    drawn_anew(page)
    rows, told = box(page, "#rows"), box(page, "#rows-below")
    end = rows["y"] + rows["height"]
    seen = [each for each in boxes(page, ".labels .row") if each["y"] + each["height"] <= end + 1]
    assert len(seen) >= 15
    assert end < told["y"] < told["y"] + told["height"] <= 900
    desk.keep("desk")


def test_a_window_in_which_nothing_lies_is_told_of_and_the_latest_stay_leads_back(
    visit: Visit,
) -> None:
    page = visit.show_patient("ward")
    expect(page.locator("#nothing")).to_be_hidden()
    page.get_by_role("button", name="To now").click()
    expect(page.locator("#nothing")).to_contain_text("No medication and no report in this window.")
    page.get_by_role("button", name="Show the latest stay").click()
    page.locator(".bar[data-medication=Heparin]").first.wait_for()
    expect(page.locator("#nothing")).to_be_hidden()


def test_the_table_follows_the_window_and_is_sorted(visit: Visit) -> None:
    page = visit.show_patient("ward", **{"from": "2026-03-07T14:00Z", "to": "2026-03-20"})
    rows = page.locator("#periods tbody th")
    expect(rows).to_have_text(["Piperacillin/tazobactam", "Heparin"])
    expect(page.locator(".labels .row", has_text="Heparin").locator(".amount")).to_have_text(
        "1 period"
    )
    heading = page.locator("#periods thead th").first
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(rows).to_have_text(["Heparin", "Piperacillin/tazobactam"])
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect(rows).to_have_text(["Piperacillin/tazobactam", "Heparin"])


def test_overlaps_open_in_full_with_their_durations(visit: Visit) -> None:
    page = visit.show_patient("ward")
    row = page.locator("#periods tbody tr", has_text="Piperacillin")
    row.get_by_text("3 medications").click()
    expect(row.locator(".with li")).to_have_text(
        ["Heparin: 6 d 6 h", "Norepinephrine: 1 d 6 h", "Vancomycin"]
    )


def test_an_explanation_tells_when_each_report_was_received(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.get_by_role("button", name="Why Heparin").first.click()
    arrivals = page.locator("#explanation .arrival")
    expect(arrivals.first).to_have_text(re.compile(r"^received \d+ \w+ \d{4} .+ d .* later$"))
    assert "" not in arrivals.all_inner_texts()


def test_ten_thousand_periods_stay_fluid(visit: Visit, services: Services) -> None:
    services.publish(patients.many(10_000))
    services.wait_for("many", 10_000)
    page = visit.show_patient("many")
    page.get_by_role("button", name="All", exact=True).click()
    rows = page.locator("#periods tbody tr")
    expect(page.locator("#more")).to_contain_text("10,000 periods")
    assert rows.count() == 100
    frames = page.evaluate(
        """async () => {
            const rows = document.getElementById("rows");
            const frames = [];
            for (let step = 0; step < 40; step += 1) {
                const begin = performance.now();
                const key = step < 8 ? "+" : step < 30 ? "ArrowRight" : "-";
                rows.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey: true }));
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
                frames.push(performance.now() - begin);
            }
            return frames.sort((one, other) => one - other);
        }"""
    )
    visit.keep("many")
    print(f"10,000 periods: {frames[20]:.0f} ms a frame in the median, p95 {frames[37]:.0f} ms")
    # What can't be told apart is drawn as one, which is what keeps it fluid.
    assert page.locator(".bar").count() < 5_000

    page.get_by_role("button", name="All", exact=True).click()
    expect(page.locator("#more")).to_contain_text("10,000 periods")
    took = page.evaluate(
        """async () => {
            const begin = performance.now();
            document.querySelector("#more button").click();
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
            return performance.now() - begin;
        }"""
    )
    print(f"show all: {took:.0f} ms")
    scroller = page.locator(".scroller.all")
    for _ in range(3):
        shown = rows.count()
        scroller.evaluate("element => element.scrollTo(0, element.scrollHeight)")
        expect(rows.nth(shown)).to_be_attached()
    assert rows.count() < 2_000
