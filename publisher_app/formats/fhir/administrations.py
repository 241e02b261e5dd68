"""Administrations: a MedicationAdministration becomes a version of a record."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from contracts import Action, MedicationEvent, RecordVersion
from publisher_app.formats.events import event_at, made_version, order_id, record_id, stop_of
from publisher_app.formats.fhir.edges import TELLS_A_TIME, Edges, When, edges
from publisher_app.formats.fhir.options import FhirOptions, Ranking
from publisher_app.formats.fhir.references import Resolver, local, medication_of, patient_of
from publisher_app.formats.fhir.resources import KIND, Administration, Request
from publisher_app.formats.fhir.versions import (
    better,
    ranking_of,
    version_of,
    version_of_deletion,
)
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.times import read_time, whole_day

LESS_KNOWN = "administrations without lastUpdated, which count less than any that have it"
UNKNOWN = "administrations of status unknown, left out"
_DATE = "%Y-%m-%d"


def version_reported(
    resource: Administration,
    full_url: str | None,
    request: Request | None,
    scope: Resolver,
    options: FhirOptions,
    notes: Counter[str],
) -> RecordVersion | None:
    """Make the version of a record that a resource is; None where it changes nothing.

    Raises:
        NoEvent: it can't be read; the text says why, and names no patient.

    """
    if request is not None and request.method == "PUT":
        _check_address(resource, request.url)
    status = resource.what_was_done
    if status == "unknown":
        notes[UNKNOWN] += 1
        return None
    ranked_by = _ranking(resource, status, scope, options)
    key = _key_of(resource, full_url)
    when = _when(resource, options) if status in TELLS_A_TIME else When(None)
    told = _edges(resource, status, when, options)
    events = [*_events(resource, told, key, scope, options)]
    if told.note:
        notes[told.note] += 1
    if ranked_by != (options.ranked_by or "lastUpdated"):
        notes[LESS_KNOWN] += 1
    version = version_of(resource, ranked_by, when, events)
    return made_version(record_id(options.source, key), version, events)


def deletion_reported(
    url: str,
    last_modified: str | None,
    etag: str | None,
    scope: Resolver,
    options: FhirOptions,
) -> RecordVersion:
    """Make the version in which a resource is deleted.

    Raises:
        NoEvent: nothing tells which, or when.

    """
    kind, _, key = local(url).rpartition("/")
    key = unquote(key)
    if kind != KIND or not key.strip() or "?" in url:
        raise NoEvent("request.url: is not MedicationAdministration/ID")
    ranked_by = options.ranked_by or scope.ranked_by or "lastUpdated"
    version = version_of_deletion(ranked_by, last_modified, etag, options.as_of)
    return made_version(record_id(options.source, key), version, [])


def _check_address(resource: Administration, url: str) -> None:
    """See that a resource has the id under which it is put; a search as address has none."""
    if "?" not in url and unquote(local(url)) != f"{KIND}/{resource.id}":
        raise NoEvent("id: is another one than that of the address")


def _ranking(
    resource: Administration, status: str | None, scope: Resolver, options: FhirOptions
) -> Ranking:
    """Say what a resource is ranked by, which is the same in all of an input."""
    if options.ranked_by is not None:
        return options.ranked_by
    own = ranking_of(resource.meta, status)
    if own is None or own == "lastUpdated":  # what is behind all others is compared with none
        return "lastUpdated"
    best = better(own, scope.ranked_by)
    if own != best:
        raise NoEvent(
            f"can be ranked by its {own} alone, and others of its source by their {best}: name "
            "what they all can be ranked by in a profile, ranked_by under [fhir]"
        )
    return own


def _key_of(resource: Administration, full_url: str | None) -> str:
    """Give what names a resource at its source, whatever is corrected of it."""
    if resource.id and resource.id.strip():
        return resource.id
    for each in resource.identifier:
        if each.value and each.value.strip():
            return f"{each.system or ''}|{each.value}"
    if full_url:
        return full_url
    raise NoEvent("id: is missing, and so are identifier and fullUrl")


def _edges(resource: Administration, status: str | None, when: When, options: FhirOptions) -> Edges:
    if not options.methods or status not in TELLS_A_TIME:
        return edges(status, when)
    method = resource.dosage.method if resource.dosage else None
    words = [] if method is None else [method.text, *(each.code for each in method.coding)]
    done = next((options.methods[each] for each in words if each and each in options.methods), None)
    if done is None:
        raise NoEvent("dosage.method: is none of the words that the profile names")
    if done == "none":
        return Edges()
    at = when.at or when.start
    if at is None:
        raise NoEvent("effective: is missing")
    return Edges(
        at if done in ("start", "point") else None, at if done in ("stop", "point") else None
    )


def _events(
    resource: Administration, told: Edges, key: str, scope: Resolver, options: FhirOptions
) -> Iterator[MedicationEvent]:
    first = told.start or told.stop
    if first is None:
        return
    order = key
    if options.methods and resource.request and resource.request.reference:
        # Where each row of a record is a resource, what they have in common is the order.
        order = local(resource.request.reference).rpartition("/")[2]
    action = Action.START if told.start else Action.STOP
    event = event_at(
        first.astimezone(UTC),
        action,
        patient_id=patient_of(resource, scope, options.patient_system),
        medication_name=medication_of(resource, scope),
        order_id=order_id(order),
    )
    yield event
    if told.start and told.stop:
        yield stop_of(event, told.stop.astimezone(UTC))


def _when(resource: Administration, options: FhirOptions) -> When:
    if resource.at is not None:
        begin, end = _time("effectiveDateTime", resource.at, options)
        return When(begin, until=end)
    if resource.period is None:
        return When(None)
    period = resource.period
    start, until = _side(period.start, options)
    if period.end is None:
        return When(None, start, until=until)
    end, until = _side(period.end, options)
    return When(None, start, end, until)


def _side(text: str | None, options: FhirOptions) -> tuple[datetime | None, datetime | None]:
    return (None, None) if text is None else _time("effectivePeriod", text, options)


def _time(field: str, text: str, options: FhirOptions) -> tuple[datetime, datetime | None]:
    """Read a dateTime; of a date, where these are allowed, the day's beginning and end."""
    try:
        if options.dates and options.zone is not None and len(text) == len("2021-01-01"):
            return _day(text, options.zone)
        return read_time(text, options.zone), None
    except ValueError as error:
        raise NoEvent(f"{field}: {error}") from None


def _day(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    try:
        return whole_day(datetime.strptime(text, _DATE).date(), zone)  # noqa: DTZ007 - a date
    except (ValueError, OverflowError):
        raise ValueError("is not a day that exists") from None
