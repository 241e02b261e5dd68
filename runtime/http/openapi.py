"""What the OpenAPI document says of operations and schemas, beside what FastAPI makes of them."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI


def name_operations(api: FastAPI) -> None:
    """Have the document call each operation by what it does, and not like our function.

    That is what the first sentence of its description says.
    """
    describe = api.openapi

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            for operation in _operations(describe()):
                _name(operation)
        document: dict[str, Any] = describe()
        return document

    api.openapi = described  # type: ignore[method-assign]


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _name(operation: dict[str, Any]) -> None:
    first, _, rest = operation.pop("description").partition("\n\n")
    operation["summary"] = " ".join(first.split()).removesuffix(".").replace("`", "")
    if rest:
        operation["description"] = rest


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Give a schema with its references resolved: a part of a document knows no other place."""
    definitions = schema.get("$defs", {})

    def resolved(part: Any) -> Any:  # noqa: ANN401 - of JSON
        if isinstance(part, list):
            return [resolved(each) for each in part]
        if not isinstance(part, dict):
            return part
        own = {name: resolved(value) for name, value in part.items() if name not in _REFERENCES}
        if "$ref" not in part:
            return own
        return resolved(definitions[part["$ref"].rpartition("/")[2]]) | own

    found: dict[str, Any] = resolved(schema)
    return found


_REFERENCES = {"$ref", "$defs"}
