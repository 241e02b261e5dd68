"""What was measured: as a table, as JSON, as the page docs/performance.md, and as a picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl

from benchmarks.bounds import Bounds
from benchmarks.lines import Line
from benchmarks.machine import machine
from benchmarks.throughput import Backfill

mpl.use("svg")
from matplotlib import pyplot as plt

_DOCS = Path(__file__).parents[1] / "docs"
_INTRODUCTION = """\
# Performance

`make bench` measures this in less than 20 minutes on any machine with Debian's packages, or with
RabbitMQ, PostgreSQL and wrk on the PATH (`make bench MEMORY=1` adds five million events, seven
million rows, and a patient with a million events). It writes this page,
[performance.json](performance.json) and the picture. What counts are the ratios: both sides of each
were measured one after the other, on the same machine.

`make bench AGAINST=HEAD~1` writes nothing: it measures the lines of the table in that commit and in
this tree in turn, and shows the ratios of both. It ends with status 1 when one is less than 0.9
times as good as it was.
"""
_BOUNDS = """\
What takes most memory, beside the limits that the chart sets; and what others suffer while clients
ask for the periods and explanations of patients with very many events, each as fast as it is
answered.
"""
_COSTS = """\
What is not reached, and what it is spent on: by processor time and py-spy on this kind of machine,
in November 2026, beside little else.

- **Backfill against a raw insert.** A raw insert takes 6 microseconds a row. An event takes 30 of
  the two cores: the publisher 12.5, RabbitMQ 3, the consumer 14.5. Where all of that overlaps it is
  15, so 0.4 is the most that the pipeline can reach here; the rest is what does not overlap.
- **Publish to visible.** Half is the way through RabbitMQ and its quorum queue, a third the commit,
  a tenth the question. The commit alone takes 0.7 ms, beside a busy process 1.7 ms: it waits for
  the disk that RabbitMQ syncs to as well.
- **`/periods` against a bare route.** Without a store, `/health/live` takes the processor 0.14 ms a
  request. `/periods` takes 0.40 ms of a patient without events, 0.46 with 10 events and 0.52 to
  0.60 with 100. Of the 0.40 ms the layers of uvicorn, Starlette and FastAPI take 45 %, the socket
  15 %, the parameters and their check 12 %, the trip to the store 10 to 15 %, the access log 9 %.
- **Queries during a backfill.** Publisher, RabbitMQ and consumer fill both cores; queries get what
  the scheduler gives to one more process. Answered apart they wait for no commit.
- **MLLP against a bare listener.** Reading a message, its record and its answer take 0.06 ms of the
  processor, the line in the log 0.01, FastStream's publisher about as much again as aio-pika's.
  Beside the bare loop the way from a sender and back is added, which takes even the bare listener a
  fifth of the loop's rate.
"""
_METHOD = """\
- Each line is measured in three rounds. A round measures every line once, the yardstick first, so
  the three samples of a line lie minutes apart. The figures are medians of the rounds. The ratio is
  the median of the rounds' ratios, not the ratio of the medians: within a round both sides ran
  under the same conditions. The spread is from the smallest of them to the greatest. What stands
  below the table is measured once.
- The backfill runs from the start of the publisher's process to the last commit, everything
  durable: quorum queue, confirms, SQLite with `synchronous=FULL`.
- The do-nothing handler is a FastStream subscriber with the same prefetch that is given one event a
  message and drops it. The raw insert writes such rows, made before, into the same table from one
  process, with the statements that the consumer uses and a commit per 131,072 rows.
- The bare loop parses the lines of the same file as JSON, and publishes lists of 1,000, of which as
  many are unconfirmed as of the publisher's. It checks nothing.
- FHIR's resources have two events each; their rate is that of events, beside as many as JSON
  Lines. A table's rows are events, read by a profile and as plain CSV with the same texts, but
  for an offset. HL7 v2's messages hold one administration, and one is in flight on each MLLP
  connection. The bare listener is sent the same in the same way: it publishes each frame as it is,
  waits until that is confirmed, and answers. The bare loop has no sender, and so none of the way
  from one and back: it publishes as many bodies of that size, each confirmed, with as many in
  flight.
