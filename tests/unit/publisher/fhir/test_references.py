"""Whom and what a resource is about."""

import json
from typing import Any

import pytest

from publisher_app.formats.fhir.options import FhirOptions
from tests.unit.publisher.fhir.reading import Resource, administration, bundle, read

HOSPITAL = "urn:oid:1.2.3"
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "other", "value": "x"}, {"system": HOSPITAL, "value": "4711"}],
}


def patients(content: Resource, system: str | None = None) -> list[str]:
    """Give the patients of a resource or Bundle, or the reasons."""
    found = read(content, FhirOptions(patient_system=system))
    return [v.events[0].patient_id for v in found.versions] + found.reasons


def names(content: Resource) -> list[str]:
    found = read(content)
    return [v.events[0].medication_name for v in found.versions] + found.reasons


@pytest.mark.parametrize(
    ("subject", "patient"),
    [
        ({"reference": "Patient/p1"}, "p1"),
        ({"reference": "https://a.example/fhir/Patient/p1/_history/3"}, "p1"),
        ({"identifier": {"system": "any", "value": "4711"}}, "4711"),
        ({"reference": "Patient?identifier=a|b", "identifier": {"system": "a", "value": "b"}}, "b"),
        ({"reference": "Group/g"}, "subject: is a Group, and no Patient"),
        ({"reference": "urn:uuid:0"}, "subject: the Patient that it refers to is not there"),
        ({"display": "Donald Duck"}, "subject: has no identifier"),
        (None, "subject: is missing"),
        (
            {"reference": "Patient?identifier=a|b"},
            "subject: is a search, which only the server that it was meant for can answer",
        ),
    ],
)
def test_a_patient_is_known_by_the_id_in_the_reference(
    subject: Resource | None, patient: str
) -> None:
    assert patients(administration(subject=subject)) == [patient]


def test_dstu2_names_the_patient_by_another_field() -> None:
    assert patients(administration(subject=None, patient={"reference": "Patient/p1"})) == ["p1"]


def test_where_a_system_is_named_a_patient_is_known_by_the_identifier_of_it() -> None:
    found = patients(bundle(administration(subject={"reference": "Patient/p1"}), PATIENT), HOSPITAL)
    assert found == ["4711"]
    own = {"reference": "Patient/9", "identifier": {"system": HOSPITAL, "value": "8"}}
    assert patients(administration(subject=own), HOSPITAL) == ["8"]
    other = {"identifier": {"system": "other", "value": "8"}}
    assert patients(administration(subject=other), HOSPITAL) == [
        f"subject: has no identifier of the system {HOSPITAL}"
    ]
    assert patients(administration(), HOSPITAL) == [
        "subject: the Patient that it refers to is not there"
    ]


def test_an_urn_is_resolved_in_the_bundle_that_it_is_in_and_in_those_in_that() -> None:
    resource = administration(subject={"reference": "urn:uuid:1"})
    both = bundle(resource, PATIENT)
    both["entry"][1]["fullUrl"] = "urn:uuid:1"
    assert patients(both) == ["p1"]
    assert patients(bundle(both, resource)) == ["p1", "p1"]
    apart = "\n".join(json.dumps(each) for each in (bundle(resource), resource))
    assert read(apart).reasons == ["subject: the Patient that it refers to is not there"] * 2
    nameless = {"resourceType": "Patient"}
    both = bundle(resource, nameless)
    both["entry"][1]["fullUrl"] = "urn:uuid:1"
    assert patients(both) == ["subject: has no identifier"]


def test_a_contained_patient_is_known_by_an_identifier_and_never_by_the_name_in_the_resource() -> (
    None
):
    contained = [{**PATIENT, "id": "pat"}]
    resource = administration(subject={"reference": "#pat"}, contained=contained)
    assert patients(resource, HOSPITAL) == ["4711"]
    assert patients(resource) == ["x"]
    bare = administration(
        subject={"reference": "#pat"}, contained=[{"resourceType": "Patient", "id": "pat"}]
    )
    assert patients(bare) == ["subject: has no identifier"]


CODED = {"coding": [{"system": "s", "code": "c"}]}
SHOWN = {"coding": [{"code": "1", "display": "first"}, {"code": "2", "display": "second"}]}


@pytest.mark.parametrize(
    ("concept", "name"),
    [
        ({"text": "text", **SHOWN}, "text"),
        ({"coding": [*SHOWN["coding"], {"display": "chosen", "userSelected": True}]}, "chosen"),
        (SHOWN, "first"),
        (CODED, "s|c"),
        ({"coding": [{"code": "c"}]}, "c"),
        ({"text": " ", **CODED}, "s|c"),
        ({}, "medication: has neither text, display nor code"),
        (None, "medication: has neither text, display nor code"),
    ],
)
def test_a_medication_has_the_best_name_that_its_concept_has(
    concept: Resource | None, name: str
) -> None:
    assert names(administration(medicationCodeableConcept=concept)) == [name]


