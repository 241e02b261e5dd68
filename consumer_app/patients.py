"""Whom a request asks about: by a parameter of ours, or by a reference in a search of FHIR's."""

import re
from collections.abc import Mapping, Sequence

OF_FHIR = ("patient", "subject")
_OURS = ("patient_id",)
_FHIR = "/fhir/"

_TYPE = re.compile(r"^(?:.*/)?Patient/")
_ESCAPED = re.compile(r"\\([\\,$|])")


def patient_parameters(route: str) -> Sequence[str]:
    """Return by which parameters a route takes its patient."""
    return OF_FHIR if route.startswith(_FHIR) else _OURS


def asked_patient(route: str, parameters: Mapping[str, Sequence[str]]) -> str | None:
    """Return the patient whom a request asks about, before it is checked: of several the last.

    A search of FHIR's names one alone, and what is empty in it is as if it were not there.
    """
    given = [value for name in patient_parameters(route) for value in parameters.get(name, ())]
    if not route.startswith(_FHIR):
        return given[-1] if given else None
    return next((referred(value) for value in reversed(given) if value), None)


def referred(reference: str) -> str:
    """Return the patient whom a reference names: `Patient/2`, whole or without the type."""
    return unescaped(_TYPE.sub("", reference))


def unescaped(value: str) -> str:
    """Return what a value of FHIR's searches means, where a comma parts values unless escaped."""
    return _ESCAPED.sub(r"\1", value)
