"""A release and its followers work side by side; what ends that asks for a new major version."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.version import VERSION
from tests.unit.contracts.compatibility import Place, Route, breaks, broken_values, routes

RELEASED = Path("contracts/released")
RELEASES = sorted(folder.name for folder in RELEASED.iterdir())


def documents(folder: Path) -> dict[str, Any]:
    return {
        service: yaml.safe_load((folder / f"{service}.yaml").read_text(encoding="utf-8"))
        for service in ("publisher", "consumer")
    }


def contract(documents: Mapping[str, Any]) -> dict[Place, Route]:
    return {
        place: route
        for service, document in documents.items()
        for place, route in routes(service, document).items()
    }


def major(version: str) -> int:
    return int(version.partition(".")[0])


@pytest.mark.parametrize("release", RELEASES)
def test_what_breaks_with_a_release_is_a_new_major_version(release: str) -> None:
    found = [
        *breaks(contract(documents(RELEASED / release)), contract(documents(Path("asyncapi"))))
    ]
    assert not found or major(VERSION) > major(release), (
        f"{VERSION} breaks the message contract of {release}:\n  "
        + "\n  ".join(found)
        + f"\nTake it back, or make this {major(release) + 1}.0.0: see CONTRIBUTING.md"
    )


def test_a_release_of_the_changelog_has_its_contract_kept() -> None:
    headings = [line for line in Path("CHANGELOG.md").read_text().splitlines() if "## [" in line]
    released = [line.split("[")[1].split("]")[0] for line in headings if "[Unreleased]" not in line]
    assert sorted(released) == RELEASES, "copy asyncapi/*.yaml to contracts/released/VERSION/"


# ---- The comparison itself ----

TEXT = {"type": "string"}
NULLABLE = {"anyOf": [TEXT, {"type": "null"}], "default": None}
WORDS = {"type": "string", "enum": ["start", "stop"]}


def event(*required: str, **fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required)}


BREAKS = {
    "an optional field is gone": (
        event("id", id=TEXT, order=NULLABLE),
        event("id", id=TEXT),
        ["message.order: is sent and not known"],
    ),
    "a required field is gone": (
        event("id", "action", id=TEXT, action=WORDS),
        event("id", id=TEXT),
        [
            "message.action: is sent and not known",
            "message.action: may be left out, and is required",
        ],
    ),
    "an optional field has another name": (
        event("id", id=TEXT, order=NULLABLE),
        event("id", id=TEXT, order_id=NULLABLE),
        ["message.order: is sent and not known"],
    ),
    "a required field has another name": (
        event("id", id=TEXT),
        event("patient_id", patient_id=TEXT),
        [
            "message.patient_id: may be left out, and is required",
            "message.id: is sent and not known",
            "message.id: may be left out, and is required",
        ],
    ),
    "a new field is required": (
        event("id", id=TEXT),
        event("id", "order", id=TEXT, order=TEXT),
        ["message.order: may be left out, and is required"],
    ),
    "a field that was there always may be left out": (
        event("id", id=TEXT),
        event(id=TEXT),
        ["message.id: may be left out, and is required"],
    ),
    "a field has another type": (
        event(id=TEXT),
        event(id={"type": "integer"}),
        [
            "message.id: string is sent, integer is read",
            "message.id: integer is sent, string is read",
        ],
    ),
    "a value may be anything": (TEXT, {}, ["message: anything is sent, string is read"]),
    "a field may be null": (
        event("id", id=TEXT),
        event("id", id={"type": ["string", "null"]}),
        ["message.id: null is sent, string is read"],
    ),
    "a field may not be null any more": (
        event("id", id=NULLABLE),
        event("id", id=TEXT),
        ["message.id: null is sent, string is read"],
    ),
    "a text may be less long": (
        TEXT | {"maxLength": 128},
        TEXT | {"maxLength": 64},
        ["message: maxLength 128 is sent, 64 is read"],
    ),
    "a text may be longer": (
        TEXT | {"maxLength": 64},
        TEXT | {"maxLength": 128},
        ["message: maxLength 128 is sent, 64 is read"],
    ),
    "a text may be as long as it likes": (
        TEXT | {"maxLength": 64},
        TEXT,
        ["message: maxLength None is sent, 64 is read"],
    ),
    "a text may not be empty any more": (
        TEXT,
        TEXT | {"minLength": 1},
        ["message: minLength None is sent, 1 is read"],
    ),
    "a list may hold more": (
        {"type": "array", "items": TEXT, "maxItems": 1_000},
        {"type": "array", "items": TEXT, "maxItems": 5_000},
        ["message: maxItems 5000 is sent, 1000 is read"],
    ),
    "a number may be less": (
        {"type": "number", "minimum": 0},
        {"type": "number", "minimum": -1},
        ["message: minimum -1 is sent, 0 is read"],
    ),
    "a text has another pattern": (
        TEXT | {"pattern": "^a"},
        TEXT | {"pattern": "^b"},
        ["message: pattern ^a is sent, ^b is read", "message: pattern ^b is sent, ^a is read"],
    ),
    "a text has a format": (
        TEXT,
        TEXT | {"format": "date-time"},
        ["message: format None is sent, date-time is read"],
    ),
    "an enumeration has one value less": (
        WORDS,
        WORDS | {"enum": ["start"]},
        ["message: stop is sent and not read"],
    ),
    "an enumeration has one value more": (
        WORDS,
        WORDS | {"enum": ["start", "stop", "pause"]},
        ["message: pause is sent and not read"],
    ),
    "an enumeration takes any text": (WORDS, TEXT, ["message: any value is sent and not read"]),
    "the elements of a list broke": (
        {"type": "array", "items": WORDS},
        {"type": "array", "items": WORDS | {"enum": ["stop"]}},
        ["message[]: start is sent and not read"],
    ),
    "a message may not be a list any more": (
        {"anyOf": [event(id=TEXT), {"type": "array", "items": event(id=TEXT)}]},
        event(id=TEXT),
        ["message: array is sent, object is read"],
    ),
    "what is left out means something else": (
        event(order=NULLABLE),
        event(order=NULLABLE | {"default": "none"}),
        [
            "message.order: left out is None to the sender, 'none' to the reader",
            "message.order: left out is 'none' to the sender, None to the reader",
        ],
    ),
    "a field is new to a reader that refuses what it does not know": (
        event(id=TEXT) | {"additionalProperties": False},
        event(id=TEXT, order=NULLABLE),
        ["message.order: is sent and not known"],
    ),
}

FITS = {
    "nothing has changed": (event("id", id=TEXT), event("id", id=TEXT)),
    "an optional field is new": (event("id", id=TEXT), event("id", id=TEXT, order=NULLABLE)),
    "an optional field is new in the elements of a list": (
        {"type": "array", "items": event("id", id=TEXT)},
        {"type": "array", "items": event("id", id=TEXT, order=NULLABLE)},
    ),
    "an optional field is new in a field": (
        event("of", of=event("id", id=TEXT)),
        event("of", of=event("id", id=TEXT, order=NULLABLE)),
    ),
    "a field that is always sent has another default": (
        event("id", id=TEXT),
        event("id", id=TEXT | {"default": "1"}),
    ),
    "it is described in other words": (
        event(id=TEXT),
        event(id=TEXT | {"title": "Id", "description": "It.", "examples": ["2"]}),
    ),
    "null is written in another way": (
        event("id", id=NULLABLE),
        event("id", id={"type": ["null", "string"]}),
    ),
    "alternatives have another order": (
        {"anyOf": [event("id", id=TEXT), event("name", name=TEXT), TEXT]},
        {"anyOf": [TEXT, event("name", name=TEXT), event("id", id=TEXT)]},
    ),
}


def both_ways(released: dict[str, Any], current: dict[str, Any]) -> list[str]:
    return [
        *broken_values(released, current),
        *broken_values(current, released, reader_is_older=True),
    ]


@pytest.mark.parametrize(("released", "current", "said"), BREAKS.values(), ids=BREAKS)
def test_a_break_is_found_and_named(
    released: dict[str, Any], current: dict[str, Any], said: list[str]
) -> None:
    assert both_ways(released, current) == said


@pytest.mark.parametrize(("released", "current"), FITS.values(), ids=FITS)
def test_a_change_that_breaks_nothing_passes(
    released: dict[str, Any], current: dict[str, Any]
) -> None:
    assert both_ways(released, current) == []


def test_a_reader_may_take_more_than_is_sent() -> None:
    assert not [*broken_values({"type": "integer", "minimum": 1}, {"type": "number"})]
    assert not [*broken_values(WORDS, WORDS | {"enum": ["start", "stop", "pause"]})]
    assert not [*broken_values(TEXT | {"maxLength": 64}, TEXT | {"maxLength": 128})]


def edited(service: str, old: str, new: str) -> dict[Place, Route]:
    """Give the newest release's contract with a word of one document changed."""
    found = documents(RELEASED / RELEASES[-1])
    found[service] = yaml.safe_load(yaml.safe_dump(found[service]).replace(old, new))
    return contract(found)


