"""The pages: what they may load, and what they say before their scripts are built."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from consumer_app.settings import ConsumerSettings
from consumer_app.timeline import show_timeline
from runtime.http import pages

PAGES = ["/", "/docs", "/asyncapi"]


@pytest.fixture
def client() -> AsyncClient:
    api = FastAPI(title="Medication <periods>", docs_url=None, redoc_url=None)
    pages.document(api, lambda: {"asyncapi": "3.0.0"})
    show_timeline(api, ConsumerSettings())
    return AsyncClient(transport=ASGITransport(api), base_url="http://service")


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_that_is_not_built_says_how_to_build_it(
    client: AsyncClient, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    answer = await client.get(path)
    assert answer.status_code == 503
    assert "make assets" in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_no_script_but_the_services_own(
    client: AsyncClient, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in (
        "timeline/page.js",
        "swagger-ui-dist/swagger-ui-bundle.js",
        "react-component/without-parser.js",
    ):
        (tmp_path / needed).parent.mkdir()
        (tmp_path / needed).touch()
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    answer = await client.get(path)
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    assert "<periods>" not in answer.text


async def test_the_timeline_is_told_what_the_hospital_has_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "timeline").mkdir()
    (tmp_path / "timeline" / "page.js").touch()
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    monkeypatch.setenv("CONSUMER_TIME_ZONE", "Europe/Berlin")
    monkeypatch.setenv("CONSUMER_RECENT_PATIENTS", "false")
    monkeypatch.setenv("CONSUMER_PATIENT_SEARCH", "true")
    chosen = FastAPI()
    show_timeline(chosen, ConsumerSettings())
    async with AsyncClient(transport=ASGITransport(chosen), base_url="http://service") as client:
        html = (await client.get("/")).text
    assert 'data-time-zone="Europe/Berlin"' in html
    assert 'data-recent-patients="false"' in html
    assert 'data-patient-search="true"' in html


async def test_scripts_are_served_as_modules_and_revalidated(client: AsyncClient) -> None:
    answer = await client.get("/static/documentation/asyncapi.mjs")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    again = await client.get(
        "/static/documentation/asyncapi.mjs", headers={"if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304


@pytest.mark.fault("pages that are not built")
async def test_a_folder_that_is_not_built_yet_has_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path / "later")
    api = FastAPI(docs_url=None)
    pages.document(api, dict)
    async with AsyncClient(transport=ASGITransport(api), base_url="http://service") as client:
        assert (await client.get("/static/vendor/react-component/LICENSE")).status_code == 404


@pytest.mark.parametrize("path", ["/static/documentation/asyncapi.mjs", "/static/vendor/none.js"])
async def test_a_file_is_only_read(client: AsyncClient, path: str) -> None:
    answer = await client.put(path, content="")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_the_asyncapi_document_is_served_beside_its_page(client: AsyncClient) -> None:
    assert (await client.get("/asyncapi.json")).json() == {"asyncapi": "3.0.0"}
