"""The timeline page, as people use it."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import FloatRect, Page, Route, expect

from tests.browser import patients
from tests.browser.conftest import ROOT, Services, Visit

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

_AXE = ROOT / "node_modules/axe-core/axe.min.js"
# The page announces that it is loading only where that takes a while; in milliseconds.
_LONGER_THAN_A_BLINK = 600
_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def bars(page: Page, medication: str) -> list[FloatRect]:
    return sorted(boxes(page, f'.bar[data-medication="{medication}"]'), key=lambda box: box["x"])


def box(page: Page, selector: str) -> FloatRect:
    (only,) = boxes(page, selector)
    return only


def boxes(page: Page, selector: str) -> list[FloatRect]:
    found = [each.bounding_box() for each in page.locator(selector).all()]
    return [each for each in found if each is not None]


def drawn_anew(page: Page) -> None:
    """Wait until what was asked for is drawn: the page draws once a frame."""
    page.evaluate(
        "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
    )


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


def test_all_works_by_keyboard_alone(visit: Visit) -> None:
    page = visit.show()
    assert page.evaluate("document.activeElement.id") == "patient"
    page.keyboard.type("ward")
    page.keyboard.press("Enter")
    page.wait_for_selector(".bar")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "chart":
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#readout").startswith("Heparin: ")
    before = bars(page, "Heparin")
    page.keyboard.press("+")
    drawn_anew(page)
    assert bars(page, "Heparin")[0]["width"] != pytest.approx(before[0]["width"], abs=3)
    page.keyboard.press("0")
    page.keyboard.press("Shift+ArrowRight")
    drawn_anew(page)
    assert bars(page, "Heparin")[1]["x"] < before[1]["x"] - 50
    page.keyboard.press("Enter")
    page.locator("#explanation ol").wait_for()
    expect(page.locator("#explanation")).to_be_focused()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "chart"
    assert page.locator("#explanation").is_hidden()


def test_the_wheel_zooms_and_dragging_pans(visit: Visit) -> None:
    page = visit.show_patient("ward")
    before = bars(page, "Heparin")
    plot = box(page, ".plot")
    middle = (plot["x"] + plot["width"] / 2, plot["y"] + plot["height"] - 4)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 100, middle[1], steps=5)
    page.mouse.up()
    drawn_anew(page)
    assert bars(page, "Heparin")[1]["x"] == pytest.approx(before[1]["x"] - 100, abs=2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    drawn_anew(page)
    assert bars(page, "Heparin")[1]["width"] > before[1]["width"] * 1.2


def test_fingers_pan_and_pinch_to_zoom(visit: Visit) -> None:
    page = visit.show_patient("ward")
    before = bars(page, "Heparin")
    plot = box(page, ".plot")
    middle = plot["x"] + plot["width"] / 2
    touch(page, plot["y"] + 10, [[middle], [middle - 50], [middle - 100]])
    panned = bars(page, "Heparin")
    assert panned[1]["x"] == pytest.approx(before[1]["x"] - 100, abs=2)
    touch(page, plot["y"] + 10, [[middle - 40, middle + 40], [middle - 80, middle + 80]])
    # Twice as long, as far as it is within the view.
    assert bars(page, "Heparin")[1]["width"] > panned[1]["width"] * 1.2


def touch(page: Page, y: float, moves: list[list[float]]) -> None:
    """Put fingers down at the first places, move them to the others, and lift them."""
    fingers = page.context.new_cdp_session(page)
    kinds = ["touchStart", *["touchMove"] * (len(moves) - 1)]
    for kind, places in zip(kinds, moves, strict=True):
        points = [{"x": x, "y": y, "id": finger} for finger, x in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    drawn_anew(page)


@pytest.mark.parametrize(
    ("patient", "words"),
    [
        ("nobody", "Nothing is known of patient nobody."),
        ("cancelled", "All reports of patient cancelled were cancelled"),
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
        visit.page.wait_for_timeout(_LONGER_THAN_A_BLINK)
        route.continue_()

    visit.page.route("**/periods?*", slowly)
    page = visit.show("#patient=ward")
    page.get_by_text("Loading patient ward").wait_for()
    page.wait_for_selector(".bar")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(visit: Visit, scheme: Literal["light", "dark"]) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    page = visit.show_patient("ward")
    page.get_by_role("button", name="Why Heparin").first.click()
    page.locator("#explanation ol").wait_for()
    drawn_anew(page)
    visit.keep(f"explanation-{scheme}")
    # Over the browser's own channel: the page's policy lets no script in.
    page.evaluate(_AXE.read_text())
    found = page.evaluate("tags => axe.run({ runOnly: tags })", _WCAG)
    assert [_violation(each) for each in found["violations"]] == []


def _violation(found: dict[str, Any]) -> tuple[str, list[str]]:
    return found["id"], [node["html"] for node in found["nodes"]]


def test_ten_thousand_periods_stay_fluid(visit: Visit, services: Services) -> None:
    services.publish(patients.many(10_000))
    services.wait_for("many", 10_000)
    page = visit.show_patient("many")
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


def test_the_print_view_holds_the_timeline_and_the_table_and_no_controls(
    visit: Visit, tmp_path: Path
) -> None:
    page = visit.show_patient("ward")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".controls").is_hidden()
    assert page.locator("#periods tbody tr").count() == len(patients.WARD_PERIODS)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    visit.keep("print")
    paper = tmp_path / "print.pdf"
    page.pdf(path=paper, prefer_css_page_size=True)
    assert paper.stat().st_size > 5_000


def test_the_page_fits_a_telephone(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 360, "height": 740})
    page = visit.show_patient("ward")
    visit.keep("telephone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_no_page_asks_another_host_or_breaks_its_policy(visit: Visit, services: Services) -> None:
    page = visit.show_patient("ward")
    for address in services.addresses:
        page.goto(f"{address}/docs")
        page.get_by_text("/health/ready").first.wait_for()
        page.goto(f"{address}/asyncapi")
        page.get_by_role("heading", name="Operations").first.wait_for()
    visit.keep("asyncapi")
    assert visit.elsewhere() == []
    assert visit.complaints == []


def test_the_patient_is_never_in_the_address_of_the_page_itself(visit: Visit) -> None:
    page = visit.show()
    page.fill("#patient", "ward")
    page.click("text=Show")
    page.wait_for_selector(".bar")
    assert page.url.endswith("/#patient=ward")


def test_a_message_is_tried_out_only_where_a_setting_allows_it(
    visit: Visit, services: Services
) -> None:
    page = visit.page
    page.goto(f"{services.consumer}/asyncapi")
    page.get_by_role("heading", name="Operations").first.wait_for()
    assert page.locator("#try-it-out").is_hidden()
    assert httpx.post(f"{services.consumer}/asyncapi/try", json={}).status_code == 404
    page.goto(f"{services.publisher}/asyncapi")
    page.locator("#try-it-out").wait_for()
    message = page.locator("#try-it-out textarea")
    message.fill(message.input_value().replace('"2"', '"tried"'))
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("Published.").wait_for()
    services.wait_for("tried", 1)
