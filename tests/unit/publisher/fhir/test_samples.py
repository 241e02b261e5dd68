"""What hospitals' systems and test sets write gives what one reads in it.

Those of QI-Core 2025 are from https://github.com/cqframework/ecqm-content-qicore-2025 (CC0); what
is expected of them was written by hand. Those of Synthea and ISiK are made up in their shape.
"""

from pathlib import Path
from zoneinfo import ZoneInfo

from contracts import RecordVersion
from publisher_app.formats.fhir.options import FhirOptions
from tests.unit.publisher.fhir.reading import Resource, administration, bundle, read

HERE = Path(__file__).parent
RX_NORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NOTHING: list[str] = []

# By the beginnings of the patients' ids: the medication, and what began and ended in 2026.
QI_CORE = {
    "95a54d01": ("", NOTHING),  # not done, from 2 November
    "99fbf673": (f"{RX_NORM}|855288", ["start 12-02 06:59", "stop 12-02 06:59"]),
    "efad4991": ("apixaban 2.5 MG Oral Tablet", ["start 12-05 11:00", "stop 12-05 11:00"]),
    "17d5aec6": (f"{RX_NORM}|308351", ["start 12-06 11:30", "stop 12-06 11:45"]),
    "b1affe12": (f"{RX_NORM}|861356", ["start 12-31 08:05", "stop 12-31 08:05"]),
    "11bcf672": ("apixaban 2.5 MG Oral Tablet", ["start 12-07 08:00", "stop 12-07 08:00"]),
    "7961993e": ("edoxaban 15 MG Oral Tablet", ["start 12-06 11:30", "stop 12-06 11:35"]),
    "4fc421c7": ("", NOTHING),  # not done
    "12bc129c": ("BCG, live, Tice strain 50 MG Injection", ["start 08-01 08:00"]),
    "40ac7a7f": ("", NOTHING),  # not done, with start and end
    "46464646": ("BCG, Tice strain 50 MG for Intravesical Suspension", ["start 04-06 08:00"]),
    "e648fa70": ("", NOTHING),  # not done, over three days
    "2a1812bc": ("prasugrel 10 MG Oral Tablet", ["start 10-10 09:00", "stop 10-10 09:00"]),
    "7ddb2db9": ("", NOTHING),  # not done, of two codes
    "febd4b3e": (f"{RX_NORM}|1037045", ["start 11-01 08:15", "stop 11-07 08:15"]),
    "8fc93696": ("Opioid Antagonist", ["start 08-11 20:14", "stop 08-11 20:14"]),
    "393c7827": (f"{RX_NORM}|1992427", ["start 11-02 23:59", "stop 11-02 23:59"]),
    "1d298cf0": (
        "3 ML insulin aspart, human 100 UNT/ML Pen Injector",
        ["start 07-11 08:00", "stop 07-11 09:00"],
    ),
    "5a329008": (f"{RX_NORM}|1037045", ["start 04-02 23:00", "stop 04-10 10:15"]),
}
LESS_KNOWN = "administrations without lastUpdated, which count less than any that have it"


def told(version: RecordVersion) -> list[str]:
    return [f"{each.action} {each.event_time:%m-%d %H:%M}" for each in version.events]


def test_the_resources_of_qi_core_give_what_one_reads_in_them() -> None:
    found = read((HERE / "qicore-2025.ndjson").read_text())
    assert found.reasons == []
    assert [told(each) for each in found.versions] == [edges for _, edges in QI_CORE.values()]
    assert [
        (version.events[0].patient_id[:8], version.events[0].medication_name)
        for version in found.versions
        if version.events
    ] == [(patient, name) for patient, (name, edges) in QI_CORE.items() if edges]
    for version in found.versions:
        assert {each.event_time.year for each in version.events} <= {2026}
        assert {f"fhir/{each.order_id}" for each in version.events} <= {version.record_id}
    assert found.notes == {
        LESS_KNOWN: 19,
        "administrations whose end is not known, taken as points": 3,
        "ends of administrations in progress, left out": 1,
        "administrations of status unknown, left out": 1,
    }


def test_a_transaction_of_qi_core_with_a_bundle_in_it_tells_its_only_resource_twice() -> None:
    found = read((HERE / "qicore-2025-bundle.json").read_text())
    inner, outer = found.versions
    assert inner == outer
    assert inner.record_id == "fhir/98b73ee7-7a04-4180-80a0-8b8e6108a157"
    assert told(inner) == ["start 08-01 08:00"]
    assert inner.events[0].patient_id == "12bc129c-71df-4fa1-8192-31aaff72d229"
    assert (found.reasons, found.notes[LESS_KNOWN]) == ([], 2)


def test_a_patient_of_synthea_is_found_by_an_urn_and_a_local_time_is_told_in_utc() -> None:
    patient = {"resourceType": "Patient", "id": "6b01025b"}
    given = administration(
        id="d3fdc66b",
        meta=None,
        medicationCodeableConcept={
            "coding": [{"system": RX_NORM, "code": "1659131", "display": "by its code"}],
            "text": "piperacillin 2000 MG / tazobactam 250 MG Injection",
        },
        subject={"reference": "urn:uuid:6b01025b"},
        effectivePeriod=None,
        effectiveDateTime="1996-08-27T05:43:59+10:00",
    )
    whole = bundle(patient, given)
    for entry in whole["entry"]:
        entry["fullUrl"] = f"urn:uuid:{entry['resource']['id']}"
    [version] = read(whole).versions
    start, stop = version.events
    assert (start.patient_id, start.order_id) == ("6b01025b", "d3fdc66b")
    assert start.medication_name == "piperacillin 2000 MG / tazobactam 250 MG Injection"
    assert f"{start.event_time:%Y-%m-%d %H:%M:%S}" == "1996-08-26 19:43:59"
    assert stop.event_time == start.event_time


def isik(medication: str, day: str) -> Resource:
    return administration(
        id=f"of {day}",
        meta={"profile": ["https://gematik.de/fhir/isik/ISiKMedikationsVerabreichung"]},
        medicationCodeableConcept=None,
        medicationReference={"reference": medication},
        subject={"reference": "Patient/PatientinMusterfrau"},
        effectivePeriod=None,
        effectiveDateTime=day,
    )


def test_the_days_of_isik_are_read_where_a_profile_allows_them() -> None:
    medication = {
        "resourceType": "Medication",
        "id": "ExampleISiKMedikament1",
        "code": {"coding": [{"system": "http://fhir.de/CodeSystem/bfarm/atc", "code": "V03AB23"}]},
    }
    whole = bundle(
        isik("Medication/ExampleISiKMedikament1", "2021-07-01"),
        isik("Medication-Read-Example", "2024-01-22"),
        medication,
    )
    no_time = "is a day without the time of day: write it like 2021-01-01T02:00:00Z"
    assert read(whole).reasons == [f"effectiveDateTime: {no_time}"] * 2
    found = read(whole, FhirOptions(dates=True, zone=ZoneInfo("Europe/Berlin")))
    [version] = found.versions
    assert told(version) == ["start 06-30 22:00", "stop 07-01 22:00"]
    assert version.events[0].medication_name == "http://fhir.de/CodeSystem/bfarm/atc|V03AB23"
    assert version.events[0].patient_id == "PatientinMusterfrau"
    assert found.reasons == [
        "medication: what it refers to is not there: publish the file with the Medications "
        "together with this one"
    ]
