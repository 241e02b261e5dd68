"""The timeline: a page that shows a patient's periods, at `/`."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from consumer_app.settings import ConsumerSettings
from runtime.access.settings import AccessSettings
from runtime.http.pages import BUILT, Assets, page

_WEB = Path(__file__).parent / "web"
_NEEDS = ["timeline/page.js"]


def show_timeline(api: FastAPI, settings: ConsumerSettings) -> None:
    """Serve the page and what is made for it, with what the settings say of it."""
    values = {"title": api.title, **_sign_in(settings), **_choices(settings)}
    api.mount("/static/timeline", Assets(BUILT / "timeline"))

    @api.get("/", include_in_schema=False)
    def timeline() -> HTMLResponse:
        return page(_WEB / "index.html", _NEEDS, values, asks=values["issuer"])


def _sign_in(settings: AccessSettings) -> dict[str, str]:
    """Tell the page how people sign in; where no client is registered for it, by a token."""
    issuer = settings.access_issuer if settings.access_client_id else None
    with_tokens = "token" if issuer is None else "oidc"
    return {
        "access": with_tokens if settings.needs_token else "none",
        "issuer": issuer or "",
        "client": settings.access_client_id or "",
        "scope": settings.access_client_scope,
        "resource": settings.access_client_resource or "",
    }


def _choices(settings: ConsumerSettings) -> dict[str, str]:
    """Tell the page what the hospital has chosen."""
    return {
        "time_zone": str(settings.time_zone or ""),
        "recent_patients": str(settings.recent_patients).lower(),
        "patient_search": str(settings.patient_search).lower(),
    }
