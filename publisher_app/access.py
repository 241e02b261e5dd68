"""What the publisher's routes ask for."""

from runtime.access.callers import EVENTS_WRITE
from runtime.access.routes import DOCUMENTATION, Routes
from runtime.http.try_it_out import ADDRESS

ROUTES: Routes = {
    ("POST", "/events"): EVENTS_WRITE,
    ("POST", f"/{ADDRESS}"): EVENTS_WRITE,
    **DOCUMENTATION,
}
