"""Which version of a resource is the later one, however they arrive."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import MedicationEvent
from publisher_app.formats.fhir.options import FhirOptions
from tests.records import PATIENTS, expected_periods, newest_of
from tests.unit.publisher.fhir.reading import Resource, administration, bundle, read

STEPS = ("in-progress", "completed", "entered-in-error")


def version_of(resource: Resource, options: FhirOptions = FhirOptions()) -> str:  # noqa: B008
    [version] = read(resource, options).versions
    return version.record_version


def counting(content: Resource, options: FhirOptions = FhirOptions()) -> list[MedicationEvent]:  # noqa: B008
    """Give the events of the version that counts of the only record."""
    [newest] = newest_of(read(content, options).versions)
    return newest.events


def events_of(resource: Resource) -> list[MedicationEvent]:
    [version] = read(resource).versions
    return version.events


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


def bare(status: str = "completed", begin: int = 8, end: int = 10, **fields: Any) -> Resource:  # noqa: ANN401
    """Make a resource that nothing but its status and its hours ranks."""
    period = {"start": f"2021-01-01T{begin:02}:00:00Z", "end": f"2021-01-01T{end:02}:00:00Z"}
    return administration(**{"meta": None, "status": status, "effectivePeriod": period, **fields})


def test_by_its_number_alone_where_there_is_no_time() -> None:
    longest = "9" * 20
    versions = [version_of(bare(meta={"versionId": each})) for each in ("9", "10", "100", longest)]
    assert versions == sorted(versions)


def test_without_either_the_status_decides_then_the_latest_time() -> None:
    in_order = [
        bare("in-progress", 8, 8),
        bare("on-hold", 8, 9),
        bare("in-progress", 10),
        bare("not-done"),
        bare("stopped", 8, 10),
        bare("completed", 8, 11),
        bare("stopped", 8, 12),
        bare("entered-in-error"),
    ]
    versions = [version_of(each) for each in in_order]
    assert versions == sorted(versions)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (bare("stopped", 8, 10), bare("completed", 8, 12)),
        (bare("completed", 8, 10), bare("stopped", 8, 12)),
        (bare("on-hold", 8, 9), bare("in-progress", 10)),
        (bare("in-progress", 8), bare("on-hold", 9, 10)),
    ],
)
def test_of_statuses_that_are_equal_the_later_time_wins(earlier: Resource, later: Resource) -> None:
    assert counting(bundle(later, earlier)) == events_of(later)


def test_where_status_and_time_are_equal_the_content_alone_decides() -> None:
    one, other = bare("completed"), bare("stopped", subject={"reference": "Patient/3"})
    assert version_of(one) != version_of(other)
    assert version_of(one) == version_of({**one, "status": "stopped"})


def test_equal_times_with_other_content_do_not_tie_and_equal_content_does() -> None:
    one = changed("2021-01-01T08:00:00Z", "a")
    other = changed("2021-01-01T08:00:00Z", "b", subject={"reference": "Patient/3"})
    assert version_of(one) != version_of(other)
    assert version_of(one) == version_of(dict(reversed(one.items())))


NUMBERED = bare(id="8", meta={"versionId": "1"})
TIMED = changed("2021-01-01T08:00:00Z")


@pytest.mark.parametrize(
    ("less", "more", "reason"),
    [
        (bare(id="8"), TIMED, "its status alone, and others of its source by their lastUpdated"),
        (NUMBERED, TIMED, "its versionId alone, and others of its source by their lastUpdated"),
        (bare(), NUMBERED, "its status alone, and others of its source by their versionId"),
    ],
)
def test_what_others_of_its_input_can_be_ranked_better_than_is_rejected_wherever_it_stands(
    less: Resource, more: Resource, reason: str
) -> None:
    for both in ((less, more), (more, less)):
        for mixed in (bundle(*both), [*both], bundle(bundle(both[0]), both[1])):
            found = read(mixed)
            assert [each.record_id for each in found.versions] == [f"fhir/{more['id']}"]
            assert found.reasons == [
                f"can be ranked by {reason}: name what they all can be ranked by in a profile, "
                "ranked_by under [fhir]"
            ]


def test_where_a_profile_says_what_ranks_what_lacks_it_is_rejected_whatever_the_others_are() -> (
    None
):
    by_time, by_number = FhirOptions(ranked_by="lastUpdated"), FhirOptions(ranked_by="versionId")
    assert read(bare(), by_time).reasons == [
        "meta.lastUpdated: is missing, and the others are ranked by it"
    ]
    assert read(TIMED, by_number).reasons == [
        "meta.versionId: is no number, and the others are ranked by it"
    ]
    by_status = FhirOptions(ranked_by="status")
    assert version_of(TIMED, by_status) == version_of(bare(), by_status)


def test_over_several_inputs_what_is_ranked_by_a_time_outranks_a_number_and_that_a_status() -> None:
    versions = [version_of(each) for each in (bare(), NUMBERED, changed("0001-01-01T00:00:00Z"))]
    assert versions == sorted(versions)
    assert (
        read(bare()).notes
        == read(NUMBERED).notes
        == {"administrations without lastUpdated, which count less than any that have it": 1}
    )
    assert read(TIMED).notes == {}


@pytest.mark.parametrize("known", [bare(), NUMBERED, changed("9999-12-31T23:59:59Z")])
def test_an_error_of_which_no_time_is_known_takes_back_whatever_else_is_known(
    known: Resource,
) -> None:
    mistake = bare("entered-in-error", id=known["id"])
    for each in (bundle(known, mistake), bundle(mistake, known)):
        assert counting(each) == []
    assert version_of(mistake) > version_of(known)


TOLD = FhirOptions(as_of="2021-01-02T00:00:00Z")
NOT_BY_TIME = "can't be ranked: the others of its source are not ranked by time"


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
    [version] = read(deleted, TOLD).versions
    assert version.record_version > version_of(changed("2021-01-01T08:00:00Z"))
    assert read(deleted).reasons == [
        "is a deletion without its time: say when with --as-of (PUBLISHER_AS_OF)"
    ]


@pytest.mark.parametrize("options", [TOLD, TOLD._replace(ranked_by="status")])
def test_a_deletion_where_the_status_ranks_is_rejected_wherever_it_stands(
    options: FhirOptions,
) -> None:
    gone = {"resourceType": "Bundle", "type": "transaction", "entry": [deletion()]}
    for each in ([gone, bare()], [bare(), gone], bundle(gone, bare())):
        found = read(each, options)
        assert [v.events for v in found.versions] == [events_of(bare())]
        assert found.reasons == [NOT_BY_TIME]


def test_a_deletion_where_a_number_ranks_needs_one() -> None:
    numbered, etag = FhirOptions(ranked_by="versionId"), 'W/"2"'
    history = bundle(bare(meta={"versionId": "1"}), kind="history")
    history["entry"].insert(0, deletion(lastModified="2021-01-01T08:00:00Z", etag=etag))
    assert counting(history, numbered) == counting(history) == []
    history["entry"][0] = deletion(lastModified="2021-01-01T08:00:00Z")
    assert read(history, numbered).reasons == read(history).reasons == [NOT_BY_TIME]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_utc_does_not_have_is_rejected(time: str) -> None:
    gone = {"resourceType": "Bundle", "type": "history", "entry": [deletion(lastModified=time)]}
    given = administration(effectivePeriod=None, effectiveDateTime=time)
    for each in (changed(time), gone, given):
        found = read(each)
        assert found.versions == []
        [reason] = found.reasons
        assert "lies outside the years 1 to 9999 in UTC" in reason


@pytest.mark.parametrize(
    "url",
    [
        "MedicationAdministration",
        "MedicationAdministration/",
        "MedicationAdministration?identifier=a|b",
        "MedicationAdministration?identifier=https://a.example/MedicationAdministration/7",
    ],
)
def test_a_deletion_that_names_no_id_is_rejected(url: str) -> None:
    gone = {"resourceType": "Bundle", "type": "transaction", "entry": [deletion(url)]}
    found = read(gone, TOLD)
    assert (found.versions, found.reasons) == (
        [],
        ["request.url: is not MedicationAdministration/ID"],
    )


def test_the_deletion_of_another_type_is_left_alone() -> None:
    deleted = {"resourceType": "Bundle", "type": "transaction", "entry": [deletion("Patient/2")]}
    assert read(deleted) == ([], [], {})


changes = st.lists(
    st.builds(
        lambda hour, number, patient, begin: changed(
            f"2021-01-02T0{hour}:00:00Z",
            str(number),
            subject={"reference": f"Patient/{patient}"},
            effectivePeriod={"start": f"2021-01-01T0{begin}:00:00Z"},
        ),
        st.integers(0, 2),
        st.integers(1, 10),
        st.sampled_from(PATIENTS),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda each: (each["meta"]["lastUpdated"], int(each["meta"]["versionId"])),
)


@given(changes, st.data())
def test_in_any_order_the_periods_are_those_of_what_was_changed_last(
    made: list[Resource], data: st.DataObject
) -> None:
    last = max(made, key=lambda each: (each["meta"]["lastUpdated"], int(each["meta"]["versionId"])))
    arrived = read(bundle(*data.draw(st.permutations([*made, *made[:2]])))).versions
    begin = last["effectivePeriod"]["start"][11:13]
    for patient in PATIENTS:
        is_theirs = last["subject"]["reference"] == f"Patient/{patient}"
        found = [f"{start:%H}" for _, start, _ in expected_periods(arrived, patient)]
        assert found == ([begin] if is_theirs else [])


@pytest.mark.parametrize("sequence", [*itertools.permutations(STEPS)])
def test_of_statuses_alone_the_last_step_counts(sequence: tuple[str, ...]) -> None:
    assert counting(bundle(*(bare(each) for each in sequence))) == []
    without = [each for each in sequence if each != "entered-in-error"]
    assert counting(bundle(*(bare(each) for each in without))) == events_of(bare("completed"))


def test_a_resource_whose_id_the_contract_refuses_is_rejected() -> None:
    found = read([administration(id="7\u200b8", status="not-done"), administration()])
    assert found.reasons == ["record_id: holds invisible characters: remove U+200B"]
    assert [each.record_id for each in found.versions] == ["fhir/7"]


def test_a_blank_id_names_no_record_as_others_would_share_it() -> None:
    found = read([administration(id=" "), administration(id=" 8 ")])
    assert found.reasons == ["id: is missing, and so are identifier and fullUrl"]
    assert [each.record_id for each in found.versions] == ["fhir/8"]
