"""The AsyncAPI document, with names that say what messages and operations are."""

import re
from collections.abc import Mapping
from typing import Any, cast

from faststream.specification import AsyncAPI, Specification
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema, Reference
from pydantic import BaseModel

Operations = Mapping[str, tuple[str, type[BaseModel]]]
"""What is done on each channel, and what its messages say beside their bodies."""


class NamedAsyncAPI(AsyncAPI):
    """FastStream's document, which calls each message "Message" and operations like channels.

    A message is called what its payload is, and an operation by what it does, in words, too.
    FastStream knows no headers: ours are added.
    """

    def __init__(self, *, operations: Operations, **about: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**about)
        self._operations = operations

    def to_specification(self) -> Specification:
        document = cast("ApplicationSchema", super().to_specification())
        for channel, (operation, headers) in self._operations.items():
            _name_message(document, channel, headers)
            named = document.operations.pop(channel)
            named.summary = _in_words(operation)
            document.operations[operation] = named
        return document


def _in_words(name: str) -> str:
    """Write what is named likeThis Like this."""
    return re.sub("[A-Z]", lambda found: f" {found[0].lower()}", name).capitalize()


def _name_message(document: ApplicationSchema, channel: str, headers: type[BaseModel]) -> None:
    messages = document.components.messages if document.components else None
    ((generated, _),) = document.channels[channel].messages.items()
    if messages is None or (message := messages.pop(f"{channel}:{generated}", None)) is None:
        raise LookupError(f"FastStream's document has no message {channel}:{generated}")
    name = cast("dict[str, str]", message.payload)["$ref"].rpartition("/")[2]
    message.title = name
    message.headers = headers.model_json_schema()  # type: ignore[attr-defined]
    messages[name] = message
    document.channels[channel].messages = {name: _reference("components/messages", name)}
    document.operations[channel].messages = [_reference(f"channels/{channel}/messages", name)]


def _reference(folder: str, name: str) -> Reference:
    return Reference(**{"$ref": f"#/{folder}/{name}"})
