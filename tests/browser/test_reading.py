"""For everybody and everywhere: screen readers, dark rooms, telephones, paper."""

import json
import re
from datetime import datetime
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser import patients
from tests.browser.conftest import ARTIFACTS, ROOT, Services, Visit
from tests.browser.drawing import box, boxes, drawn_anew

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

_AXE = ROOT / "node_modules/axe-core/axe.min.js"
_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "state", ["explained", "scrolling", "earlier", "filtered", "anomalies", "welcome"]
)
def test_axe_finds_no_violation(visit: Visit, state: str, scheme: Literal["light", "dark"]) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    _STATES[state](visit)
    drawn_anew(visit.page)
    visit.keep(f"{state}-{scheme}")
    assert _violations(visit.page) == []


def _explained(visit: Visit) -> None:
    page = visit.show_patient("ward")
    page.get_by_role("button", name="Why Heparin").first.click()
    page.locator("#explanation .arrival").first.wait_for()


def _scrolling(visit: Visit) -> None:
    visit.show_patient("crowd")


def _earlier(visit: Visit) -> None:
    page = visit.show_patient("stays", at="2023-01-01")
    page.get_by_role("button", name="not in this window").click()


def _filtered(visit: Visit) -> None:
    visit.show_patient("handover", at="2026-03-02", medication="Insulin", gap="joined")


def _anomalies(visit: Visit) -> None:
    page = visit.show_patient("crowd", **{"from": "2026-02-01", "to": "2026-12-31"})
    page.locator("#anomalies summary").click()
    page.locator("#anomalies tbody tr").first.wait_for()
    # Not with a row half below the bar that stays.
    page.evaluate("scrollTo(0, 0)")


def _welcome(visit: Visit) -> None:
    visit.show_patient("ward")
    page = visit.show()
    page.locator("#recent summary").click()


_STATES = {
    "explained": _explained,
    "scrolling": _scrolling,
    "earlier": _earlier,
    "filtered": _filtered,
    "anomalies": _anomalies,
    "welcome": _welcome,
}


def test_axe_finds_no_violation_on_a_telephone(telephone: Visit) -> None:
    _explained(telephone)
    telephone.keep("telephone-explained")
    assert _violations(telephone.page) == []


