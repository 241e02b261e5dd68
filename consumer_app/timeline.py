"""The timeline: a page that shows a patient's periods, at `/`."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from runtime.http.pages import Assets, page

_WEB = Path(__file__).parent / "web"


def show_timeline(api: FastAPI) -> None:
    """Serve the page, its scripts and its styles."""
    api.mount("/static/timeline", Assets(_WEB))

    @api.get("/", include_in_schema=False)
    def timeline() -> HTMLResponse:
        return page(_WEB / "index.html", "d3/d3.min.js", {"title": api.title})
