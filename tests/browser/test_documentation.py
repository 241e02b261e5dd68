"""The pages that document the services, in a network that ends at the services."""

import re
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, Services, Visit

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

_AXE = ROOT / "node_modules/axe-core/axe.min.js"
_ON_DISK = (ROOT / "asyncapi/index.html").as_uri()
SERVICES = ("consumer", "publisher")
in_both_themes = pytest.mark.parametrize("scheme", ["light", "dark"])
Scheme = Literal["light", "dark"]


def test_no_page_asks_another_host_or_breaks_its_policy(visit: Visit, services: Services) -> None:
    page = visit.show_patient("ward")
    for address in services.addresses:
        open_http_api(page, address)
        open_messages(page, address)
    assert visit.elsewhere() == []
    assert visit.complaints == []


def test_each_page_leads_to_the_others_and_to_the_start(visit: Visit, services: Services) -> None:
    page = visit.page
    titles = ("Medication periods", "Medication events")
    for address, title in zip(services.addresses, titles, strict=True):
        ways = page.get_by_role("navigation", name="Pages")
        open_http_api(page, address)
        ways.get_by_role("link", name="Messages").click()
        page.wait_for_url(f"{address}/asyncapi")
        ways.get_by_role("link", name="HTTP API").click()
        page.wait_for_url(f"{address}/docs")
        ways.get_by_role("link", name=title).click()
        page.wait_for_url(re.compile(rf"{re.escape(address)}/(docs)?$"))


def test_the_publishers_address_leads_to_its_documentation(
    visit: Visit, services: Services
) -> None:
    visit.page.goto(f"{services.publisher}/")
    assert visit.page.url == f"{services.publisher}/docs"


@in_both_themes
def test_all_of_the_http_api_can_be_read(visit: Visit, services: Services, scheme: Scheme) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    for service, address in zip(SERVICES, services.addresses, strict=True):
        open_http_api(visit.page, address)
        unfold_http_api(visit.page)
        visit.keep(f"docs-{service}-{scheme}")
        assert too_faint(visit.page) == []
    # Of a schema that leads nowhere Swagger UI tells in words.
    assert visit.complaints == []


@in_both_themes
def test_all_of_the_messages_can_be_read(visit: Visit, services: Services, scheme: Scheme) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    for service, address in zip(SERVICES, services.addresses, strict=True):
        open_messages(visit.page, address)
        unfold_messages(visit.page)
        visit.keep(f"asyncapi-{service}-{scheme}")
        assert too_faint(visit.page) == []


@in_both_themes
def test_all_of_the_page_on_disk_can_be_read(visit: Visit, scheme: Scheme) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    visit.page.goto(_ON_DISK)
    visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    visit.keep(f"asyncapi-on-disk-{scheme}")
    assert too_faint(visit.page) == []


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_a_page_is_as_dark_as_the_system(
    visit: Visit, services: Services, scheme: Scheme, is_dark: bool
) -> None:
    page = visit.page
    page.emulate_media(color_scheme=scheme)
    for shown in (open_http_api, open_messages):
        shown(page, services.consumer)
        assert (brightness(page) < 64) is is_dark
    page.goto(_ON_DISK)
    assert (brightness(page) < 64) is is_dark


def test_the_page_on_disk_is_folded_into_groups(visit: Visit) -> None:
    page = visit.page
    page.goto(_ON_DISK)
    expect(page.get_by_text("Store medication events")).to_be_hidden()
    page.locator("#medication-periods").get_by_text("Operations", exact=True).click()
    expect(page.get_by_text("Store medication events")).to_be_visible()


def test_an_operation_is_called_by_what_it_does(visit: Visit, services: Services) -> None:
    open_http_api(visit.page, services.consumer)
    visit.page.get_by_text("Answer in which periods a patient was on each medication").wait_for()
    open_messages(visit.page, services.consumer)
    visit.page.get_by_text("Store medication events").wait_for()


def open_http_api(page: Page, address: str) -> None:
    page.goto(f"{address}/docs")
    page.get_by_text("/health/ready").first.wait_for()


def open_messages(page: Page, address: str) -> None:
    page.goto(f"{address}/asyncapi")
    page.get_by_role("heading", name="Operations").first.wait_for()


def unfold_http_api(page: Page) -> None:
    operations = page.locator(".opblock")
    operations.locator(".opblock-summary-control").evaluate_all(
        "controls => controls.forEach(each => each.click())"
    )
    expect(page.locator(".opblock.is-open .responses-table")).to_have_count(operations.count())


def unfold_messages(page: Page) -> None:
    """Open one level after the other, as a reader does."""
    closed = page.get_by_role("button", name="Expand all")
    while closed.count():
        closed.evaluate_all("buttons => buttons.forEach(each => each.click())")


def too_faint(page: Page) -> list[tuple[str, dict[str, Any]]]:
    # Over the browser's own channel: the page's policy lets no script in.
    page.evaluate(_AXE.read_text())
    found = page.evaluate("axe.run({ runOnly: ['color-contrast'] })")
    nodes = [node for each in found["violations"] for node in each["nodes"]]
    return [(node["html"], node["any"][0]["data"]) for node in nodes]


def brightness(page: Page) -> float:
    """Measure what most of the page is drawn in: 0 is black, 255 white."""
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, color.removeprefix("rgb(").removesuffix(")").split(","))) / 3


def test_a_message_is_tried_out_only_where_a_setting_allows_it(
    visit: Visit, services: Services
) -> None:
    page = visit.page
    open_messages(page, services.consumer)
    assert page.locator("#try-it-out").is_hidden()
    assert httpx.post(f"{services.consumer}/asyncapi/try", json={}).status_code == 404
    open_messages(page, services.publisher)
    page.locator("#try-it-out").wait_for()
    message = page.locator("#try-it-out textarea")
    message.fill(message.input_value().replace('"2"', '"tried"'))
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("Published.").wait_for()
    services.wait_for("tried", 1)