- The simple peer is an aio-pika consumer with prefetch 1 and a commit per event.
- The bare route is FastAPI returning the same bytes; both are asked by wrk over 32 connections.
- The latency is measured at 200 events a second: each tenth from its publish until `GET /periods`,
  asked every half millisecond, shows it; the round trip by the same client through a quorum queue.
- Memory is what a process and its children hold at once, as resident sets; of the publisher of a
  file, its own greatest. The held messages are 1,000 events each. The longest have texts as long as
  they may be, every character an escape; those that just fit hold in each text one character beyond
  U+FFFF, with which the others take four bytes each, too. The peak is that from the first of them
  until all are stored.
- Others ask about patients with 100 events, 100 times a second; their p99 and the stalls of the
  event loop are those meanwhile, idle and not without the first second. 100,000 events are of one
  medication, a million of ten. The answering processes are bounded as in a container of the chart.
- Both readers are given the same message of 1,000 plain events: the quick one, which is tried
  first, and the explaining one, which reads what that one leaves.
"""


@dataclass
class Report:
    """All that was measured."""

    lines: list[Line]
    bounds: Bounds
    longest: Backfill
    by_batch_size: Mapping[int, float]
    by_history_length: Mapping[int, float]
    by_consumers: Mapping[int, float]

    def write(self) -> str:
        """Write the page, the JSON and the picture; return the page."""
        page = self._page()
        (_DOCS / "performance.md").write_text(page)
        lines = {"lines": self.lines, "bounds": self.bounds.lines}
        written = {name: [line.as_json() for line in each] for name, each in lines.items()}
        statuses = {"statuses": self.bounds.statuses}
        found = asdict(self) | written | statuses | {"machine": machine()}
        (_DOCS / "performance.json").write_text(json.dumps(found, indent=2) + "\n")
        self._draw(_DOCS / "performance.svg")
        return page

    def _page(self) -> str:
        longest = self.longest
        return "\n".join(
            [
                _INTRODUCTION,
                f"{machine()}, {datetime.now(UTC).date()}.\n",
                *_lines(self.lines),
                f"Backfill of {longest.events:,} events: {longest.rate:,.0f} a second; peak memory "
                f"of the publisher {longest.publisher_megabytes:.0f} MB, of the consumer "
                f"{longest.consumer_megabytes:.0f} MB.\n",
                *_table("events in a message", "events/s, backfill", self.by_batch_size),
                *_table("events of the patient", "ms, one query", self.by_history_length),
                *_table("consumers on PostgreSQL", "events/s, stored", self.by_consumers),
                "## Memory and heavy patients\n",
                _BOUNDS,
                *_lines(self.bounds.lines),
                *_statuses(self.bounds.statuses),
                "![Throughput by batch size; query time by history length](performance.svg)\n",
                "## Where the time goes\n",
                _COSTS,
                "## How\n",
                _METHOD,
            ]
        )

    def _draw(self, file: Path) -> None:
        mpl.rcParams |= {"svg.hashsalt": "medication-periods", "svg.fonttype": "none"}
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
        left.loglog(list(self.by_batch_size), list(self.by_batch_size.values()), marker="o")
        left.set(xlabel="events in a message", ylabel="events per second, durable")
        right.loglog(
            list(self.by_history_length), list(self.by_history_length.values()), marker="o"
        )
        right.set(xlabel="events of the patient", ylabel="milliseconds for one query")
        for axes in (left, right):
            axes.grid(visible=True, which="both", alpha=0.3)
        figure.savefig(file, metadata={"Date": None})


def _lines(lines: Sequence[Line]) -> Sequence[str]:
    return [
        "| part | measured | yardstick | ratio | spread | to reach | reached |",
        "|---|---:|---:|---:|---:|---:|---|",
        *map(str, lines),
        "",
    ]


def _statuses(by_load: Mapping[str, Mapping[str, int]]) -> Sequence[str]:
    rows = [
        f"| {load} | {statuses.get('200', 0):,} | {statuses.get('503', 0):,} |"
        for load, statuses in by_load.items()
    ]
    return ["| clients | answered | told to ask again (503) |", "|---|---:|---:|", *rows, ""]


def _table(first: str, second: str, figures: Mapping[int, float]) -> Sequence[str]:
    rows = [f"| {key:,} | {value:,.{0 if value > 100 else 1}f} |" for key, value in figures.items()]
    return [f"| {first} | {second} |", "|---:|---:|", *rows, ""]
