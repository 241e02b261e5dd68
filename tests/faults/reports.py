"""Reports for the fault tests: with repeats, cancels and late ones, and a memory of them all."""

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

PATIENTS = tuple(f"patient-{number}" for number in range(40))
_MEDICATIONS = ("Heparin", "Insulin", "Propofol", "Ünïcødé 0.9 %", 'quoted "name"')
_ACTIONS = ("start", "start", "start", "stop", "stop", "stop", "cancel_start", "cancel_stop")
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_MINUTES = 60 * 24 * 30
_REPEATED = 0.1


class Report(NamedTuple):
    """An event in the order of fields that /events answers with."""

    patient_id: str
    medication_name: str
    action: str
    event_time: str
    order_id: str | None
    event_id: str

    @property
    def row(self) -> dict[str, str]:
        """The report as a publisher's row."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    @property
    def line(self) -> bytes:
        """The report as a line of JSON Lines."""
        return json.dumps(self.row).encode() + b"\n"

    @classmethod
    def answered(cls, event: dict[str, Any]) -> "Report":
        """Read an event of an answer."""
        return cls(*(event[name] for name in cls._fields))


class Reports:
    """Makes reports in no order of time, some of them again; remembers what it gave out."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._given: list[Report] = []
        self.distinct: set[Report] = set()

    def take(self, count: int) -> list[Report]:
        """Give out so many reports."""
        return [self._one() for _ in range(count)]

    def judge(self, stored: "Counter[Report]") -> tuple[int, int]:
        """Count the reports that are lost, and those that are stored more than once."""
        assert stored.keys() <= self.distinct, "nothing is stored that was never reported"
        return len(self.distinct - stored.keys()), stored.total() - len(stored)

    def _one(self) -> Report:
        choose = self._random
        if self._given and choose.random() < _REPEATED:
            return choose.choice(self._given)
        time = _BEGIN + timedelta(minutes=choose.randrange(_MINUTES))
        report = Report(
            choose.choice(PATIENTS),
            choose.choice(_MEDICATIONS),
            choose.choice(_ACTIONS),
            time.isoformat().replace("+00:00", "Z"),
            choose.choice((None, "order-1", "order-2")),
            f"event-{len(self._given)}",
        )
        self._given.append(report)
        self.distinct.add(report)
        return report
