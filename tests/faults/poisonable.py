"""The consumer, but for one message that ends its process as a crash of an interpreter would."""

import os

import consumer_app.handlers
from contracts import ReadMessage, read_message

_POISON = b'"poison"'


def _read_or_die(body: bytes) -> ReadMessage:
    if body == _POISON:
        os._exit(9)
    return read_message(body)


consumer_app.handlers.read_message = _read_or_die  # type: ignore[attr-defined]

from consumer_app.main import app  # noqa: E402 - the consumer is wired when it is imported

__all__ = ["app"]
