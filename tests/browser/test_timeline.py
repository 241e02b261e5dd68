"""The timeline shows what the API answers."""

from datetime import datetime

import pytest
from playwright.sync_api import expect

from tests.browser import patients
from tests.browser.conftest import Services, Visit
from tests.browser.drawing import bars, box, drawn_anew

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


def test_a_merge_gap_joins_the_bars_at_once_and_the_back_button_parts_them(visit: Visit) -> None:
    page = visit.show_patient("ward")
    assert len(bars(page, "Norepinephrine")) == 2
    page.get_by_text("Joined where they touch").click()
    expect(page.locator(".bar[data-medication=Norepinephrine]")).to_have_count(1)
    assert len(bars(page, "Heparin")) == 2
    page.get_by_text("Joined up to 30 days").click()
    expect(page.locator(".bar[data-medication=Heparin]")).to_have_count(1)
    assert "gap=30d" in page.url
    page.go_back()
    page.go_back()
    expect(page.locator(".bar[data-medication=Heparin]")).to_have_count(2)
    expect(page.locator("[name=gap][value=exact]")).to_be_checked()


def test_the_filter_shows_the_chosen_medications_and_is_in_the_address(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.click("#filter summary")
    page.fill("#filter-search", "vanc")
    visit.keep("filter")
    page.get_by_role("checkbox", name="Vancomycin").check()
    expect(page.locator(".labels li")).to_have_count(1)
    assert "medication=Vancomycin" in page.url
    page.reload()
    page.wait_for_selector(".bar")
    assert page.locator(".labels li").all_inner_texts()[0].startswith("Vancomycin")


def test_a_box_of_the_filter_keeps_the_focus_when_it_is_ticked(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.click("#filter summary")
    box_of_vancomycin = page.get_by_role("checkbox", name="Vancomycin")
    box_of_vancomycin.press("Space")
    expect(page.locator(".labels li")).to_have_count(1)
    expect(box_of_vancomycin).to_be_focused()
    box_of_vancomycin.press("Space")
    expect(page.locator(".labels li")).to_have_count(5)


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
    focused = page.evaluate("document.activeElement.innerText")
    assert "Ramipril" in focused
    assert "The patient was not on the medication." in focused


def test_ten_thousand_periods_stay_fluid(visit: Visit, services: Services) -> None:
    services.publish(patients.many(10_000))
    services.wait_for("many", 10_000)
    page = visit.show_patient("many")
    assert page.locator("#periods tbody tr").count() == 100
    frames = page.evaluate(
        """async () => {
            const chart = document.getElementById("chart");
            const frames = [];
            for (let step = 0; step < 40; step += 1) {
                const begin = performance.now();
                const key = step < 8 ? "+" : step < 30 ? "ArrowRight" : "-";
                chart.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey: true }));
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
                frames.push(performance.now() - begin);
            }
            return frames.sort((one, other) => one - other);
        }"""
    )
    visit.keep("many")
    print(f"10,000 periods: {frames[20]:.0f} ms a frame in the median")
    # What can't be told apart is drawn as one, which is what keeps it fluid.
    assert page.locator(".bar").count() < 5_000
