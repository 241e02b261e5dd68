"""The pages that document the services, in a network that ends at the services."""

import httpx
import pytest

from tests.browser.conftest import Services, Visit

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]


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
