"""The whole system under faults: a broker, both services, traffic, and the judgement at the end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import aio_pika
import httpx

from consumer_app.rules.periods import medication_periods
from contracts import explain_event
from contracts.topology import DEAD_LETTER_QUEUE, EVENTS_EXCHANGE, EVENTS_QUEUE, ROUTING_KEY
from local.broker import PrivateBroker
from tests.databases import Database
from tests.faults.reports import PATIENTS, Report, Reports
from tests.faults.traffic import by_http, by_standard_input
from tests.services import ServiceProcess, eventually

_DRAIN_SECONDS = 180.0


class System:
    """Everything that runs in one fault test."""

    def __init__(
        self, broker: PrivateBroker, database: Database, folder: Path, reports: Reports
    ) -> None:
        self.broker = broker
        self.database = database
        self.folder = folder
        self.reports = reports
        self.environment = {
            "RABBITMQ_URL": broker.url,
            "DATABASE_URL": database.url,
            "PUBLISHER_GIVE_UP_AFTER": "600",
        }
        self._services: list[ServiceProcess] = []

    def start(
        self, name: str, *, app: str | None = None, wrapper: Sequence[str] = ()
    ) -> ServiceProcess:
        """Start another process of a service."""
        service = ServiceProcess(name, self.environment, self.folder, app=app, wrapper=wrapper)
        self._services.append(service)
        return service

    def start_consumer(self, *, wrapper: Sequence[str] = ()) -> ServiceProcess:
        """Start a consumer and return when it consumes."""
        consumer = self.start("consumer", wrapper=wrapper)
        consumer.wait_until_ready()
        return consumer

    def close(self) -> None:
        """End every process that was started and still runs."""
        for service in self._services:
            if service.process.poll() is None:
                service.kill()

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """Publish reports both ways for as long as the context lasts, and then to the last."""
        publisher = self.start("publisher")
        publisher.wait_until_ready()
        with (
            by_http(self.reports, publisher),
            by_standard_input(self.reports, self.environment, self.folder),
        ):
            yield
        publisher.stop()

    def judge(self, consumer: ServiceProcess) -> tuple[int, int]:
        """Wait until all is stored; return how many reports are lost, and how many doubled.

        The queue must be empty then, the answers must be those of the rules, and no report may
        be among the dead letters.
        """
        expected = len(self.reports.distinct)
        found: Counter[Report] = Counter()

        def stored_all() -> bool:
            if waiting(self.broker, EVENTS_QUEUE.name) > 0:
                return False
            found.clear()
            found.update(self.stored(consumer))
            return len(found) >= expected

        try:
            eventually(stored_all, _DRAIN_SECONDS)
        except AssertionError:
            return self.reports.judge(found)
        self._compare_periods(consumer)
        consumer.stop()
        assert waiting(self.broker, EVENTS_QUEUE.name) == 0, "what is stored is acknowledged"
        return self.reports.judge(found)

    @staticmethod
    def stored(consumer: ServiceProcess) -> Iterator[Report]:
        """Read everything that is stored, page by page, as a user would."""
        with httpx.Client(base_url=consumer.url, timeout=60) as client:
            for patient in PATIENTS:
                parameters: dict[str, str | int] = {"patient_id": patient, "limit": 1000}
                while True:
                    page = client.get("/events", params=parameters).raise_for_status().json()
                    yield from map(Report.answered, page["events"])
                    if page["next"] is None:
                        break
                    parameters["after"] = page["next"]

    def _compare_periods(self, consumer: ServiceProcess) -> None:
        for patient in PATIENTS[:5]:
            events = [
                explain_event(report.row)
                for report in self.reports.distinct
                if report.patient_id == patient
            ]
            answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": patient}).json()
            found = {(each["medication_name"], each["start"]) for each in answer["periods"]}
            assert found == {
                (period.medication_name, period.start.isoformat().replace("+00:00", "Z"))
                for period in medication_periods(events).periods
            }


@asynccontextmanager
async def channel_to(broker: PrivateBroker) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """Open a plain channel with confirms, as someone else's program would."""
    async with await aio_pika.connect(broker.url) as connection:
        yield await connection.channel()


def waiting(broker: PrivateBroker, queue: str) -> int:
    """Count the messages that a queue has ready."""

    async def count() -> int:
        async with channel_to(broker) as channel:
            declared = await channel.declare_queue(queue, passive=True)
            return declared.declaration_result.message_count or 0

    return asyncio.run(count())


def send(broker: PrivateBroker, *bodies: bytes, exchange: str = EVENTS_EXCHANGE.name) -> None:
    """Publish message bodies as someone else's program would, and wait for the confirms."""

    async def publish() -> None:
        async with channel_to(broker) as channel:
            target = await channel.get_exchange(exchange)
            for start in range(0, len(bodies), 100):
                await asyncio.gather(
                    *(
                        target.publish(aio_pika.Message(body), ROUTING_KEY)
                        for body in bodies[start : start + 100]
                    )
                )

    asyncio.run(publish())


def dead_letters(broker: PrivateBroker) -> list[aio_pika.abc.AbstractIncomingMessage]:
    """Take all dead letters off their queue."""

    async def take() -> list[aio_pika.abc.AbstractIncomingMessage]:
        async with channel_to(broker) as channel:
            queue = await channel.get_queue(DEAD_LETTER_QUEUE.name)
            taken = []
            while (letter := await queue.get(fail=False, no_ack=True)) is not None:
                taken.append(letter)
            return taken

    return asyncio.run(take())


def delete_queues(broker: PrivateBroker) -> None:
    """Leave nothing behind for the next test, which declares the queues anew."""

    async def delete() -> None:
        async with channel_to(broker) as channel:
            for queue in (EVENTS_QUEUE, DEAD_LETTER_QUEUE):
                await channel.queue_delete(queue.name)

    asyncio.run(delete())


def purge_queues(broker: PrivateBroker) -> None:
    """Leave no message behind; the queues stay."""

    async def purge() -> None:
        async with channel_to(broker) as channel:
            for queue in (EVENTS_QUEUE, DEAD_LETTER_QUEUE):
                await (await channel.get_queue(queue.name)).purge()

    asyncio.run(purge())


def fill(filler: Path) -> None:
    """Leave no room on the disk of a file."""
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
