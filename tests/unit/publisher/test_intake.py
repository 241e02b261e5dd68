"""Whatever the input: good records are published and confirmed, the others rejected."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import pytest
from faststream.rabbit import RabbitBroker

from contracts import MedicationEvent, Report
from publisher_app.failures import NotConfirmed, UnreadableInput
from publisher_app.formats.recognition import Formats
from publisher_app.formats.records import Record
from publisher_app.intake import Intake, Outcome
from publisher_app.publishing import EventPublisher
from publisher_app.settings import PublisherSettings

ROW = {
    "patient_id": "2",
    "medication_name": "Y",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}


class Confirming(EventPublisher):
    """Confirms each message once it is let to, and counts those that wait."""

    def __init__(self) -> None:
        super().__init__(RabbitBroker(), give_up_after=1)
        self.messages: list[list[str]] = []
        self.runs: set[str | None] = set()
        self.sources: set[str | None] = set()
        self.confirms = asyncio.Event()
        self.confirms.set()
        self.refused_from: int | None = None
        self.waiting = self.most_waiting = 0

    async def publish(
        self, reports: Sequence[Report], run: str | None, source: str | None = None
    ) -> None:
        self.runs.add(run)
        self.sources.add(source)
        events = [each for each in reports if isinstance(each, MedicationEvent)]
        self.messages.append([event.patient_id for event in events])
        number = len(self.messages)
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await self.confirms.wait()
        self.waiting -= 1
        if self.refused_from is not None and number >= self.refused_from:
            raise NotConfirmed("RabbitMQ has not confirmed")


@pytest.fixture
async def publisher() -> Confirming:
    return Confirming()


class Input:
    """An input, by either way in."""

    def __init__(self, publisher: Confirming, *, at_hand: bool, window: int = 16) -> None:
        settings = PublisherSettings(batch_size=3, window=window)
        self._intake = Intake(publisher, settings)
        self._at_hand = at_hand
        self.outcome = Outcome("monday")
        self.rejected: dict[int, str] = {}

    async def take(self, records: Iterator[Record]) -> None:
        def reject(record: Record, reason: str) -> None:
            self.rejected[record.place] = reason

        recognised = Formats(PublisherSettings()).of_events(records)
        if self._at_hand:
            await self._intake.take(recognised, reject, self.outcome)
        else:
            await self._intake.take_as_they_come(
                lambda: recognised, reject, self.outcome, lambda: None
            )


either_way = pytest.mark.parametrize("at_hand", [True, False], ids=["at hand", "as they come"])


def records(count: int) -> Iterator[Record]:
    return (Record(place, {**ROW, "patient_id": str(place)}) for place in range(count))


def and_bad(good: Iterator[Record]) -> Iterator[Record]:
    yield Record(100, {**ROW, "action": "pause"})
    yield from good
    yield Record(101, None, "is not JSON")


@either_way
async def test_good_records_are_published_in_messages_and_the_others_rejected(
    publisher: Confirming, at_hand: bool
) -> None:
    source = Input(publisher, at_hand=at_hand)

    await source.take(and_bad(records(7)))

    assert publisher.messages == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert publisher.runs == {"monday"}
    assert source.rejected[100].startswith("action: Input should be 'start'")
    assert source.rejected[101] == "is not JSON"
    assert (source.outcome.published, source.outcome.rejected) == (7, 2)


@either_way
async def test_an_input_without_a_record_publishes_nothing(
    publisher: Confirming, at_hand: bool
) -> None:
    source = Input(publisher, at_hand=at_hand)
    await source.take(records(0))
    assert (publisher.messages, source.outcome.published) == ([], 0)


@either_way
async def test_no_more_messages_wait_for_their_confirmation_than_the_window_has_room_for(
    publisher: Confirming, at_hand: bool
) -> None:
    source = Input(publisher, at_hand=at_hand, window=2)
    publisher.confirms.clear()
    taking = asyncio.create_task(source.take(records(30)))
    await until(lambda: publisher.waiting == 2)
    assert source.outcome.published == 0

    publisher.confirms.set()
    await taking
    assert publisher.most_waiting == 2
    assert source.outcome.published == 30


@either_way
async def test_a_message_that_is_not_confirmed_ends_it_and_the_outcome_tells_how_far_it_came(
    publisher: Confirming, at_hand: bool
) -> None:
    source = Input(publisher, at_hand=at_hand, window=1)
    publisher.refused_from = 3
    with pytest.raises(NotConfirmed):
        await source.take(records(30))
    assert source.outcome.published == 6
    assert publisher.waiting == 0


async def test_what_comes_before_a_broken_place_is_published_and_then_it_is_told(
    publisher: Confirming,
) -> None:
    def broken() -> Iterator[Record]:
        yield from records(4)
        raise UnreadableInput("line 5: is not JSON")

    source = Input(publisher, at_hand=False)
    with pytest.raises(UnreadableInput, match="line 5"):
        await source.take(broken())
    assert source.outcome.published == 4


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for is on another thread
            await asyncio.sleep(0.01)
