"""What is drawn on a page, and when it is."""

from playwright.sync_api import FloatRect, Page


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
