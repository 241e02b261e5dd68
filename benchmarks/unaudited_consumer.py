"""The consumer without the audit of its answers: what that costs is measured beside it."""

from starlette.types import ASGIApp

from consumer_app.audit import answers


def _as_it_is(app: ASGIApp, **_: object) -> ASGIApp:
    return app


answers.RecordedAnswers = _as_it_is  # type: ignore[assignment,misc]

from consumer_app.main import app  # noqa: E402 - it is wired while it is imported

__all__ = ["app"]