def referring(display: str | None = None, **medication: Any) -> Resource:  # noqa: ANN401 - JSON
    reference = {"reference": "#med"} | ({"display": display} if display else {})
    contained = [{"resourceType": "Medication", "id": "med", **medication}]
    return administration(
        medicationCodeableConcept=None, medicationReference=reference, contained=contained
    )


def test_a_contained_medication_is_named_by_its_code_its_display_or_its_ingredients() -> None:
    ingredient = [{"itemCodeableConcept": {"text": each}} for each in ("Potassium", "Sodium")]
    assert names(referring("shown", code=CODED)) == ["s|c"]
    assert names(referring("shown", ingredient=ingredient)) == ["shown"]
    assert names(referring(ingredient=ingredient)) == ["Potassium + Sodium"]
    assert names(referring()) == ["medication: has neither text, display nor code"]


def test_what_else_is_contained_is_left_alone_whatever_it_is() -> None:
    others = [
        {"resourceType": "PractitionerRole", "id": "m", "code": [{"text": "Nurse"}]},
        {"resourceType": "QuestionnaireResponse", "id": "q", "identifier": {"value": "1"}},
        {"resourceType": "Organization", "id": 7},
    ]
    medication = {"resourceType": "Medication", "id": "m", "code": {"text": "Heparin"}}
    found = read(
        administration(
            contained=[*others, medication],
            medicationCodeableConcept=None,
            medicationReference={"reference": "#m"},
        )
    )
    assert found.reasons == []
    assert found.versions[0].events[0].medication_name == "Heparin"


def test_two_contained_medications_of_one_id_are_nobodys() -> None:
    def both(*names: str) -> Resource:
        contained = [
            {"resourceType": "Medication", "id": "med", "code": {"text": each}} for each in names
        ]
        return {**referring(), "contained": contained}

    assert names(both("A", "A")) == ["A"]
    assert names(both("A", "B")) == [
        "medication: there are two Medications of the id med with different names"
    ]


def test_r5_has_a_concept_or_a_reference() -> None:
    r5 = {"medicationCodeableConcept": None}
    assert names(administration(**r5, medication={"concept": {"text": "A"}})) == ["A"]
    medication = {"resourceType": "Medication", "id": "m", "code": {"text": "B"}}
    resource = administration(**r5, medication={"reference": {"reference": "Medication/m"}})
    assert names(bundle(resource, medication)) == ["B"]


def test_a_reference_to_what_is_not_there_needs_a_display() -> None:
    gone = {"reference": "Medication/m"}
    concept = {"medicationCodeableConcept": None}
    assert names(administration(**concept, medicationReference={**gone, "display": "A"})) == ["A"]
    assert names(administration(**concept, medicationReference=gone)) == [
        "medication: what it refers to is not there: publish the file with the Medications "
        "together with this one"
    ]


def test_two_medications_of_one_id_with_different_names_are_nobodys() -> None:
    resource = administration(
        medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"}
    )

    def medication(name: str) -> Resource:
        return {"resourceType": "Medication", "id": "m", "code": {"text": name}}

    assert names(bundle(resource, medication("A"), medication("A"))) == ["A"]
    assert names(bundle(resource, medication("A"), medication("B"))) == [
        "medication: there are two Medications of the id m with different names"
    ]


def test_of_one_name_in_several_bundles_the_nearest_is_meant() -> None:
    def holding(key: str, name: str) -> Resource:
        medication = {"resourceType": "Medication", "id": "m", "code": {"text": name}}
        reference = {"reference": "Medication/m"}
        given = administration(
            id=key, medicationCodeableConcept=None, medicationReference=reference
        )
        return bundle(given, medication)

    outer = holding("outer", "B")
    outer["entry"] += bundle(holding("inner", "A"), holding("other", "C"))["entry"]
    assert names(outer) == ["B", "A", "C"]
    outer["entry"].pop(1)
    assert names(outer) == [
        "A",
        "C",
        "medication: there are two Medications of the id m with different names",
    ]


def test_doses_of_one_request_are_orders_of_their_own() -> None:
    request = {"reference": "MedicationRequest/1"}
    found = read(
        bundle(administration(id="a", request=request), administration(id="b", request=request))
    )
    assert [v.events[0].order_id for v in found.versions] == ["a", "b"]


def test_a_resource_without_an_id_is_known_by_its_identifier_or_its_place() -> None:
    named = administration(id=None, identifier=[{"system": "s", "value": "v"}])
    assert read(named).versions[0].record_id == "fhir/s|v"
    placed = bundle(administration(id=None), fullUrl="urn:uuid:7")
    assert read(placed).versions[0].record_id == "fhir/urn:uuid:7"


def test_what_is_too_long_for_an_identifier_is_its_digest_and_no_two_are_joined() -> None:
    long = [administration(id="x" * 300 + str(n)) for n in range(2)]
    found = read(bundle(*long)).versions
    assert len({v.record_id for v in found}) == len({v.events[0].order_id for v in found}) == 2
