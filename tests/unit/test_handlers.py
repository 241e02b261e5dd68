"""What becomes of a message: over FastStream's broker in memory, in integration over a real one."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from faststream.rabbit import RabbitBroker, RabbitMessage, TestRabbitBroker

from consumer_app.dead_letters import (
    REASON_HEADER,
    TIME_HEADER,
    DeadLetterHeaders,
    DeadLetters,
    Death,
    kept_headers,
)
from consumer_app.handlers import handle_events
from consumer_app.recorded import RecordedEvent
from consumer_app.storage.store import EventStore
from consumer_app.trial import Trial
from contracts import CanonicalMessage, MedicationEvent, explain_event
from contracts.topology import (
    DEAD_LETTER_EXCHANGE,
    DEAD_LETTER_QUEUE,
    EVENTS_EXCHANGE,
    ROUTING_KEY,
)
from runtime.broker import make_channel

START = {
    "patient_id": "2",
    "medication_name": "Heparin",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
STOP = {**START, "action": "stop", "event_time": "2021-01-01T03:00:00Z"}


class FailingStore(EventStore):
    """Fails as often as it is told to."""

    fails = 0

    async def add_written(
        self, message: CanonicalMessage, run: str | None = None, source: str | None = None
    ) -> None:
        if self.fails:
            self.fails -= 1
            raise OSError("as if the process were about to end")
        await super().add_written(message, run, source)


class Consumer:
    """The handler between a broker and a store, and what it moves to the dead letters."""

    def __init__(self, broker: RabbitBroker, store: "FailingStore") -> None:
        self.broker = broker
        self.store = store
        self.dead_letters: list[RabbitMessage] = []
        self.moving = DeadLetters(broker)
        handle_events(
            broker, make_channel(prefetch_count=10), store, self.moving, Trial(asyncio.Lock())
        )

        @broker.subscriber(DEAD_LETTER_QUEUE, DEAD_LETTER_EXCHANGE)
        async def keep(_: object, message: RabbitMessage) -> None:
            self.dead_letters.append(message)

    async def receive(self, *contents: object, headers: dict[str, Any] | None = None) -> None:
        for content in contents:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            await self.broker.publish(
                body, exchange=EVENTS_EXCHANGE, routing_key=ROUTING_KEY, headers=headers
            )

    async def stored(self) -> set[MedicationEvent]:
        return set(await self.store.events_of("2"))


@pytest.fixture
def rabbitmq_url() -> str | None:
    """The address of a real broker, or None for the one in memory."""
    return None


@pytest.fixture
async def consumer(rabbitmq_url: str | None, tmp_path: Path) -> AsyncIterator[Consumer]:
    broker = RabbitBroker(
        rabbitmq_url or "amqp://nowhere/",
        logger=None,
        default_channel=make_channel(),
        graceful_timeout=10.0,
    )
    async with FailingStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as store:
        made = Consumer(broker, store)
        async with TestRabbitBroker(broker, with_real=rabbitmq_url is not None):
            yield made


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110 - nothing tells when a message is handled
            await asyncio.sleep(0.01)


async def until_stored(consumer: Consumer, *events: dict[str, str]) -> None:
    expected = {explain_event(event) for event in events}

    async def stored() -> bool:
        return await consumer.stored() == expected

    await eventually(stored)


async def until_a_dead_letter(consumer: Consumer) -> None:
    async def is_there() -> bool:
        return bool(consumer.dead_letters)

    await eventually(is_there)


async def test_the_events_of_a_message_are_stored(consumer: Consumer) -> None:
    await consumer.receive(START, [STOP, START])

    await until_stored(consumer, START, STOP)
    assert consumer.dead_letters == []


async def test_an_empty_list_is_taken_and_nothing_becomes_of_it(consumer: Consumer) -> None:
    await consumer.receive([], START)

    await until_stored(consumer, START)
    assert consumer.dead_letters == []


async def test_of_a_mixed_message_the_good_is_stored_and_the_whole_is_a_dead_letter(
    consumer: Consumer,
) -> None:
    mixed = json.dumps([START, {"patient_id": "2"}, STOP]).encode()
    await consumer.receive(mixed)

    await until_a_dead_letter(consumer)
    await until_stored(consumer, START, STOP)
    (letter,) = consumer.dead_letters
    death = Death.of(letter.headers)
    assert letter.body == mixed
    assert death.reason.startswith("element 1: medication_name: Field required; ")
    assert death.origin == EVENTS_EXCHANGE.name


def whole(version: str, *events: object) -> dict[str, object]:
    return {"record_id": "r/1", "record_version": version, "events": events}


async def until_of_records(
    consumer: Consumer, *expected: tuple[dict[str, str], str | None]
) -> None:
    """Wait for these events of records, each with the version that supersedes it."""
    wanted = {(event["action"], superseded_by) for event, superseded_by in expected}

    async def stored() -> bool:
        events = await consumer.stored()
        found = {(e.action, e.superseded_by) for e in events if isinstance(e, RecordedEvent)}
        return found == wanted

    await eventually(stored)


@pytest.mark.parametrize("order", [("1", "2"), ("2", "1")])
async def test_of_the_versions_in_messages_the_highest_counts(
    consumer: Consumer, order: Sequence[str]
) -> None:
    wholes = {"1": whole("1", START), "2": whole("2", STOP)}
    for version in order:
        await consumer.receive([wholes[version]])

    await until_of_records(consumer, (START, "2"), (STOP, None))
    assert consumer.dead_letters == []


async def test_of_good_and_bad_versions_the_good_are_stored_and_the_message_is_a_dead_letter(
    consumer: Consumer,
) -> None:
    bad = {**whole("2", START, {"patient_id": "2"}), "record_id": "r/2"}
    mixed = json.dumps([whole("1", START), bad]).encode()
    await consumer.receive(mixed)

    await until_a_dead_letter(consumer)
    await until_of_records(consumer, (START, None))
    (letter,) = consumer.dead_letters
    assert letter.body == mixed
    assert "element 1" in Death.of(letter.headers).reason


@pytest.mark.parametrize("body", [b"not json", b"", b"\xff", b'"start"'])
async def test_what_holds_no_event_is_a_dead_letter_as_it_came(
    consumer: Consumer, body: bytes
) -> None:
    await consumer.receive(body, START)

    await until_a_dead_letter(consumer)
    assert [letter.body for letter in consumer.dead_letters] == [body]
    await until_stored(consumer, START)


async def test_events_are_stored_under_the_run_that_their_message_names(
    consumer: Consumer,
) -> None:
    await consumer.receive(START, headers={"run-id": "monday", "run-source": "file events.csv"})
    await consumer.receive(STOP)

    await until_stored(consumer, START, STOP)
    (run,) = await consumer.store.runs()
    assert run.name == "monday"
    assert await consumer.store.sources() == {run.id: ["file events.csv"]}


async def test_a_dead_letter_keeps_the_run_of_its_message(consumer: Consumer) -> None:
    await consumer.receive(b"not json", headers={"run-id": "monday", "run-source": "stdin"})

    await until_a_dead_letter(consumer)
    (letter,) = consumer.dead_letters
    assert Death.of(letter.headers).run == "monday"
    assert kept_headers(letter.headers) == {"run-id": "monday", "run-source": "stdin"}


@pytest.mark.parametrize("run", ["monday", "x" * 129])
async def test_the_headers_of_a_dead_letter_are_those_that_the_document_describes(
    consumer: Consumer, run: object
) -> None:
    await consumer.receive(b"not json", headers={"run-id": run, "run-source": "file events.csv"})

    await until_a_dead_letter(consumer)
    (headers,) = (letter.headers for letter in consumer.dead_letters)
    assert headers.keys() >= DeadLetterHeaders.model_json_schema()["properties"].keys()
    described = DeadLetterHeaders.model_validate(headers)
    assert described.reason == Death.of(headers).reason
    assert described.run_id == run


async def test_of_a_message_with_a_wrong_run_nothing_is_stored(consumer: Consumer) -> None:
    await consumer.receive(START, headers={"run-id": "x" * 129})

    await until_a_dead_letter(consumer)
    assert await consumer.stored() == set()
    (letter,) = consumer.dead_letters
    death = Death.of(letter.headers)
    assert death.reason.startswith("run-id: String should have at most 128 characters")
    assert death.run == "unreadable run"
    assert letter.headers["run-id"] == "x" * 129


@pytest.mark.parametrize("run", ["x" * 1025, "é" * 513, 7, ["monday"]])
async def test_a_run_that_would_not_fit_beside_a_dead_letter_is_not_kept_and_that_is_told(
    consumer: Consumer, run: object
) -> None:
    await consumer.receive(START, headers={"run-id": run})

    await until_a_dead_letter(consumer)
    (letter,) = consumer.dead_letters
    assert "run-id" not in letter.headers
    assert "the run is not kept" in Death.of(letter.headers).reason


@pytest.mark.parametrize(
    ("headers", "since"),
    [
        ({TIME_HEADER: "2026-11-27T05:00:00+00:00"}, datetime(2026, 11, 27, 5, tzinfo=UTC)),
        ({TIME_HEADER: "2026-11-27T05:00:00"}, datetime(2026, 11, 27, 5, tzinfo=UTC)),
        ({TIME_HEADER: "last week"}, None),
        ({}, None),
    ],
)
def test_a_dead_letter_is_as_old_as_its_header_says_where_that_can_be_read(
    headers: dict[str, str], since: datetime | None
) -> None:
    assert Death.of({REASON_HEADER: "not JSON", **headers}).since == since


def test_what_rabbitmq_itself_took_away_is_as_old_as_rabbitmq_says() -> None:
    at = datetime(2026, 11, 27, 5, tzinfo=UTC)
    assert Death.of({"x-death": [{"reason": "expired", "time": at}]}).since == at
    assert Death.of({}).since is None
