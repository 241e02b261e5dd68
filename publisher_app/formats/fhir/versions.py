"""Versions: which of two versions of a resource is the later one, whichever arrives first.

They sort as they came about: first those that are ranked by their status alone, then those by a
number, then those by a time, as who knows more of it knows better. Behind them all is an error of
which nobody says since when: it takes back whatever else is known.
"""

from datetime import datetime

from contracts import MedicationEvent
from publisher_app.formats.fhir.edges import When
from publisher_app.formats.fhir.options import Ranking
from publisher_app.formats.fhir.resources import ERROR, Administration, Meta
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.times import read_time
from publisher_app.formats.versions import digest_of, written_time

_STATUSES = {"in-progress": 0, "on-hold": 0, "not-done": 1}
_GIVEN = 2
_RANKINGS: tuple[Ranking, ...] = ("status", "versionId", "lastUpdated")
# A number begins with four zeros, and there is no year 0000.
_DIGITS, _PADDED = 20, 24


def ranking_of(meta: Meta, status: str | None) -> Ranking | None:
    """Say by what a resource can be ranked best; None where it is behind all others."""
    if meta.last_updated:
        return "lastUpdated"
    if status == ERROR:
        return None
    return "versionId" if _number(meta.version_id) else "status"


def better(one: Ranking | None, other: Ranking | None) -> Ranking | None:
    """Give the one of two rankings that knows more."""
    return max((each for each in (one, other) if each), key=_RANKINGS.index, default=None)


def version_of(
    resource: Administration,
    ranked_by: Ranking,
    when: When,
    events: list[MedicationEvent],
) -> str:
    """Write the version of a resource, so that later ones sort behind earlier ones.

    Behind what ranks them stands a digest of what they report, so that no two that differ tie.

    Raises:
        NoEvent: it lacks what the others of its source are ranked by, and is no error.

    """
    return f"{_rank_of(resource, ranked_by, when)}/{digest_of(events)}"


def _rank_of(resource: Administration, ranked_by: Ranking, when: When) -> str:
    meta, status = resource.meta, resource.what_was_done
    number = _number(meta.version_id)
    if ranked_by == "lastUpdated" and meta.last_updated:
        return f"{written_time(_time(meta.last_updated))}/{number}"
    if ranked_by == "versionId" and number:
        return number
    if status == ERROR:
        return "~"
    if ranked_by == "status":
        latest = when.latest
        time = "" if latest is None else written_time(latest)
        return f"-{_STATUSES.get(status or '', _GIVEN)}/{time}"
    problem = "is no number" if ranked_by == "versionId" else "is missing"
    raise NoEvent(f"meta.{ranked_by}: {problem}, and the others are ranked by it")


def version_of_deletion(
    ranked_by: Ranking, last_modified: str | None, etag: str | None, as_of: str | None
) -> str:
    """Write the version in which a resource is deleted.

    Raises:
        NoEvent: nothing tells when that was, by what the others of its source are ranked by.

    """
    number = _number((etag or "").removeprefix("W/").strip('"'))
    if ranked_by == "versionId" and number:
        return f"{number}/deleted"
    if ranked_by != "lastUpdated":
        raise NoEvent("can't be ranked: the others of its source are not ranked by time")
    time = last_modified or as_of
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
        version_id.zfill(_PADDED) if is_number and version_id and len(version_id) <= _DIGITS else ""
    )
