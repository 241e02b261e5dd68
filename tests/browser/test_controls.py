"""The timeline by keyboard, mouse and touch."""

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
        if page.evaluate("document.activeElement.id") == "chart":
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


def touch(page: Page, y: float, moves: list[list[float]]) -> None:
    """Put fingers down at the first places, move them to the others, and lift them."""
    fingers = page.context.new_cdp_session(page)
    kinds = ["touchStart", *["touchMove"] * (len(moves) - 1)]
    for kind, places in zip(kinds, moves, strict=True):
        points = [{"x": x, "y": y, "id": finger} for finger, x in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    drawn_anew(page)
