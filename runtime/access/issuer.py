"""What an issuer publishes about itself: where its keys are, and the keys.

These calls block: they are made in a thread. The standard library does what is needed of HTTP, and
heeds SSL_CERT_FILE, SSL_CERT_DIR, HTTPS_PROXY and NO_PROXY.
"""

import json
import ssl
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.request import (
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    getproxies,
)

from runtime.access.key_set import KeySet
from runtime.access.oidc_settings import check_url
from runtime.version import VERSION

_HEADERS = {"Accept": "application/json", "User-Agent": f"medication-periods/{VERSION}"}
_TIMEOUT_SECONDS = 5.0
_WHOLE_SECONDS = 20.0
_MAX_BYTES = 512 * 1024
_MOST_TOLD = 200

_Read = Callable[[str], dict[str, Any]]


class NotFetched(Exception):
    """What an issuer publishes can't be had, or is of no use; the text says why."""


def fetch_keys(issuer: str, jwks_url: str | None) -> KeySet:
    """Fetch an issuer's keys, from where it says that they are unless that is given.

    Raises:
        NotFetched: they can't be had now.

    """
    read = _reader()
    url = jwks_url or _find_keys(issuer, read)
    try:
        return KeySet.read(read(url))
    except ValueError as error:
        raise NotFetched(f"{url}: {error}") from None


def _find_keys(issuer: str, read: _Read) -> str:
    url = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
    document = read(url)
    named = document.get("issuer")
    if named != issuer:
        told = repr(named)[:_MOST_TOLD]
        raise NotFetched(f"{url} is of the issuer {told}, so that is what ACCESS_ISSUER must be")
    try:
        return check_url(str(document.get("jwks_uri")))
    except ValueError as error:
        raise NotFetched(f"the jwks_uri of {url} can't be used: {error}") from None


def _reader() -> _Read:
    """Make what fetches JSON: over HTTP alone, and following nobody to another address.

    What is fetched from this machine without TLS goes past any proxy, so it stays on the machine.
    """
    opener = OpenerDirector()
    proxies = {scheme: url for scheme, url in getproxies().items() if scheme == "https"}
    tls = HTTPSHandler(context=ssl.create_default_context())
    for handler in (ProxyHandler(proxies), HTTPHandler(), tls):
        opener.add_handler(handler)

    def read(url: str) -> dict[str, Any]:
        try:
            with opener.open(Request(url, headers=_HEADERS), timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - the opener knows HTTP alone
                status, body = answer.status, _body(answer)
        except (OSError, HTTPException, ValueError) as error:
            raise NotFetched(f"{url}: {str(error) or type(error).__name__}") from None
        if status != HTTPStatus.OK:
            raise NotFetched(f"{url} answers with status {status}")
        return _document(url, body)

    return read


def _body(answer: HTTPResponse) -> bytes:
    """Read an answer to its bound, within a time for all of it, however slowly it drips."""
    deadline = time.monotonic() + _WHOLE_SECONDS
    body = b""
    while len(body) <= _MAX_BYTES and (part := answer.read1(_MAX_BYTES)):
        body += part
        if time.monotonic() > deadline:
            raise TimeoutError(f"the answer has not come within {_WHOLE_SECONDS:.0f} s")
    return body


def _document(url: str, body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body) if len(body) <= _MAX_BYTES else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise NotFetched(f"{url} answers with no JSON object of at most {_MAX_BYTES} bytes")
    return document
