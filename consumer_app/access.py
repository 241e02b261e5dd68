"""What the consumer's routes ask for, and whom a caller may ask about."""

from fastapi import HTTPException, Request

from contracts import checked_patient
from runtime.access.callers import PATIENTS_SEARCH, PERIODS_READ, Caller, caller_of
from runtime.access.routes import DOCUMENTATION, OPEN, Routes

ROUTES: Routes = {
    ("GET", "/periods"): PERIODS_READ,
    ("POST", "/periods/_search"): PERIODS_READ,
    ("GET", "/events"): PERIODS_READ,
    ("POST", "/events/_search"): PERIODS_READ,
    ("GET", "/fhir/MedicationStatement"): PERIODS_READ,
    ("POST", "/fhir/MedicationStatement/_search"): PERIODS_READ,
    ("GET", "/fhir/MedicationStatement/{key}"): OPEN,
    ("GET", "/fhir/metadata"): OPEN,
    ("GET", "/"): OPEN,
    ("GET", "/static/timeline/{path:path}"): OPEN,
    ("GET", "/health/receiving"): OPEN,
    **DOCUMENTATION,
}


SEARCH: Routes = {
    ("GET", "/patients"): PATIENTS_SEARCH,
    ("POST", "/patients/_search"): PATIENTS_SEARCH,
}
"""What there is besides where patients may be searched for."""


def check_patient(request: Request, patient_id: str) -> None:
    """Let a caller who is limited to one patient ask about that one alone.

    Raises:
        HTTPException: 403, the token is limited to another, or nobody knows who asks.

    """
    caller = _caller(request)
    if caller.patient is None:
        return
    try:
        limited_to = checked_patient(caller.patient)
    except ValueError:
        limited_to = None
    if limited_to != patient_id:
        raise HTTPException(403, "the token is limited to another patient")


def check_all_patients(request: Request) -> None:
    """Let a caller who is limited to no patient ask about all.

    Raises:
        HTTPException: 403, the token is limited to one, or nobody knows who asks.

    """
    if _caller(request).patient is not None:
        raise HTTPException(403, "the token is limited to a patient")


def _caller(request: Request) -> Caller:
    caller = caller_of(request.scope)
    if caller is None:
        raise HTTPException(403, "who asks is not known: the request has come past the gate")
    return caller
