"""FHIR in at the publisher, periods out at the consumer, over a real broker and database."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.conftest import Publish
from tests.services import ServiceProcess, eventually

FHIR = {"content-type": "application/fhir+json"}
MEDICATION = {"resourceType": "Medication", "id": "m", "code": {"text": "Heparin"}}


def administration(patient: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "resourceType": "MedicationAdministration",
        "id": f"of-{patient}",
        "meta": {"lastUpdated": "2021-01-01T12:00:00Z"},
        "status": "completed",
        "medicationReference": {"reference": "Medication/m", "display": "Heparin"},
        "subject": {"reference": f"Patient/{patient}"},
        "effectivePeriod": {"start": "2021-01-01T08:00:00Z", "end": "2021-01-01T10:00:00Z"},
        **fields,
    }


def periods(consumer: ServiceProcess, patient: str) -> list[tuple[str, str, str | None]]:
    answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": patient}, timeout=30)
    found = answer.json()["periods"]
    return [(each["medication_name"], each["start"][11:16], each["end"]) for each in found]


def test_the_files_of_a_bulk_export_are_read_together(
    publish: Publish, consumer: ServiceProcess, tmp_path: Path
) -> None:
    given = administration("bulk", medicationReference={"reference": "Medication/m"})
    gone = administration("bulk", id="gone", meta={"lastUpdated": "2021-01-01T00:00:00Z"})
    deletion = {"method": "DELETE", "url": "MedicationAdministration/gone"}
    deleted = {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": deletion}]}
    files = {
        "1.MedicationAdministration.ndjson": f"{json.dumps(given)}\n{json.dumps(gone)}\n",
        "2.Medication.ndjson": json.dumps(MEDICATION) + "\n",
        "3.deleted.ndjson": json.dumps(deleted) + "\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)

    done = publish(*sorted(tmp_path.iterdir()), "--as-of", "2021-01-02T00:00:00Z")

    assert (done.returncode, done.stderr) == (0, "")
    assert "published 4 in 2 versions of records, rejected 0" in done.stdout
    eventually(lambda: periods(consumer, "bulk") == [("Heparin", "08:00", "2021-01-01T10:00:00Z")])


def test_a_correction_replaces_what_it_corrects_and_an_error_takes_it_back(
    publisher: ServiceProcess, consumer: ServiceProcess
) -> None:
    address = f"{publisher.url}/fhir/MedicationAdministration/of-corrected"

    def put(**fields: Any) -> None:  # noqa: ANN401 - JSON
        body = administration("corrected", **fields)
        answer = httpx.put(address, content=json.dumps(body), headers=FHIR)
        assert answer.status_code == 200, answer.text

    def corrected(hour: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return {"meta": {"lastUpdated": f"2021-01-02T{hour:02}:00:00Z"}, **fields}

    period = {"start": "2021-01-01T09:00:00Z", "end": "2021-01-01T11:00:00Z"}
    put(**corrected(1, effectivePeriod=period))
    put()  # the first version comes late
    expected = [("Heparin", "09:00", "2021-01-01T11:00:00Z")]
    eventually(lambda: periods(consumer, "corrected") == expected)

    moved = {"reference": "Patient/moved-to"}
    put(**corrected(2, subject=moved))
    eventually(lambda: len(periods(consumer, "moved-to")) == 1)
    assert periods(consumer, "corrected") == []

    assert (
        httpx.delete(address, headers={"date": "Sun, 03 Jan 2021 00:00:00 GMT"}).status_code == 204
    )
    eventually(lambda: periods(consumer, "moved-to") == [])

    explained = httpx.get(
        f"{consumer.url}/periods", params={"patient_id": "moved-to", "explain": "true"}
    ).json()
    assert {each["role"] for each in explained["events"]} == {"superseded"}
    assert {each["superseded_by"] for each in explained["events"]} == {
        "2021-01-03T00:00:00.000000Z/~/deleted"
    }


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_bundle_is_published(
    publisher: ServiceProcess, consumer: ServiceProcess, kind: str
) -> None:
    entry = {
        "resource": administration(kind),
        "request": {"method": "PUT", "url": f"MedicationAdministration/of-{kind}"},
    }
    bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
    answer = httpx.post(f"{publisher.url}/fhir", content=json.dumps(bundle), headers=FHIR)
    assert answer.json()["entry"] == [{"response": {"status": "200 OK"}}]
    eventually(lambda: len(periods(consumer, kind)) == 1)
