"""What the publisher's routes ask for."""

from runtime.access.callers import EVENTS_WRITE
from runtime.access.routes import DOCUMENTATION, OPEN, Routes
from runtime.http.try_it_out import ADDRESS

ROUTES: Routes = {
    ("POST", "/events"): EVENTS_WRITE,
    ("POST", "/fhir"): EVENTS_WRITE,
    ("POST", "/fhir/MedicationAdministration"): EVENTS_WRITE,
    ("PUT", "/fhir/MedicationAdministration/{key}"): EVENTS_WRITE,
    ("DELETE", "/fhir/MedicationAdministration/{key}"): EVENTS_WRITE,
    ("GET", "/fhir/metadata"): OPEN,
    ("POST", f"/{ADDRESS}"): EVENTS_WRITE,
    ("GET", "/"): OPEN,
    **DOCUMENTATION,
}
