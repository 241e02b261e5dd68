"""Bearer tokens (RFC 6750): taken from the Authorization header alone, and told apart by kind."""

from starlette.datastructures import Headers
from starlette.types import Scope

from runtime.access.callers import Caller, NoToken, Unauthorized, Verify
from runtime.access.token_file import PREFIX


class BearerTokens:
    """Tells who asks by the token that is sent: one of the file, or one of an issuer."""

    def __init__(self, listed: Verify | None, issued: Verify | None) -> None:
        """Verify those of the file by ``listed``, all others by ``issued``; either may be none."""
        self._listed = listed
        self._issued = issued

    async def __call__(self, scope: Scope) -> Caller:
        """Return the caller.

        Raises:
            Unauthorized: there is no token, or a bad one.
            IssuerUnavailable: it can't be verified now.

        """
        token = _token_in(Headers(scope=scope).getlist("authorization"))
        verify = self._listed if token.startswith(PREFIX) else self._issued
        if verify is None:
            raise Unauthorized("the token is of no kind that is taken here")
        return await verify(token)


def _token_in(authorizations: list[str]) -> str:
    if len(authorizations) > 1:
        raise Unauthorized("there is more than one Authorization header")
    scheme, _, token = (authorizations or [""])[0].partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NoToken("a token is needed: send it as `Authorization: Bearer TOKEN`")
    return token.strip()
