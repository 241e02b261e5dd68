"""References: which patient and which medication a resource is about."""

import re
from collections.abc import Iterable, Iterator
from typing import Protocol
from urllib.parse import parse_qs, unquote

from msgspec import MsgspecError, Raw

from publisher_app.formats.fhir.options import Ranking
from publisher_app.formats.fhir.resources import (
    Administration,
    CodeableConcept,
    Identifier,
    Reference,
    Referred,
    read_head,
    read_referred,
)
from publisher_app.formats.fhir.versions import better
from publisher_app.formats.mapping import NoEvent

REFERRED_TYPES = ("Patient", "Medication")

_HISTORY = re.compile(r"/_history/[^/]*$")
_URN = "urn:"


class Resolver(Protocol):
    """Finds what references refer to, and by what the resources beside one are ranked."""

    @property
    def ranked_by(self) -> Ranking | None:
        """The best by which any that was seen can be ranked."""

    def find(self, reference: str) -> Referred | None:
        """Return what a reference refers to, if that is known.

        Raises:
            NoEvent: several different resources have that name.

        """


class Gathering(Protocol):
    """Keeps what others refer to, and by what they can be ranked."""

    @property
    def ranked_by(self) -> Ranking | None:
        """The best by which any that was seen can be ranked."""

    def rank(self, ranked_by: Ranking | None) -> None:
        """Take note of what one can be ranked by."""

    def add(self, referred: Referred, full_url: str | None = None) -> None:
        """Keep a Patient or a Medication under its names."""


class Ranked:
    """By what resources can be ranked, here and around it."""

    def __init__(self, outer: Resolver | None = None) -> None:
        self._outer = outer
        self._ranked_by: Ranking | None = None

    @property
    def ranked_by(self) -> Ranking | None:
        """The best by which any that was seen can be ranked."""
        # Asked of each line of an input, most of which have nothing around them.
        own = self._ranked_by
        return own if self._outer is None else better(own, self._outer.ranked_by)

    def rank(self, ranked_by: Ranking | None) -> None:
        """Take note of what one can be ranked by."""
        self._ranked_by = better(self._ranked_by, ranked_by)


class Scope(Ranked):
    """What the resources of one Bundle, or of a request, refer to; ``outer`` is around it."""

    def __init__(self, outer: Resolver | None = None) -> None:
        super().__init__(outer)
        self._found: dict[str, Referred] = {}
        self._ambiguous: set[str] = set()

    def add(self, referred: Referred, full_url: str | None = None) -> None:
        """Keep a Patient or a Medication under its names."""
        for name in names_of(referred, full_url):
            known = self._found.setdefault(name, referred)
            if known != referred and means(known) != means(referred):
                self._ambiguous.add(name)

    def find(self, reference: str) -> Referred | None:
        name = local(reference)
        if name in self._ambiguous:
            raise named_twice(name)
        found = self._found.get(reference) or self._found.get(name)
        return self._outer.find(reference) if found is None and self._outer else found


def names_of(referred: Referred, full_url: str | None) -> Iterator[str]:
    """Name a resource as references do."""
    if referred.id:
        yield f"{referred.resource_type}/{referred.id}"
    if full_url:
        yield full_url


def means(referred: Referred) -> object:
    """Give what resources of one id must not differ in."""
    if referred.resource_type == "Medication":
        return name_of_medication(referred, None)
    return referred.identifier


def named_twice(name: str) -> NoEvent:
    """Say that a reference can mean either of two."""
    kind, _, key = name.rpartition("/")
    if kind == "Medication":
        return NoEvent(f"there are two Medications of the id {key} with different names")
    return NoEvent("there are two resources of one id, and they differ")


def local(reference: str) -> str:
    """Leave out of a reference its server and version: ``Patient/7``."""
    if reference.count("/") == 1 or reference.startswith(_URN):  # as most are
        return reference
    return "/".join(_HISTORY.sub("", reference).split("/")[-2:])


def patient_of(resource: Administration, scope: Resolver, system: str | None) -> str:
    """Say which patient a resource is about: by an identifier of a ``system``, else by the id.

    Raises:
        NoEvent: it is about nobody who can be told from others.

    """
    subject = resource.subject or resource.patient
    if subject is None:
        raise NoEvent("subject: is missing")
    try:
        return _patient(subject, resource.contained, scope, system)
    except NoEvent as problem:
        raise NoEvent(f"subject: {problem}") from None


def _patient(
    subject: Reference, contained: Iterable[Raw], scope: Resolver, system: str | None
) -> str:
    kind = _kind_of(subject)
    if kind not in (None, "Patient"):
        raise NoEvent(f"is a {kind}, and no Patient")
    if system is not None and (value := _identifier([subject.identifier], system)):
        return value
    reference = subject.reference
    if reference is None:
        if system is None and (value := _identifier([subject.identifier], None)):
            return value
        raise NoEvent(_no_identifier(system))
    if reference.startswith("#"):
        return _known(_contained(reference, contained), system, takes_id=False)
    if "?" in reference:
        return _conditional(reference, subject.identifier, system)
    if system is not None or reference.startswith(_URN):
        return _known(scope.find(reference), system, takes_id=system is None)
    return local(reference).rpartition("/")[2]


