"""Which version of a resource is the later one, however they arrive."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher_app.formats.fhir.options import FhirOptions
from tests.unit.publisher.fhir.reading import Resource, administration, bundle, read

STEPS = ("in-progress", "completed", "entered-in-error")


def version_of(resource: Resource, options: FhirOptions = FhirOptions()) -> str:  # noqa: B008
    [version] = read(resource, options).versions
    return version.record_version


def changed(last_updated: str, version_id: str | None = None, **fields: Any) -> Resource:  # noqa: ANN401
    meta = {"lastUpdated": last_updated} | ({"versionId": version_id} if version_id else {})
    return administration(meta=meta, **fields)


def test_a_version_is_ranked_by_when_it_was_changed_in_utc_then_by_its_number() -> None:
    in_order = [
        changed("2021-01-01T10:00:00+02:00", "9"),
        changed("2021-01-01T08:00:00Z", "10"),
        changed("2021-01-01T08:00:00.5Z", "2"),
        changed("2021-01-01T09:00:01+01:00"),
        changed("2021-01-01T09:00:00Z", "abc"),
        changed("2021-01-01T09:00:00Z", "1"),
    ]
    versions = [version_of(each) for each in in_order]
    assert versions == sorted(versions)
    assert len(set(versions)) == len(versions)


def test_by_its_number_alone_where_there_is_no_time() -> None:
    versions = [version_of(administration(meta={"versionId": each})) for each in ("9", "10", "100")]
    assert versions == sorted(versions)


def test_without_either_the_status_decides_then_the_latest_time() -> None:
    later = {"effectivePeriod": {"start": "2021-01-01T08:00:00Z", "end": "2021-01-01T11:00:00Z"}}
    in_order = [
        administration(status="in-progress"),
        administration(status="not-done"),
        administration(status="completed"),
        administration(status="completed", **later),
        administration(status="entered-in-error"),
    ]
    versions = [version_of(each) for each in in_order]
    assert versions == sorted(versions)


def test_equal_times_with_other_content_do_not_tie_and_equal_content_does() -> None:
    one = changed("2021-01-01T08:00:00Z", "a")
    other = changed("2021-01-01T08:00:00Z", "b", subject={"reference": "Patient/3"})
    assert version_of(one) != version_of(other)
    assert version_of(one) == version_of(dict(reversed(one.items())))


def test_what_lacks_what_the_others_are_ranked_by_is_rejected() -> None:
    mixed = bundle(changed("2021-01-01T08:00:00Z"), administration(id="8"))
    assert read(mixed).reasons == [
        "can be ranked by its status, and the first of this input by its lastUpdated: name what "
        "its source ranks by in its profile, ranked_by under [fhir]"
    ]
    assert read(mixed, FhirOptions(ranked_by="lastUpdated")).reasons == [
        "meta.lastUpdated: is missing, and the others are ranked by it"
    ]
    assert read(mixed, FhirOptions(ranked_by="status")).reasons == []


def deletion(url: str = "MedicationAdministration/7", **response: str) -> Resource:
    entry = {"request": {"method": "DELETE", "url": url}}
    return {**entry, **({"response": {"status": "204", **response}} if response else {})}


def test_a_deletion_of_a_history_ranks_by_when_it_was_and_takes_the_record_back() -> None:
    history = bundle(changed("2021-01-01T08:00:00Z", "1"), kind="history")
    history["entry"].insert(0, deletion(lastModified="2021-01-01T08:00:00Z", etag='W/"2"'))
    deleted, first = read(history).versions
    assert (deleted.record_id, deleted.events) == ("fhir/7", [])
    assert deleted.record_version > first.record_version
    later = changed("2021-01-01T08:00:00.1Z", "3")
    assert version_of(later) > deleted.record_version


def test_a_deletion_of_a_bulk_export_ranks_by_the_time_that_is_told() -> None:
    deleted = {"resourceType": "Bundle", "type": "transaction", "entry": [deletion()]}
    [version] = read(deleted, FhirOptions(as_of="2021-01-02T00:00:00Z")).versions
    assert version.record_version > version_of(changed("2021-01-01T08:00:00Z"))
    assert read(deleted).reasons == [
        "is a deletion without its time: say when with --as-of (PUBLISHER_AS_OF)"
    ]
    assert read(deleted, FhirOptions(as_of="2021-01-02T00:00:00Z", ranked_by="status")).reasons == [
        "can't be ranked: the others of its source are not ranked by time"
    ]


def test_the_deletion_of_another_type_is_left_alone() -> None:
    deleted = {"resourceType": "Bundle", "type": "transaction", "entry": [deletion("Patient/2")]}
    assert read(deleted) == ([], [], {})


@given(st.permutations(range(4)), st.data())
def test_in_any_order_the_same_version_is_the_highest(
    order: list[int], data: st.DataObject
) -> None:
    made = [
        changed(
            f"2021-01-01T0{hour}:00:00Z", str(number), subject={"reference": f"Patient/{number}"}
        )
        for number, hour in enumerate(
            data.draw(st.lists(st.integers(0, 9), min_size=4, max_size=4))
        )
    ]
    highest = {
        max(
            read(bundle(*(made[n] for n in each))).versions, key=lambda v: v.record_version
        ).record_version
        for each in (order, range(4))
    }
    assert len(highest) == 1


@pytest.mark.parametrize("sequence", [*itertools.permutations(STEPS)])
def test_of_statuses_alone_the_last_step_counts(sequence: tuple[str, ...]) -> None:
    versions = read(bundle(*(administration(status=each) for each in sequence))).versions
    assert max(versions, key=lambda v: v.record_version).events == []
