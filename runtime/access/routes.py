"""What each route asks for: the table that nothing of either service is reached without."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from starlette._utils import get_route_path
from starlette.routing import compile_path

OPEN = "open"
"""Anybody may: there is no data of patients behind it, nor a way to change anything."""

Routes = Mapping[tuple[str, str], str]
"""The scope that a method and a route's template ask for, or OPEN. HEAD is asked for as GET."""

DOCUMENTATION: Routes = {
    ("GET", "/health/live"): OPEN,
    ("GET", "/health/ready"): OPEN,
    ("GET", "/docs"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/asyncapi"): OPEN,
    ("GET", "/asyncapi.json"): OPEN,
    ("GET", "/static/vendor/{path:path}"): OPEN,
    ("GET", "/static/documentation/{path:path}"): OPEN,
}
"""What both services have."""


class Table:
    """Finds what a request asks for."""

    def __init__(self, routes: Routes) -> None:
        self._exact: dict[str, dict[str, str]] = {}
        for (method, template), needed in routes.items():
            self._exact.setdefault(template, {})[method] = needed
        self._patterns = [
            (compile_path(template)[0], template) for template in self._exact if "{" in template
        ]

    def methods(self, scope: MutableMapping[str, Any]) -> Mapping[str, str]:
        """Return what each method of the address asks for; none where there is no such address."""
        template = self.template(scope)
        return {} if template is None else self._exact[template]

    def template(self, scope: MutableMapping[str, Any]) -> str | None:
        """Return the template of the address; None where there is no such address.

        The address is read as Starlette's routes read it, so that the two see the same one.
        """
        path = get_route_path(scope)
        if path in self._exact:
            return path
        return next((template for pattern, template in self._patterns if pattern.match(path)), None)
