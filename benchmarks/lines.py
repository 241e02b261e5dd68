"""The lines of the table: each sets a part of ours beside its yardstick, round by round."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any, Literal

PER_SECOND: Literal["/s"] = "/s"
MILLISECONDS: Literal[" ms"] = " ms"
MEBIBYTES: Literal[" MiB"] = " MiB"

Unit = Literal["/s", " ms", " MiB"]


@dataclass(frozen=True)
class Line:
    """A part and its yardstick, as measured in one round or in several.

    ``reach`` is the ratio to be reached: at least that of rates, at most that of times and sizes.
    """

    part: str
    yardstick: str
    unit: Unit
    rounds: Sequence[tuple[float, float]]
    """The part's figure and the yardstick's, of each round."""
    reach: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What it has in common with the same line of another run."""
        return self.part, self.yardstick

    @property
    def measured(self) -> float:
        """The median of the part's figures."""
        return median(part for part, _ in self.rounds)

    @property
    def compared_with(self) -> float:
        """The median of the yardstick's figures."""
        return median(yardstick for _, yardstick in self.rounds)

    @property
    def ratios(self) -> list[float]:
        """Each round's ratio, smallest first: within a round both ran under the same conditions."""
        return sorted(part / yardstick for part, yardstick in self.rounds)

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def is_cost(self) -> bool:
        """Whether less of it is better."""
        return self.unit != PER_SECOND

    @property
    def reached(self) -> bool | None:
        """Whether the ratio is what is to be reached; None when nothing is."""
        if self.reach is None:
            return None
        return self.ratio <= self.reach if self.is_cost else self.ratio >= self.reach

    def gain_over(self, before: "Line") -> float:
        """Say how good the ratio is as a share of what it was before; below 1 it is worse."""
        gain = self.ratio / before.ratio
        return 1 / gain if self.is_cost else gain

    def as_json(self) -> dict[str, Any]:
        """Return the fields, from which the line can be made again, and what follows from them."""
        return asdict(self) | {"ratio": self.ratio, "ratios": self.ratios, "reached": self.reached}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Line":
        """Make the line that ``as_json`` wrote."""
        return cls(*(found[name] for name in cls.__dataclass_fields__))

    def __str__(self) -> str:
        verdict = {None: "", True: "yes", False: "**no**"}[self.reached]
        reach = "" if self.reach is None else f"{'≤' if self.is_cost else '≥'} {self.reach:g}"
        spread = f"{self.ratios[0]:.2f}-{self.ratios[-1]:.2f}" if len(self.rounds) > 1 else ""
        return (
            f"| {self.part} | {self._written(self.measured)} "
            f"| {self.yardstick} {self._written(self.compared_with)} "
            f"| {self.ratio:.2f} | {spread} "
            f"| {reach} | {verdict} |"
        )

    def _written(self, figure: float) -> str:
        return f"{figure:,.{1 if self.unit == MILLISECONDS else 0}f}{self.unit}"


def joined(runs: Sequence[Sequence[Line]]) -> list[Line]:
    """Join the rounds of runs that measured the same lines."""
    return [
        replace(same[0], rounds=[pair for line in same for pair in line.rounds])
        for same in zip(*runs, strict=True)
    ]
