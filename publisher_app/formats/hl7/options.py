"""How HL7 v2 is read: what a source's profile may say of it."""

from collections.abc import Mapping
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Word = Literal["start", "stop", "point", "none"]
Ranking = Literal["RXA-22", "MSH-7"]


class Hl7Options(NamedTuple):
    """How the messages of one source are read."""

    source: str = "hl7"
    """What the identifiers of its records begin with."""
    authority: str | None = None
    """The authority (PID-3.4) of patients' identifiers; without one the type MR, or the first."""
    zone: ZoneInfo | None = None
    """The zone of times without an offset; without it, MSH-7's offset."""
    charset: str | None = None
    """The encoding of messages whose MSH-18 is empty; without it, UTF-8."""
    words: Mapping[str, Word] = {}
    """What the words in RXA-20 say that are none of HL7's codes: ``New Bag`` = start."""
    is_pump: bool = False
    """Whether an administration without an end (RXA-4) goes on, and is no point."""
    by_start: bool = False
    """Whether the start (RXA-3) is part of the record: for senders whose RXA-2 is always 1."""
    ranked_by: Ranking | None = None
    """What ranks the versions of a record; without it RXA-22 where it is there, else MSH-7."""
    processing: tuple[str, ...] = ("P",)
    """The processing ids (MSH-11) that are taken: P is production, T training, D debugging."""
