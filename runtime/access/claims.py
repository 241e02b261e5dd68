"""What the claims of an access token say of the caller."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from contracts import PatientId
from runtime.access.callers import SCOPES, Caller, Unauthorized
from runtime.access.oidc_settings import ScopeMapping

Claims = Mapping[str, Any]

_PATIENT = TypeAdapter(PatientId)
# In SMART, what a scope of these allows is of one patient alone.
_OF_ONE_PATIENT = "patient/"


class ClaimReader(NamedTuple):
    """Reads claims as the issuer writes them."""

    scope_claims: Collection[str]
    scopes: Collection[ScopeMapping]
    patient_claim: str

    def caller(self, claims: Claims) -> Caller:
        """Return whom a verified token is of.

        Raises:
            Unauthorized: it does not tell, or is not meant to be sent to a service.

        """
        patient = self._patient(claims)
        subject = _text(claims, "sub")
        if subject is None:
            raise Unauthorized("the token has no sub")
        return Caller(
            subject,
            frozenset(self._granted(claims, limited=patient is not None)),
            client=_text(claims, "azp") or _text(claims, "client_id"),
            token_id=_text(claims, "jti"),
            patient=patient,
        )

    def _granted(self, claims: Claims, *, limited: bool) -> Iterator[str]:
        """Yield the scopes of ours; one of SMART's for one patient counts where it is known who."""
        theirs = {each for name in self.scope_claims for each in _words(claims.get(name))}
        yield from theirs.intersection(SCOPES)
        for mapping in self.scopes:
            if mapping.theirs in theirs and (limited or not _is_of_one_patient(mapping)):
                yield mapping.ours

    def _patient(self, claims: Claims) -> str | None:
        """Read the claim as an event's identifier is read, so that the two can be compared."""
        if self.patient_claim not in claims:
            return None
        try:
            return _PATIENT.validate_python(claims[self.patient_claim])
        except ValidationError:
            # To leave such a limit out would open all patients, be it null.
            raise Unauthorized("the token's claim of a patient is no identifier") from None


def _is_of_one_patient(mapping: ScopeMapping) -> bool:
    return mapping.theirs.startswith(_OF_ONE_PATIENT)


def _text(claims: Claims, name: str) -> str | None:
    value = claims.get(name)
    # JSON can hold half a character, which nothing that records who asks could write.
    return value if isinstance(value, str) and value.isprintable() and value else None


def _words(value: object) -> list[str]:
    """Read scopes, which are a text with spaces between, or a list."""
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
