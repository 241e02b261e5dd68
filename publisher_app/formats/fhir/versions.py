"""Versions: which of two versions of a resource is the later one, whichever arrives first."""

from datetime import datetime

from contracts import MedicationEvent
from publisher_app.formats.fhir.options import Ranking
from publisher_app.formats.fhir.resources import Administration, Meta
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.times import read_time
from publisher_app.formats.versions import digest_of, written_time

_RANKS = {
    "in-progress": 0,
    "on-hold": 0,
    "unknown": 0,
    "not-done": 1,
    "completed": 2,
    "stopped": 2,
    "entered-in-error": 3,
}
_DIGITS = 20


def ranking_of(meta: Meta) -> Ranking:
    """Say by what a resource can be ranked."""
    if meta.last_updated:
        return "lastUpdated"
    return "versionId" if _number(meta.version_id) else "status"


def version_of(
    resource: Administration,
    ranked_by: Ranking,
    latest: datetime | None,
    events: list[MedicationEvent],
) -> str:
    """Write the version of a resource, so that later ones sort behind earlier ones.

    Behind what ranks them stands a digest of what they report, so that no two that differ tie.

    Raises:
        NoEvent: it lacks what the others of its source are ranked by.

    """
    meta = resource.meta
    digest = digest_of(events)
    number = _number(meta.version_id)
    if ranked_by == "status":
        # Below all that is ranked by time, in case the source begins to tell it.
        status = resource.what_was_done or ""
        time = "" if latest is None else written_time(latest)
        return f"-{_RANKS.get(status, 0)}-{status}/{time}/{digest}"
    if ranked_by == "versionId":
        if not number:
            raise NoEvent("meta.versionId: is no number, and the others are ranked by it")
        return f"{number}/{digest}"
    if not meta.last_updated:
        raise NoEvent("meta.lastUpdated: is missing, and the others are ranked by it")
    return f"{written_time(_time(meta.last_updated))}/{number}/{digest}"


def version_of_deletion(
    ranked_by: Ranking | None, last_modified: str | None, etag: str | None, as_of: str | None
) -> str:
    """Write the version in which a resource is deleted.

    Raises:
        NoEvent: nothing tells when that was.

    """
    number = _number((etag or "").removeprefix("W/").strip('"'))
    if ranked_by == "versionId" and number:
        return f"{number}/deleted"
    time = last_modified or as_of
    if ranked_by in ("status", "versionId"):
        raise NoEvent("can't be ranked: the others of its source are not ranked by time")
    if time is None:
        raise NoEvent("is a deletion without its time: say when with --as-of (PUBLISHER_AS_OF)")
    # Behind what was changed at the same moment.
    return f"{written_time(_time(time))}/{number or '~'}/deleted"


def _time(text: str) -> datetime:
    try:
        return read_time(text, None)
    except ValueError as error:
        raise NoEvent(f"lastUpdated: {error}") from None


def _number(version_id: str | None) -> str:
    """Pad a number; other identifiers of versions have no order."""
    is_number = version_id is not None and version_id.isascii() and version_id.isdigit()
    return (
        version_id.zfill(_DIGITS) if is_number and version_id and len(version_id) <= _DIGITS else ""
    )