def _kind_of(subject: Reference) -> str | None:
    reference = subject.reference or ""
    if reference.startswith((_URN, "#")):
        return subject.type
    address, question, _ = reference.partition("?")
    kind, slash, _ = local(address).partition("/")
    return kind if slash or question else subject.type


def _known(patient: Referred | None, system: str | None, *, takes_id: bool) -> str:
    if patient is None:
        raise NoEvent("the Patient that it refers to is not there")
    if patient.resource_type != "Patient":
        raise NoEvent(f"is a {patient.resource_type}, and no Patient")
    if takes_id and patient.id:
        return patient.id
    if value := _identifier(patient.identifier, system):
        return value
    raise NoEvent(_no_identifier(system))


def _conditional(reference: str, identifier: Identifier | None, system: str | None) -> str:
    """Take ``Patient?identifier=system|value`` where the subject's own identifier says the same."""
    asked = parse_qs(unquote(reference.partition("?")[2])).get("identifier", [])
    own = "" if identifier is None else f"{identifier.system or ''}|{identifier.value or ''}"
    if system is None and identifier and identifier.value and own in asked:
        return identifier.value
    raise NoEvent("is a search, which only the server that it was meant for can answer")


def _identifier(identifiers: Iterable[Identifier | None], system: str | None) -> str | None:
    """Give the first value of a system, or of any."""
    values = (
        each.value for each in identifiers if each is not None and system in (None, each.system)
    )
    return next((value for value in values if value), None)


def _no_identifier(system: str | None) -> str:
    return "has no identifier" if system is None else f"has no identifier of the system {system}"


def medication_of(resource: Administration, scope: Resolver) -> str:
    """Name the medication of a resource.

    Raises:
        NoEvent: it has no name.

    """
    r5 = resource.medication
    concept = resource.medication_codeable_concept or (r5.concept if r5 else None)
    reference = resource.medication_reference or (r5.reference if r5 else None)
    name = name_of(concept) if concept else None
    if name is None and reference is not None:
        name = _named_by(reference, resource.contained, scope)
    if name is None:
        raise NoEvent("medication: has neither text, display nor code")
    return name


def _named_by(reference: Reference, contained: Iterable[Raw], scope: Resolver) -> str | None:
    target = reference.reference
    try:
        found = None if target is None else _find(target, contained, scope)
    except NoEvent as problem:
        raise NoEvent(f"medication: {problem}") from None
    if found is not None:
        return name_of_medication(found, reference.display)
    if reference.display and reference.display.strip():
        return reference.display
    raise NoEvent(
        "medication: what it refers to is not there: publish the file with the Medications "
        "together with this one"
    )


def _find(target: str, contained: Iterable[Raw], scope: Resolver) -> Referred | None:
    return _contained(target, contained) if target.startswith("#") else scope.find(target)


def _contained(target: str, contained: Iterable[Raw]) -> Referred | None:
    name = target.removeprefix("#")
    try:
        found = [read_referred(each) for each in contained if _is_referred(each, name)]
    except MsgspecError as error:
        raise NoEvent(f"contained: {error}") from None
    if any(means(each) != means(found[0]) for each in found):
        raise named_twice(f"{found[0].resource_type}/{name}")
    return found[0] if found else None


def _is_referred(resource: Raw, name: str) -> bool:
    try:
        head = read_head(resource)
    except MsgspecError:
        return False
    return head.id == name and head.resource_type in REFERRED_TYPES


def name_of_medication(medication: Referred, display: str | None) -> str | None:
    """Name a Medication by its code, else as it is referred to, else by its ingredients."""
    if medication.code and (name := name_of(medication.code)):
        return name
    if display and display.strip():
        return display
    concepts = (
        each.item_codeable_concept or (each.item.concept if each.item else None)
        for each in medication.ingredient
    )
    names = [name_of(concept) if concept else None for concept in concepts]
    return " + ".join(name for name in names if name) if names and all(names) else None


def name_of(concept: CodeableConcept) -> str | None:
    """Name a concept: by its text, the chosen display, the first display, or the first code."""
    if concept.text and concept.text.strip():
        return concept.text
    chosen = [each for each in concept.coding if each.user_selected]
    displays = (each.display for each in (*chosen, *concept.coding))
    if name := next((each for each in displays if each and each.strip()), None):
        return name
    code = next((each for each in concept.coding if each.code), None)
    if code is None:
        return None
    return f"{code.system}|{code.code}" if code.system else code.code