@pytest.mark.parametrize(
    ("service", "old", "new", "said"),
    [
        (
            "publisher",
            "name: medication-events",
            "name: events",
            "publisher send medication.events:"
            " exchange.name was 'medication-events' and is 'events'",
        ),
        (
            "consumer",
            "name: medication-periods",
            "name: periods",
            "consumer receive medication.events:"
            " queue.name was 'medication-periods' and is 'periods'",
        ),
        (
            "consumer",
            "address: medication.events",
            "address: events",
            "consumer receive medication.events: is gone",
        ),
        (
            "publisher",
            "- medication.events",
            "- events",
            "publisher send medication.events: cc was ['medication.events'] and is ['events']",
        ),
        ("consumer", "- cancel_stop", "", "message.action: cancel_stop is sent and not read"),
        (
            "publisher",
            "maxItems: 1000",
            "maxItems: 2000",
            "message: maxItems 2000 is sent, 1000 is read",
        ),
    ],
)
def test_a_changed_name_or_payload_is_found_in_the_documents(
    service: str, old: str, new: str, said: str
) -> None:
    released = contract(documents(RELEASED / RELEASES[-1]))
    assert said in list(breaks(released, edited(service, old, new)))


def test_what_a_document_calls_its_messages_is_not_on_the_wire() -> None:
    released = contract(documents(RELEASED / RELEASES[-1]))
    renamed = edited("consumer", "SubscribeMessage", "MedicationEvents")
    assert not list(breaks(released, renamed))


def test_a_released_consumer_ignores_a_field_that_is_new_in_the_documents() -> None:
    found = documents(RELEASED / RELEASES[-1])
    released = contract(found)
    found["publisher"]["components"]["schemas"]["MedicationEvent"]["properties"]["dose"] = NULLABLE
    # The other way round it is gone.
    assert list(breaks(contract(found), released))
    assert not list(breaks(released, contract(found)))