def _violations(page: Page) -> list[tuple[str, list[str]]]:
    # Over the browser's own channel: the page's policy lets no script in.
    page.evaluate(_AXE.read_text())
    found = page.evaluate("tags => axe.run({ runOnly: tags })", _WCAG)
    return [_violation(each) for each in found["violations"]]


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
    assert sum(state == "dose" for *_, state in lines) == 1


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_page_fits_the_narrowest_telephone(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 740})
    page = visit.show_patient("ward")
    visit.keep("telephone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_on_a_telephone_the_bar_leaves_room_and_the_axis_stays_below_it(telephone: Visit) -> None:
    page = telephone.show_patient("ward", at="2026-03-05T04:30:00Z")
    page.locator("#rows").evaluate("rows => scrollTo(0, rows.getBoundingClientRect().top + 40)")
    drawn_anew(page)
    bar, axis = box(page, "#bar"), box(page, ".axis")
    assert bar["y"] + bar["height"] < 90
    assert bar["y"] + bar["height"] <= axis["y"] + 1
    assert (
        page.locator("#patient-heading").evaluate("name => name.getBoundingClientRect().top") >= 0
    )
    telephone.keep("telephone-scrolled")


def test_a_telephone_has_all_of_the_table_without_scrolling_sideways(telephone: Visit) -> None:
    page = telephone.show_patient("stays", at="2026-08-29T14:00Z")
    scroller = page.locator("#tables .scroller")
    assert scroller.evaluate("each => each.scrollWidth - each.clientWidth") == 0
    row = box(page, "#periods tbody tr:first-child")
    for cell in boxes(page, "#periods tbody tr:first-child > *"):
        assert row["x"] <= cell["x"]
        assert cell["x"] + cell["width"] <= row["x"] + row["width"]
    telephone.keep("telephone-table")


_CUT = """() => [...document.querySelectorAll("#answer .name")].filter((name) => {
    const box = name.getBoundingClientRect();
    const around = name.closest("li, th, td, section").getBoundingClientRect();
    return box.width && (box.left < around.left - 1 || box.right > around.right + 1
        || box.bottom > around.bottom + 1 || name.scrollWidth > name.clientWidth + 1
            && getComputedStyle(name).display !== "inline");
}).map((name) => name.textContent)"""


@pytest.mark.parametrize("width", [1440, 390])
def test_no_name_is_cut(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = visit.show_patient("stays", at="2026-08-29T14:00Z")
    drawn_anew(page)
    visit.keep(f"names-{width}")
    names = page.locator(".labels .name").all_inner_texts()
    assert set(patients.LONG_NAMES) < set(names)
    assert page.locator("#on-list .name").count() == len(patients.LONG_NAMES)
    assert page.evaluate(_CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


_SMALL = """() => [...document.querySelectorAll("button, summary, select, input, a")]
    .filter((each) => each.checkVisibility({ checkOpacity: true }) && !each.matches(".skip"))
    .map((each) => [each.outerHTML, each.getBoundingClientRect()])
    .filter(([, { width, height }]) => width < 44 || height < 43.5)
    .map(([html]) => html)"""


def test_fingers_find_targets_of_44_pixels(telephone: Visit) -> None:
    _explained(telephone)
    assert telephone.page.evaluate(_SMALL) == []


def test_the_hours_of_a_night_in_which_clocks_change_are_told_apart(visit: Visit) -> None:
    page = visit.show_patient("nights", **{"from": "2026-01-01", "to": "2026-12-01"})
    cells = page.locator("#periods tbody tr").all_inner_texts()
    forward, back = [text.split("\t") for text in cells]
    assert forward[1:4] == ["29 Mar 2026 01:30", "29 Mar 2026 03:30", "1 h"]
    assert back[1:4] == ["25 Oct 2026 02:30 (+02:00)", "25 Oct 2026 02:30 (+01:00)", "1 h"]
    page.get_by_label("Times in").select_option(label="+00:00 UTC")
    expect(page.locator("#periods tbody tr").nth(1)).to_contain_text("25 Oct 2026 00:30")
    page.reload()
    expect(page.locator("#periods tbody tr").nth(1)).to_contain_text("25 Oct 2026 00:30")


_PAGES = re.compile(rb"/Type /Page\b[^s]")


def test_each_page_of_paper_has_the_patient_the_axis_and_its_number(visit: Visit) -> None:
    page = visit.show_patient("crowd")
    page.emulate_media(color_scheme="dark")
    printed = page.pdf(path=ARTIFACTS / "print.pdf", prefer_css_page_size=True)
    sheets = page.locator(".sheet")
    number = sheets.count()
    assert 4 <= number <= 5
    assert len(_PAGES.findall(printed)) == number
    for at, sheet in enumerate(sheets.all(), start=1):
        text = sheet.locator("header").text_content() or ""
        assert text.startswith("Patient crowd")
        assert text.endswith(f"Page {at} of {number}")
        assert "printed" in text
        assert sheet.locator(".axis .tick").count() > 1
        assert 0 < sheet.locator("li").count() <= 16
        assert sheet.locator(".now-label").count() == 1
        assert sheet.locator(".legend").count() == 1
    assert min(sheet.locator("li").count() for sheet in sheets.all()[:-1]) >= 15
    expect(page.locator("#sheets h3")).to_have_text("On now (60)")
    page.emulate_media(media="print")
    assert page.locator("#bar").is_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.set_viewport_size({"width": 1031, "height": 703})
    visit.keep("print")


def test_paper_says_which_medications_alone_are_on_it(visit: Visit) -> None:
    page = visit.show_patient("ward", medication="Heparin")
    page.emulate_media(media="print")
    page.pdf(prefer_css_page_size=True)
    expect(page.locator(".sheet header")).to_contain_text("only 1 of 5 medications (Heparin)")


def test_names_of_any_length_are_printed_with_their_times(visit: Visit) -> None:
    page = visit.show_patient("stays")
    page.pdf(path=ARTIFACTS / "print-names.pdf", prefer_css_page_size=True)
    for name in patients.LONG_NAMES:
        row = page.locator("#sheets li", has=page.get_by_text(name, exact=True))
        expect(row).to_contain_text(re.compile(r", 20 h; .+ to .+, 1 d"))
    expect(page.locator("#sheets")).not_to_contain_text("Cefazolin")


def test_the_periods_of_the_window_are_taken_away_as_json(visit: Visit) -> None:
    page = visit.show_patient("stays")
    with page.expect_download() as taken:
        page.get_by_role("button", name="JSON").click()
    assert taken.value.suggested_filename == "periods.json"
    periods = json.loads(taken.value.path().read_text())["periods"]
    assert {each["medication_name"] for each in periods} == {
        *patients.LONG_NAMES,
        "Enoxaparin 40 mg",
    }


def test_the_link_that_is_copied_leads_to_what_is_shown(visit: Visit) -> None:
    page = visit.show_patient("ward", at="2026-03-05T03:30:00Z")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Link copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_the_periods_of_the_window_are_taken_away_as_csv(visit: Visit) -> None:
    page = visit.show_patient("stays")
    with page.expect_download() as taken:
        page.get_by_role("button", name="CSV").click()
    assert taken.value.suggested_filename == "periods.csv"
    head, *lines = taken.value.path().read_text().splitlines()
    assert head == "patient_id,medication_name,start,end"
    assert len(lines) == 2 * len(patients.LONG_NAMES) + 9
    assert "Cefazolin" not in "".join(lines)
