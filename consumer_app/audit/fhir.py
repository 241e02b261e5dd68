"""Records as FHIR's AuditEvent (R4), by IHE's Basic Audit Log Patterns.

https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.PatientQuery.html
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from consumer_app.audit.records import COMMAND, Record

_PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientQuery"
_TERMS = "http://terminology.hl7.org/CodeSystem"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_SUCCESS, _MINOR_FAILURE, _SERIOUS_FAILURE = "0", "4", "8"
_MACHINE_NAME, _IP_ADDRESS = "1", "2"

Element = Mapping[str, Any]

_write = msgspec.json.Encoder().encode


def write_audit_event(record: Record) -> bytes:
    """Write a record as an AuditEvent, in one line.

    An answer that was given is one of the profile PatientQuery, which is for success alone; what
    was refused is like it, and names no profile.
    """
    return _write(_command(record) if record.kind == COMMAND else _query(record))


def _query(record: Record) -> Element:
    outcome = _outcome(record.outcome or HTTPStatus.OK)
    profile = {"meta": {"profile": [_PROFILE]}} if outcome == _SUCCESS and record.patient else {}
    return {
        "resourceType": "AuditEvent",
        **profile,
        "type": _coding(f"{_TERMS}/audit-event-type", "rest", "Restful Operation"),
        "subtype": [_coding("http://hl7.org/fhir/restful-interaction", "search", "search")],
        "action": "E",
        "recorded": record.time,
        "outcome": outcome,
        "outcomeDesc": f"HTTP {record.outcome}",
        "agent": [*_machines(record), *_user(record, "IRCP", "information recipient")],
        "source": _source(record),
        "entity": [*_patient(record), *_request(record)],
    }


def _command(record: Record) -> Element:
    """Write a command: its name is the subtype, and its options are details."""
    patient = [*_patient(record)]
    return {
        "resourceType": "AuditEvent",
        "type": _coding(_DICOM, "110100", "Application Activity"),
        "subtype": [{"display": record.route}],
        "action": "E",
        "recorded": record.time,
        "agent": [*_user(record, "AUT", "author (originator)")],
        "source": _source(record),
        "entity": [
            *patient,
            {
                "type": _coding(f"{_TERMS}/audit-entity-type", "2", "System Object"),
                "description": f"python -m consumer_app {record.route}",
                **({"detail": details} if (details := [*_details(record)]) else {}),
            },
        ],
    }


def _outcome(status: int) -> str:
    # By 412 a reader who asks by a form is told, as by 304, that what they have is still so.
    if status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.PRECONDITION_FAILED:
        return _SUCCESS
    return _MINOR_FAILURE if status < HTTPStatus.INTERNAL_SERVER_ERROR else _SERIOUS_FAILURE


def _machines(record: Record) -> Iterator[Element]:
    # As DICOM has it, what a client sends goes from the source to the destination.
    client = record.client or record.address or "unknown"
    address = record.address and {"network": {"address": record.address, "type": _IP_ADDRESS}}
    yield {
        "type": {"coding": [_coding(_DICOM, "110153", "Source Role ID")]},
        "who": {"display": client},
        "requestor": False,
        **(address or {}),
    }
    yield {
        "type": {"coding": [_coding(_DICOM, "110152", "Destination Role ID")]},
        "who": {"display": record.server},
        "requestor": False,
        "network": {"address": record.server, "type": _MACHINE_NAME},
    }


def _user(record: Record, code: str, display: str) -> Iterator[Element]:
    if record.subject is None:
        return
    policy = {} if record.token is None else {"policy": [quote(record.token)]}
    yield {
        "type": {"coding": [_coding(f"{_TERMS}/v3-ParticipationType", code, display)]},
        "who": {"identifier": {"value": record.subject}},
        "requestor": True,
        **policy,
    }


def _source(record: Record) -> Element:
    kind = _coding(f"{_TERMS}/security-source-type", "4", "Application Server")
    return {"observer": {"display": record.server}, "type": [kind]}


def _patient(record: Record) -> Iterator[Element]:
    if record.patient:
        yield {
            "what": {"type": "Patient", "identifier": {"value": record.patient}},
            "type": _coding(f"{_TERMS}/audit-entity-type", "1", "Person"),
            "role": _coding(f"{_TERMS}/object-role", "1", "Patient"),
        }


def _request(record: Record) -> Iterator[Element]:
    yield {
        "type": _coding(f"{_TERMS}/audit-entity-type", "2", "System Object"),
        "role": _coding(f"{_TERMS}/object-role", "24", "Query"),
        "query": b64encode(_asked(record).encode()).decode(),
    }
    if record.request_id is not None:
        system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
        yield {
            "what": {"identifier": {"value": record.request_id}},
            "type": {"system": system, "code": "XrequestId"},
        }


def _asked(record: Record) -> str:
    patient = {} if record.patient is None else {"patient_id": [record.patient]}
    query = urlencode({**patient, **record.parameters}, doseq=True)
    return f"{record.method} {record.route}?{query}"


def _details(record: Record) -> Iterator[Element]:
    for name, values in record.parameters.items():
        yield from ({"type": name, "valueString": value} for value in values)


def _coding(system: str, code: str, display: str) -> Element:
    return {"system": system, "code": code, "display": display}
