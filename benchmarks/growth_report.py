"""What was measured while a database grew: as the page docs/growth.md and as a picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl

from benchmarks.machine import machine
from benchmarks.queries import Latency

mpl.use("svg")
from matplotlib import pyplot as plt

_DOCS = Path(__file__).parents[1] / "docs"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_INTRODUCTION = """\
# Growth

`make growth EVENTS=27_000_000` puts a hospital's whole history, synthetic events in the order of
time, from a file through the publisher, RabbitMQ and the consumer, all on one machine, and asks for
the periods of patients at random meanwhile, 50 times a second. `DATABASE=postgresql CONSUMERS=2`
does it with PostgreSQL, on the same machine, too; with `APART=1` a process that only answers is
asked ([why](decisions/0023-answering-apart-from-storing.md)). It writes this page,
[growth.json](growth.json) and the picture.

A hospital's events come in stays: of 560 patients in their beds at a time, with 55 events a stay in
the mean, as the MIMIC-IV demo has them, and 500 events a patient in all. `SCATTERED=1` makes each
event one of any patient, as where the times of each were moved by another number of years: no file
is harder on a database, as nearly each event is on a page of its own.

The seconds are those from the publisher's start to the commit of that event; rates and the times of
`/periods` are those since the line before. The memory is what the processes held then, as resident
sets; that of PostgreSQL is not in it.
"""


@dataclass
class Sample:
    """What is measured once a million more events are stored."""

    events: int
    seconds: float
    """From the start of the publisher."""
    rate: float
    """Events per second since the sample before."""
    database_mebibytes: float
    memory: Mapping[str, float]
    """Mebibytes by the name of the process."""
    latency: Latency
    """Of `/periods` since the sample before."""

    def __str__(self) -> str:
        memory = " | ".join(f"{size:,.0f}" for size in self.memory.values())
        return (
            f"| {self.events / 1e6:.1f} | {self.seconds:,.0f} | {self.rate:,.0f} "
            f"| {self.database_mebibytes:,.0f} | {memory} "
            f"| {self.latency.p50:.1f} | {self.latency.p99:.1f} |"
        )


@dataclass
class Growth:
    """What was measured from the first event to the last, and afterwards."""

    consumers: int
    is_apart: bool
    """Whether another process answered."""
    is_scattered: bool
    """Whether each event was of any patient."""
    samples: Sequence[Sample]
    idle: Latency
    """Of `/periods` in the end, while nothing is stored."""


def write(database: str, growth: Growth) -> str:
    """Write page, JSON and picture, in which the other ones stay; return the page's part."""
    file = _DOCS / "growth.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    name = f"{_NAMES[database]}, scattered" if growth.is_scattered else _NAMES[database]
    part = _part(name, growth)
    kept[name] = asdict(growth) | {"page": part}
    file.write_text(json.dumps(kept, indent=2) + "\n")
    picture = "![Events stored by time, and p99 of /periods](growth.svg)\n"
    parts = [each["page"] for each in kept.values()]
    (_DOCS / "growth.md").write_text("\n".join([_INTRODUCTION, picture, *parts]))
    _draw(kept, _DOCS / "growth.svg")
    return part


def _part(name: str, growth: Growth) -> str:
    last, consumers = growth.samples[-1], growth.consumers
    services = f"{consumers} consumers" if consumers > 1 else "one consumer"
    if growth.is_apart:
        services += ", and a process that only answers"
    memory = " | ".join(f"{name}, MiB" for name in last.memory)
    lines = "\n".join(map(str, growth.samples))
    return f"""\
## {name}, {services}

{machine()}, {datetime.now(UTC).date()}: {last.events:,} events in {last.seconds / 60:.1f} minutes,
{last.events / last.seconds:,.0f} a second. `/periods` afterwards, with nothing to store: p50
{growth.idle.p50:.1f} ms, p99 {growth.idle.p99:.1f} ms.

| million events | seconds | events/s | database, MiB | {memory} | p50, ms | p99, ms |
|---:|---:|---:|---:|{"---:|" * len(last.memory)}---:|---:|
{lines}
"""


def _draw(kept: Mapping[str, Mapping[str, object]], file: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, growth in kept.items():
        samples: Sequence[Mapping[str, object]] = growth["samples"]  # type: ignore[assignment]
        millions = [each["events"] / 1e6 for each in samples]  # type: ignore[operator]
        left.plot(millions, [each["rate"] for each in samples], label=name)
        p99 = [each["latency"][1] for each in samples]  # type: ignore[index]
        right.plot(millions, p99, label=name)
    left.set(xlabel="million events stored", ylabel="events per second, durable", ylim=0)
    right.set(xlabel="million events stored", ylabel="p99 of /periods, ms", ylim=0)
    for axes in (left, right):
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
    figure.savefig(file, metadata={"Date": None})
