"""What lays out an answer: from all events of a patient, or from the medications one by one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from consumer_app.queries.answers import PeriodAnswer
from consumer_app.recorded import FullEvent
from consumer_app.storage.backend import Reports

Lists = Iterable[tuple[str, Iterable[PeriodAnswer | FullEvent]]]
"""The lists of an answer by their names, each in the order of time."""


class Gathered(Protocol):
    """The lists of an answer, gathered from the medications: each value as it is written."""

    newest: datetime | None
    """When the newest report about the patient arrived, where that is told."""

    def in_order(self, name: str) -> Iterator[Sequence[bytes]]:
        """Yield a list in the order of time, some at a time."""


class Layout(Protocol):
    """Lays out the answer to a query."""

    headers: ClassVar[Mapping[str, str]]
    needs_arrivals: ClassVar[bool]
    """Whether it tells when reports arrived, or follows from it."""

    def answer(self, reports: Reports) -> Iterator[bytes]:
        """Answer from all events; of the body, some at a time."""

    def lists(self, reports: Reports) -> Lists:
        """Yield what the answer has of a medication, from all events of it."""

    def write(self, value: PeriodAnswer | FullEvent) -> bytes:
        """Write what ``lists`` yields, as it is gathered."""

    def answer_gathered(self, gathered: Gathered) -> Iterator[bytes]:
        """Answer from what was gathered; of the body, some at a time."""
