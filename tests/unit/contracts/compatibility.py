"""What of a message contract is broken: in what is sent, and in where it travels."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Json = Any
"""A value as JSON and YAML have it."""
Schema = Mapping[str, Json]

_LOWER_LIMITS = {"minLength", "minItems", "minimum", "exclusiveMinimum"}
_UPPER_LIMITS = {"maxLength", "maxItems", "maximum", "exclusiveMaximum"}
_COMPARED = {"type", "enum", "properties", "required", "items", "additionalProperties", "default"}
_ANNOTATIONS = {"title", "description", "examples", "deprecated"}
# What else a reader asks, such as a pattern, is compared as it is written.
_NOT_LITERAL = _LOWER_LIMITS | _UPPER_LIMITS | _COMPARED | _ANNOTATIONS


class Route(NamedTuple):
    """What an operation of a service sends or receives, and by which names."""

    payload: Schema
    """A JSON schema without references."""
    names: Mapping[str, Any]
    """Routing keys, exchange and queue; flat, such as ``queue.name``."""


Place = tuple[str, str, str]
"""Service, ``send`` or ``receive``, address."""


def routes(service: str, document: Schema) -> dict[Place, Route]:
    """Find the routes of an AsyncAPI document; what it calls them is not on the wire."""
    found = {}
    for operation in document["operations"].values():
        channel = _named(document, operation["channel"]["$ref"])
        names = {**channel["bindings"]["amqp"], "cc": operation["bindings"]["amqp"].get("cc")}
        del names["bindingVersion"]
        [message] = channel["messages"].values()
        payload = _resolved(document, _named(document, message["$ref"])["payload"])
        place = service, operation["action"], channel.get("address", "any address")
        found[place] = Route(payload, dict(_flat(names)))
    return found


def breaks(released: Mapping[Place, Route], current: Mapping[Place, Route]) -> Iterator[str]:
    """Yield why the services of a release and the current ones can't work side by side."""
    for place, route in released.items():
        if place in current:
            yield from (
                f"{' '.join(place)}: {each}" for each in _broken_names(route, current[place])
            )
        else:
            yield f"{' '.join(place)}: is gone"
    for place, sent in released.items():
        for read in _readers(place, current):
            yield from broken_values(sent.payload, read.payload)
    for place, sent in current.items():
        for read in _readers(place, released):
            yield from broken_values(sent.payload, read.payload, reader_is_older=True)


def _readers(place: Place, routes: Mapping[Place, Route]) -> Iterator[Route]:
    """Yield what reads, in another service, what is sent at a place."""
    service, action, address = place
    for (reader, reading, read), route in routes.items():
        if (action, reading) == ("send", "receive") and reader != service and read == address:
            yield route


def _broken_names(released: Route, current: Route) -> Iterator[str]:
    for name in sorted(released.names.keys() | current.names.keys()):
        before, now = released.names.get(name), current.names.get(name)
        if before != now:
            yield f"{name} was {before!r} and is {now!r}"


def broken_values(
    sent: Schema, read: Schema, *, reader_is_older: bool = False, at: str = "message"
) -> Iterator[str]:
    """Yield why one who reads by ``read`` would refuse, lose or mistake what ``sent`` allows.

    Fields that only the sender knows are new to an older reader, which ignores them. To a newer
    one they are lost: they were removed, or have another name.
    """
    accepted = [*_alternatives(read)]
    for alternative in _alternatives(sent):
        fitting = [each for each in accepted if _fits(alternative, each)]
        if fitting:
            broken = ([*_broken(alternative, each, reader_is_older, at)] for each in fitting)
            yield from min(broken, key=len)
        else:
            kinds = " or ".join(map(_kind, accepted))
            yield f"{at}: {_kind(alternative)} is sent, {kinds} is read"


def _broken(sent: Schema, read: Schema, reader_is_older: bool, at: str) -> Iterator[str]:
    yield from _broken_limits(sent, read, at)
    yield from _broken_enum(sent, read, at)
    yield from _broken_fields(sent, read, reader_is_older, at)
    if "items" in read:
        items = sent.get("items", {}), read["items"]
        yield from broken_values(*items, reader_is_older=reader_is_older, at=f"{at}[]")
    for rule in sorted(read.keys() - _NOT_LITERAL):
        if sent.get(rule) != read[rule]:
            yield f"{at}: {rule} {sent.get(rule)} is sent, {read[rule]} is read"


def _broken_limits(sent: Schema, read: Schema, at: str) -> Iterator[str]:
    for limit in sorted(read.keys() & (_LOWER_LIMITS | _UPPER_LIMITS)):
        given, taken = sent.get(limit), read[limit]
        if given is None or (given > taken if limit in _UPPER_LIMITS else given < taken):
            yield f"{at}: {limit} {given} is sent, {taken} is read"


def _broken_enum(sent: Schema, read: Schema, at: str) -> Iterator[str]:
    if "enum" in read:
        values = sent.get("enum", ["any value"])
        yield from (
            f"{at}: {each} is sent and not read" for each in values if each not in read["enum"]
        )


def _broken_fields(sent: Schema, read: Schema, reader_is_older: bool, at: str) -> Iterator[str]:
    fields, known = sent.get("properties", {}), read.get("properties", {})
    always = {*sent.get("required", ())}
    for name in read.get("required", ()):
        if name not in always:
            yield f"{at}.{name}: may be left out, and is required"
    ignores = reader_is_older and read.get("additionalProperties") is not False
    for name, field in fields.items():
        if name not in known:
            if not ignores:
                yield f"{at}.{name}: is sent and not known"
            continue
        yield from broken_values(
            field, known[name], reader_is_older=reader_is_older, at=f"{at}.{name}"
        )
        default, taken = field.get("default"), known[name].get("default")
        if name not in always and default != taken:
            yield f"{at}.{name}: left out is {default!r} to the sender, {taken!r} to the reader"


def _alternatives(schema: Schema) -> Iterator[Schema]:
    """Part a schema into those of which a value has to meet one, each of one type at most."""
    if "anyOf" in schema:
        beside = {name: rule for name, rule in schema.items() if name != "anyOf"}
        for alternative in schema["anyOf"]:
            yield from _alternatives(beside | alternative)
    elif isinstance(schema.get("type"), list):
        yield from ({**schema, "type": each} for each in schema["type"])
    else:
        yield schema


def _fits(sent: Schema, read: Schema) -> bool:
    kinds = sent.get("type"), read.get("type", sent.get("type"))
    return kinds[0] == kinds[1] or kinds == ("integer", "number")


def _kind(schema: Schema) -> str:
    return str(schema.get("type", "anything"))


def _resolved(document: Schema, part: Json) -> Json:
    """Put in place of each reference what it names; the contract's schemas hold no circle."""
    if isinstance(part, list):
        return [_resolved(document, each) for each in part]
    if not isinstance(part, Mapping):
        return part
    named = _resolved(document, _named(document, part["$ref"])) if "$ref" in part else {}
    return named | {
        name: _resolved(document, each) for name, each in part.items() if name != "$ref"
    }


def _named(document: Schema, reference: str) -> Json:
    part: Json = document
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return _named(document, part["$ref"]) if "$ref" in part else part


def _flat(names: Schema, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in names.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
