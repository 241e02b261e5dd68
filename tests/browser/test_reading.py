"""For everybody and everywhere: screen readers, dark rooms, telephones, paper."""

from datetime import datetime
from typing import Any, Literal

import pytest

from tests.browser import patients
from tests.browser.conftest import ARTIFACTS, ROOT, Services, Visit
from tests.browser.drawing import drawn_anew

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

_AXE = ROOT / "node_modules/axe-core/axe.min.js"
_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


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


def test_the_table_is_copied_as_cells(visit: Visit, services: Services) -> None:
    page = visit.show_patient("ward")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy table").click()
    page.get_by_text("6 periods copied, times in UTC.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    head, *lines = [line.split("\t") for line in copied.splitlines()]
    assert head == ["Medication", "Start (UTC)", "End (UTC)", "State"]
    assert [(name, instant(start), instant(end)) for name, start, end, _ in lines] == [
        (each["medication_name"], instant(each["start"]), instant(each["end"]))
        for each in services.periods("ward")["periods"]
    ]
    assert sum(state == "zero length" for *_, state in lines) == 1


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_page_fits_the_narrowest_telephone(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 740})
    page = visit.show_patient("ward")
    visit.keep("telephone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_print_view_holds_the_timeline_and_the_table_and_no_controls(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".controls").is_hidden()
    assert page.locator("#periods tbody tr").count() == len(patients.WARD_PERIODS)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    visit.keep("print")
    page.pdf(path=ARTIFACTS / "print.pdf", prefer_css_page_size=True)
