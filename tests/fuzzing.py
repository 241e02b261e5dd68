"""What schemathesis has to know of our interfaces beyond what an OpenAPI document can say.

It loads this module by its name, in SCHEMATHESIS_HOOKS.
"""

import base64
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, HookContext
from schemathesis.core import NOT_SET

from contracts import MAX_IDENTIFIER_CHARACTERS


def _place(time: datetime, action: str, of_record: Sequence[str]) -> str:
    """Write a place between two pages as ``GET /events`` does."""
    values = [f"{time.isoformat()}Z", "Heparin", action, None, None, *of_record]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


schemathesis.openapi.format(
    "place",
    st.builds(
        _place,
        st.datetimes(),
        st.sampled_from(["start", "cancel_stop"]),
        st.sampled_from([("", ""), ("pharmacy/1", "2")]),
    ),
)

_FORM = "application/x-www-form-urlencoded"
_NOT_IN_CSV = ("explain", "doubts")

# A schema has no words for the years that an event can be of.
_TIMES = st.datetimes(datetime(1800, 1, 2), datetime(2999, 12, 30))  # noqa: DTZ001 - zones follow
_OFFSETS = st.sampled_from(["Z", "z", "+00:00", "-23:59", "+14:00"])
schemathesis.openapi.format(
    "date-time", st.builds(lambda time, offset: time.isoformat() + offset, _TIMES, _OFFSETS)
)

_DATES = ["2021", "ge2021-01", "lt2021-01-01", "sa2021-01-01T02:00:00Z", "eb2021-01-01,2022"]
schemathesis.openapi.format("fhir-date", st.sampled_from(_DATES))
_REFERENCES = ["2", "Patient/2", "Patient/K 7", "https://fhir.example.org/Patient/2"]
schemathesis.openapi.format("fhir-reference", st.sampled_from(_REFERENCES))


@schemathesis.hook
def filter_case(_: HookContext, case: Case[Any]) -> bool:
    """Leave out what a document calls good or bad otherwise than its service does, for a reason."""
    if case.meta is None:
        return True
    form = case.body if isinstance(case.body, Mapping) else {}
    if case.meta.generation.mode is GenerationMode.POSITIVE:
        if case.path.startswith("/fhir") and case.media_type != _FORM:
            return case.body is NOT_SET  # what is in a resource is said by FHIR's own schemas
        return all(_fits_together(each) for each in (case.query, form))
    if case.media_type == _FORM and _reads_as_good(form):
        return False
    texts = [*_texts([case.query, case.body])]
    if case.path.startswith("/fhir") and "" in texts:
        return False  # FHIR passes over what is empty
    return not any(map(_is_shortened, texts))


def _reads_as_good(form: Mapping[str, object]) -> bool:
    """Say whether a value of another type is sent as the same text as a good one.

    In a form there are texts alone: a number can be a truth value, and one text is a list of one.
    """
    flags = [form.get(name) for name in _NOT_IN_CSV]
    return any(each in (0, 1) and not isinstance(each, bool) for each in flags) or isinstance(
        form.get("medication_name"), str | float | int
    )


def _fits_together(query: Mapping[str, object]) -> bool:
    told = any(str(query.get(name)).lower() == "true" for name in _NOT_IN_CSV)
    return _window_is_open(query) and not (told and query.get("format") == "csv")


def _window_is_open(query: Mapping[str, object]) -> bool:
    """Say whether a window does not end before it begins: each of the two times is good."""
    try:
        start, end = (datetime.fromisoformat(str(query[name]).upper()) for name in ("from", "to"))
    except (KeyError, ValueError):
        return True
    return start <= end


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)


def _is_shortened(text: str) -> bool:
    """Say whether a text that looks too long is not: spaces and what can't be seen are left out."""
    read = " ".join(unicodedata.normalize("NFC", text).split())
    return len(text) > MAX_IDENTIFIER_CHARACTERS and (read != text or not text.isprintable())
