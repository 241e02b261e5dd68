"""The timeline by keyboard, mouse and touch."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.drawing import bars, box, drawn_anew

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]


def test_all_works_by_keyboard_alone(visit: Visit) -> None:
    page = visit.show()
    assert page.evaluate("document.activeElement.id") == "patient"
    page.keyboard.type("ward")
    page.keyboard.press("Enter")
    page.wait_for_selector(".bar")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "rows":
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#chosen").startswith("Heparin: ")
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
    assert page.evaluate("document.activeElement.id") == "rows"
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


def test_a_tap_tells_why_a_period_is_there(visit: Visit) -> None:
    page = visit.show_patient("ward")
    bar = bars(page, "Heparin")[0]
    page.touchscreen.tap(bar["x"] + 30, bar["y"] + bar["height"] / 2)
    page.locator("#explanation").get_by_text("Opens the period.").wait_for()


def test_a_click_parts_periods_that_are_too_close_to_be_told_apart(visit: Visit) -> None:
    page = visit.show_patient("boluses")
    page.locator(".bar.dense").click()
    expect(page.locator(".bar[data-medication=Propofol]")).to_have_count(4)
    assert page.locator(".bar.dense").count() == 0
    assert page.locator("#explanation").is_hidden()


def test_a_click_beside_the_bars_sets_the_instant(visit: Visit) -> None:
    page = visit.show_patient("ward")
    first, second = bars(page, "Heparin")
    between = (first["x"] + first["width"] + second["x"]) / 2
    page.mouse.click(between, first["y"] + 5)
    heading = page.locator("#on-heading")
    # Heparin was stopped at 140 hours and begun again at 150.
    expect(heading).to_have_text(re.compile("On at 7 Mar 2026 .+: 1 medication"))
    expect(page.locator("#on-list .name")).to_have_text(["Piperacillin/tazobactam"])
    page.get_by_role("button", name="Back to now").click()
    expect(heading).to_have_text("On now: 0 medications")


def test_a_tap_sets_the_instant_and_the_chart_stays_where_it_is(telephone: Visit) -> None:
    page = telephone.show_patient("ward")
    page.locator("#rows").scroll_into_view_if_needed()
    first, second = bars(page, "Heparin")
    before = box(page, "#chart")["y"]
    page.touchscreen.tap((first["x"] + first["width"] + second["x"]) / 2, first["y"] + 30)
    expect(page.locator("#then")).to_be_visible()
    drawn_anew(page)
    assert box(page, "#chart")["y"] == pytest.approx(before, abs=3)


def test_a_click_on_a_name_fits_its_row(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.locator(".labels .name", has_text="Vancomycin").click()
    expect(page.locator("#shown")).to_have_text("5 Mar 2026")


def test_a_drag_over_the_axis_chooses_the_window(visit: Visit) -> None:
    page = visit.show_patient("ward")
    bar = bars(page, "Piperacillin/tazobactam")[0]
    head = box(page, ".head > svg")
    page.mouse.move(bar["x"], head["y"] + 10)
    page.mouse.down()
    page.mouse.move(bar["x"] + bar["width"], head["y"] + 10, steps=4)
    page.mouse.up()
    drawn_anew(page)
    plot = box(page, ".plot")
    fitted = bars(page, "Piperacillin/tazobactam")[0]
    assert fitted["x"] == pytest.approx(plot["x"], abs=4)
    assert fitted["width"] == pytest.approx(plot["width"], abs=8)
    expect(page).to_have_url(re.compile("from=.+&to="))


def test_the_brush_of_the_strip_moves_the_window(visit: Visit) -> None:
    page = visit.show_patient("ward", **{"from": "2026-03-02", "to": "2026-03-04"})
    before = bars(page, "Heparin")[0]
    brush = box(page, "#strip .brush")
    middle = (brush["x"] + brush["width"] / 2, brush["y"] + 20)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 8, middle[1], steps=2)
    page.mouse.up()
    drawn_anew(page)
    expect(page.locator("#shown")).not_to_have_text(re.compile(r"^2\D"))
    assert bars(page, "Heparin")[0]["width"] == pytest.approx(before["width"], abs=2)


def touch(page: Page, y: float, moves: list[list[float]]) -> None:
    """Put fingers down at the first places, move them to the others, and lift them."""
    fingers = page.context.new_cdp_session(page)
    kinds = ["touchStart", *["touchMove"] * (len(moves) - 1)]
    for kind, places in zip(kinds, moves, strict=True):
        points = [{"x": x, "y": y, "id": finger} for finger, x in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    drawn_anew(page)
