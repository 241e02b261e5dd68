"""What is read of FHIR's resources: https://hl7.org/fhir/R4/medicationadministration.html.

Fields have FHIR's names, written as Python has them. Those of other releases stand beside R4's: R5
spells ``occurence`` with one r, R6 with two; DSTU2 and STU3 say by a flag that nothing was given.
"""

from msgspec import Raw, Struct
from msgspec.json import Decoder

KIND = "MedicationAdministration"
ERROR = "entered-in-error"
"""The status of what was never so, whatever else it says."""


class _Read(Struct, rename="camel", gc=False, frozen=True):
    """What is read of a part of a resource; what else is in it is passed over."""


class Coding(_Read, gc=False, frozen=True):
    """A code of a system, with a name to show."""

    system: str | None = None
    code: str | None = None
    display: str | None = None
    user_selected: bool = False


class CodeableConcept(_Read, gc=False, frozen=True):
    """A concept in words and codes."""

    text: str | None = None
    coding: list[Coding] = []


class Identifier(_Read, gc=False, frozen=True):
    """An identifier of a system."""

    system: str | None = None
    value: str | None = None


class Reference(_Read, gc=False, frozen=True):
    """What names another resource."""

    reference: str | None = None
    type: str | None = None
    identifier: Identifier | None = None
    display: str | None = None


class CodeableReference(_Read, gc=False, frozen=True):
    """R5: a concept, or a reference."""

    concept: CodeableConcept | None = None
    reference: Reference | None = None


class Period(_Read, gc=False, frozen=True):
    """From the start to the end, both inside."""

    start: str | None = None
    end: str | None = None


class Meta(_Read, gc=False, frozen=True):
    """When a resource was changed last, and which version that made."""

    last_updated: str | None = None
    version_id: str | None = None


class Dosage(_Read, gc=False, frozen=True):
    """How it was given."""

    method: CodeableConcept | None = None


class Ingredient(_Read, gc=False, frozen=True):
    """What is in a Medication."""

    item_codeable_concept: CodeableConcept | None = None
    item: CodeableReference | None = None


class Referred(_Read, gc=False, frozen=True):
    """What others refer to: a Patient, or a Medication."""

    resource_type: str = ""
    id: str | None = None
    identifier: list[Identifier] = []
    code: CodeableConcept | None = None
    ingredient: list[Ingredient] = []


read_referred = Decoder(Referred).decode


class Erroneous(_Read, gc=False, frozen=True):
    """What is read of a MedicationAdministration that is an error, whatever else it says."""

    id: str | None = None
    meta: Meta = Meta()
    identifier: list[Identifier] = []
    status: str | None = None


class Administration(_Read, gc=False, frozen=True):
    """A MedicationAdministration."""

    id: str | None = None
    meta: Meta = Meta()
    identifier: list[Identifier] = []
    contained: list[Raw] = []
    """Of any type: those that are referred to are read as ``Referred``."""
    status: str | None = None
    not_given: bool = False
    was_not_given: bool = False
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    medication: CodeableReference | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    request: Reference | None = None
    dosage: Dosage | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    effective_time_date_time: str | None = None
    effective_time_period: Period | None = None
    occurence_date_time: str | None = None
    occurence_period: Period | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None

    @property
    def at(self) -> str | None:
        """When it was given, where that is an instant."""
        return (
            self.effective_date_time
            or self.effective_time_date_time
            or self.occurence_date_time
            or self.occurrence_date_time
        )

    @property
    def period(self) -> Period | None:
        """When it was given, where that is a period."""
        return (
            self.effective_period
            or self.effective_time_period
            or self.occurence_period
            or self.occurrence_period
        )

    @property
    def what_was_done(self) -> str | None:
        """The status; the flags of older releases are ``not-done``, save in what is an error."""
        if self.status == ERROR:
            return ERROR
        return "not-done" if self.not_given or self.was_not_given else self.status


class Head(_Read, gc=False, frozen=True):
    """What tells which resource it is."""

    resource_type: str | None = None
    id: str | None = None


read_head = Decoder(Head).decode


class Changed(_Read, gc=False, frozen=True):
    """What tells when a MedicationAdministration was changed."""

    status: str | None = None
    meta: Meta = Meta()


class Request(_Read, gc=False, frozen=True):
    """What a server is, or was, asked for."""

    method: str = ""
    url: str = ""


class Response(_Read, gc=False, frozen=True):
    """What a server has answered."""

    last_modified: str | None = None
    etag: str | None = None


class Search(_Read, gc=False, frozen=True):
    """Why an entry is among what was searched for."""

    mode: str | None = None


class BundleEntry(_Read, gc=False, frozen=True):
    """A resource in a Bundle, with what was done or is to be done with it."""

    full_url: str | None = None
    resource: Raw = Raw(b"null")
    request: Request | None = None
    response: Response | None = None
    search: Search | None = None

    @property
    def has_resource(self) -> bool:
        """Whether there is one: a deletion has none."""
        return bytes(self.resource) != b"null"


class Bundle(_Read, gc=False, frozen=True):
    """Resources together."""

    type: str | None = None
    entry: list[BundleEntry] = []
