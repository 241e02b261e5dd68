"""Entity tags: who has an answer already is told that it has not changed (RFC 9110, 8.8.3)."""

from hashlib import blake2b
from http import HTTPStatus

from fastapi import Request, Response

_SIZE = 16
_READING = ("GET", "HEAD")


class EntityTag:
    """The strong tag of a body, which may come in parts."""

    def __init__(self, body: bytes = b"") -> None:
        self._hash = blake2b(body, digest_size=_SIZE)

    def add(self, part: bytes) -> None:
        """Add what comes behind."""
        self._hash.update(part)

    def __str__(self) -> str:
        return f'"{self._hash.hexdigest()}"'


def unless_known(request: Request, answer: Response, tag: EntityTag) -> Response:
    """Give an answer its tag; where the client names it in ``If-None-Match``, say so instead.

    To GET and HEAD that is 304. Of all else, such as a search by a form, the RFC knows 412 alone,
    which says the same: what the client has is still the answer.
    """
    answer.headers["ETag"] = str(tag)
    if not _is_known(request, str(tag)):
        return answer
    is_reading = request.method in _READING
    status = HTTPStatus.NOT_MODIFIED if is_reading else HTTPStatus.PRECONDITION_FAILED
    headers = {
        name: value for name, value in answer.headers.items() if not name.startswith("content-")
    }
    return Response(status_code=status, headers=headers)


def _is_known(request: Request, tag: str) -> bool:
    """Compare weakly, as the RFC has it: a proxy that packs an answer weakens its tag."""
    given = ",".join(request.headers.getlist("if-none-match"))
    return any(each.strip().removeprefix("W/") in {tag, "*"} for each in given.split(","))
