"""Resources, Bundles, arrays and NDJSON are taken apart, whatever they hold."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher_app.failures import UnreadableInput
from publisher_app.formats.fhir import reading
from tests.unit.publisher.fhir.reading import administration, bundle, read

EXAMPLES = Path(__file__).with_name("hl7-r4-examples.ndjson")
HALF_PAST_THREE, HALF_PAST_ONE = "2015-01-15T03:30", "2015-01-15T13:30"
EVENING, NIGHT = "2015-01-15T21:03", "2015-01-16T01:03"
# Read from HL7's own examples, of which 0309 names three ingredients in 341 characters.
BY_HAND = {
    "0301": [HALF_PAST_ONE],
    "0303": [],
    **{f"03{n:02}": [HALF_PAST_THREE, HALF_PAST_ONE] for n in (2, 4, 5, 6, 7, 8)},
    **{f"03{n}": [EVENING, NIGHT] for n in (10, 11, 12, 13)},
    "example03": [],
}


def test_the_examples_of_hl7_give_what_the_table_says() -> None:
    found = read(EXAMPLES.read_text())
    told = {
        each.record_id.removeprefix("fhir/medadmin"): [
            event.event_time.isoformat()[:16] for event in each.events
        ]
        for each in found.versions
    }
    assert told == BY_HAND
    assert found.reasons == ["medication_name: String should have at most 256 characters"]
    names = {
        each.record_id[-4:]: each.events[0].medication_name
        for each in found.versions
        if each.events
    }
    assert names["0302"] == "Potassium Chloride + Sodium Chloride 0.9% injectable solution"
    assert names["0305"] == "Adcetris"
    assert {event.patient_id for each in found.versions for event in each.events} == {"pat1"}


def test_a_resource_is_read_however_it_is_written() -> None:
    resource = administration()
    expected = read(resource).versions
    for written in (
        json.dumps(resource, indent=2),
        json.dumps([resource]),
        json.dumps([resource], indent=2),
        json.dumps(bundle(resource)),
        json.dumps(bundle(bundle(resource)), indent=1),
        f"{json.dumps(resource)}\n\n",
        f"\n{json.dumps({'resourceType': 'Patient'})}\n{json.dumps(resource)}".lstrip(),
    ):
        assert read(written).versions == expected


def test_a_large_bundle_with_its_type_at_its_end_is_read() -> None:
    many = bundle(*(administration(id=str(n), note=[{"text": "x" * 100}]) for n in range(10_000)))
    written = json.dumps(dict(reversed(many.items())))
    assert len(written) > 3_000_000
    found = read(written)
    assert len(found.versions) == 10_000
    assert found.reasons == []


def test_a_bundle_of_more_than_64_mb_and_a_line_of_more_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert reading.MOST_CHARACTERS == 64 * 1024 * 1024
    written = json.dumps(bundle(administration()), indent=1)
    monkeypatch.setattr(reading, "MOST_CHARACTERS", len(written))
    assert len(read(written).versions) == 1
    with pytest.raises(UnreadableInput, match="it is larger than 64 MB: write one resource a line"):
        read(f"{written} ")
    line = json.dumps(administration())
    long = json.dumps(administration(note=[{"text": "x" * len(written)}]))
    found = read(f"{line}\n{long}\n{line}\n")
    assert len(found.versions) == 2
    assert found.reasons == ["is larger than 64 MB: write one resource a line (NDJSON)"]


def test_a_bundle_in_too_many_others_and_one_that_is_none_are_rejected() -> None:
    deep = administration()
    for _ in range(10):
        deep = bundle(deep)
    assert len(read(deep).versions) == 1
    assert read(bundle(deep)).reasons == ["is a Bundle in too many others"]
    [reason] = read({"resourceType": "Bundle", "entry": 5}).reasons
    assert reason == "is no Bundle: Expected `array`, got `int` - at `$.entry`"


def test_of_a_search_only_what_matched_is_published() -> None:
    found = bundle(administration(), kind="searchset")
    found["entry"][0]["search"] = {"mode": "match"}
    found["entry"].append({"resource": administration(id="8"), "search": {"mode": "include"}})
    assert [each.record_id for each in read(found).versions] == ["fhir/7"]


def test_a_broken_line_is_rejected_and_the_others_are_read() -> None:
    lines = [json.dumps(administration(id=str(n))) for n in range(3)]
    lines[1] = lines[1][:-5]
    found = read("\n".join(lines))
    assert [each.record_id for each in found.versions] == ["fhir/0", "fhir/2"]
    assert len(found.reasons) == 1


def test_resources_of_other_types_are_counted() -> None:
    found = read(
        bundle(administration(), {"resourceType": "Observation"}, {"resourceType": "Patient"})
    )
    assert found.notes == {"resources of other types, left out": 1}


def test_a_text_that_is_cut_off_is_unreadable() -> None:
    with pytest.raises(UnreadableInput, match="it is not JSON"):
        read(json.dumps(bundle(administration()), indent=1)[:-5])


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("Patient/2"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "status",
                    "resourceType",
                    "entry",
                    "resource",
                    "subject",
                    "reference",
                    "coding",
                    "medicationCodeableConcept",
                    "effectivePeriod",
                    "start",
                    "contained",
                    "meta",
                    "request",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from([*administration(), "contained", "meta"]), any_json), st.data()
)
def test_no_resource_ends_in_anything_but_versions_and_reasons(
    fields: dict[str, object], data: st.DataObject
) -> None:
    resource = administration(**{n: v for n, v in fields.items() if n != "resourceType"})
    for content in (resource, bundle(resource), bundle(bundle(resource), fields)):
        text = json.dumps(content)
        cut = text[: data.draw(st.integers(len('{"resourceType": "Bundle"'), len(text)))]
        for each in (text, cut):
            try:
                found = read(each)
            except UnreadableInput:
                continue
            assert "Patient/2" not in "".join(found.reasons)
