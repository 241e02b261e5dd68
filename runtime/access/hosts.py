"""The names by which a service is asked, and the sites whose pages ask.

A page of a site that an attacker owns can make its own name mean this machine (DNS rebinding), and
is then of the same origin as the service. The Host header still has that name.
"""

import ipaddress
import re
from collections.abc import Callable, Collection

from starlette.datastructures import Headers

IsServed = Callable[[str], bool]
"""Tells from a Host header whether it names the service."""

_HOST = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^\s:@\[\]/]+?)\.?)(?::\d*)?", re.IGNORECASE
)
# A browser says for whom it asks: for a page of the service itself, or for the person at it.
_OF_OURS = {"same-origin", "none"}


def is_served_here(hosts: Collection[str], *, others: bool) -> IsServed:
    """Make the check for names; ``others``: any where there are none, as each request has a token.

    Else addresses and ``localhost`` are taken besides: no other site goes by them.
    """
    if others:
        return lambda host: not hosts or name_in(host) in hosts
    return lambda host: (name := name_in(host)) in hosts or _is_no_site(name)


def name_in(host: str) -> str:
    """Return the name or address of a Host header, without its port; empty where it is none."""
    found = _HOST.fullmatch(host)
    return "" if found is None else (found["v6"] or found["name"]).lower()


def is_loopback(name: str) -> bool:
    """Tell whether a name or address is this machine for itself."""
    return name == "localhost" or is_loopback_address(name)


def is_loopback_address(text: str) -> bool:
    """Tell whether it is an address by which this machine reaches itself alone."""
    address = _address(text)
    return address is not None and address.is_loopback


def is_of_another_site(headers: Headers, origins: Collection[str] = ()) -> bool:
    """Tell whether a browser asks for a page of another site than those listed."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if origin in origins:
        return False
    if site is not None:
        return site not in _OF_OURS
    # Over HTTP browsers tell no site, but an origin with what they post, which may be "null".
    return origin is not None and origin.partition("://")[2] != headers.get("host", "").lower()


def _is_no_site(name: str) -> bool:
    return name == "localhost" or _address(name) is not None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket of both kinds has IPv4's addresses as part of IPv6's.
    return getattr(address, "ipv4_mapped", None) or address
