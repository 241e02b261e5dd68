"""An identity provider as a site has one: npm's oidc-provider, and what clients ask of it."""

import json
import secrets
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from local.ports import free_port
from tests.signing import SigningKey

AUDIENCE = "https://periods.example.org"
SECRET = "no-secret"

_SCRIPT = Path(__file__).with_suffix(".mjs")
_NODE = Path(sys.executable).with_name("node")

Claims = Mapping[str, object]


class Issuer:
    """A provider on a port of its own, which may be stopped and started again.

    ``programs`` and ``people`` are by name what their access tokens hold beside the usual; a claim
    that is None is left out. Programs have ``SECRET``; people sign in by their name alone. ``page``
    is the address to which the public client of that name is redirected. Tokens are for
    ``AUDIENCE`` unless another is asked for, and last ``lifetime`` seconds.
    """

    def __init__(
        self,
        *,
        programs: Mapping[str, Claims] | None = None,
        people: Mapping[str, Claims] | None = None,
        page: str | None = None,
        lifetime: int = 300,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = SigningKey("first", "RS256")
        self._told: dict[str, Any] = {
            "issuer": self.url,
            "port": self.port,
            "audience": AUDIENCE,
            "programs": programs or {},
            "people": people or {},
            "page": page,
            "lifetime": lifetime,
            "keys": [self.key.private()],
        }
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, with its keys and without its sessions."""
        self._process = subprocess.Popen(
            [_NODE, _SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._tell()

    def stop(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)
            self._process = None

    def rotate(self, *, withdraw: bool = False) -> SigningKey:
        """Sign with a new key from now on; those before stay published unless withdrawn."""
        self.key = SigningKey(secrets.token_hex(4), "RS256")
        before = [] if withdraw else self._told["keys"]
        self._told["keys"] = [self.key.private(), *before]
        self._tell()
        return self.key

    def token(self, program: str, scope: str = "", *, audience: str = AUDIENCE) -> str:
        """Issue an access token to a program, by its client credentials."""
        asked = {"grant_type": "client_credentials", "scope": scope, "resource": audience}
        answer = httpx.post(f"{self.url}/token", data=asked, auth=(program, SECRET))
        token: str = _good(answer).json()["access_token"]
        return token

    def sign_in(self, person: str, scope: str) -> dict[str, Any]:
        """Sign a person in to the page, by authorization code with PKCE; return its tokens."""
        verifier = secrets.token_urlsafe(32)
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "client_id": "page",
            "response_type": "code",
            "redirect_uri": self._told["page"],
            "scope": scope,
            "nonce": "n",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        with httpx.Client(base_url=self.url) as browser:
            form = _next(browser.get("/auth", params=asked))
            resumed = _next(browser.post(form, data={"name": person}))
            code = parse_qs(urlsplit(_next(browser.get(resumed))).query)["code"][0]
        return self._tokens(
            grant_type="authorization_code",
            code=code,
            code_verifier=verifier,
            redirect_uri=self._told["page"],
        )

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """Renew the page's tokens."""
        return self._tokens(grant_type="refresh_token", refresh_token=refresh_token)

    def _tokens(self, **asked: object) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/token", data={"client_id": "page", **asked})
        tokens: dict[str, Any] = _good(answer).json()
        return tokens

    def _tell(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{json.dumps(self._told)}\n")
        process.stdin.flush()
        assert "listening\n" in iter(process.stdout.readline, ""), "the issuer has ended"


def _next(answer: httpx.Response) -> str:
    assert answer.is_redirect, answer.text
    return answer.headers["location"]


def _good(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, answer.text
    return answer
