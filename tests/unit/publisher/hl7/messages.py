"""Messages for tests, as text with a segment a line."""

from collections import Counter
from typing import NamedTuple

from contracts import RecordVersion
from publisher_app.formats.hl7.administrations import Administrations
from publisher_app.formats.hl7.errors import Wrong
from publisher_app.formats.hl7.messages import read_message
from publisher_app.formats.hl7.options import Hl7Options

HEADER = r"MSH|^~\&|PUMPS|ICU|PERIODS|HOSPITAL|20210101120000+0000||RAS^O17^RAS_O17|42|P|2.5"
PATIENT = "PID|1||4711^^^HOSPITAL^MR"
ORDER = "ORC|RE||334^PHARMACY"
USUAL: dict[int, str] = {
    1: "0",
    2: "1",
    3: "20210101080000+0000",
    4: "20210101100000+0000",
    5: "5224^Heparin^RXNORM",
    6: "1",
    20: "CP",
    21: "A",
}


def header(**fields: str) -> str:
    """Write MSH; ``msh_18="UNICODE UTF-8"`` gives a field."""
    written = HEADER.split("|")
    for name, value in fields.items():
        number = int(name.removeprefix("msh_")) - 1
        written += [""] * (number + 1 - len(written))
        written[number] = value
    return "|".join(written)


def rxa(**fields: str) -> str:
    """Write an RXA; ``rxa_20="RE"`` gives a field."""
    given = {int(name.removeprefix("rxa_")): value for name, value in fields.items()}
    found = USUAL | given
    return "RXA|" + "|".join(found.get(number, "") for number in range(1, max(found) + 1))


def message(*segments: str) -> bytes:
    return "".join(f"{each}\r" for each in segments).encode()


def usual(*administrations: str) -> bytes:
    return message(HEADER, PATIENT, ORDER, *(administrations or (rxa(),)))


class Read(NamedTuple):
    versions: list[RecordVersion]
    problem: Wrong | None
    notes: dict[str, int]

    @property
    def edges(self) -> list[str]:
        [version] = self.versions
        return [f"{each.action} {each.event_time:%H:%M}" for each in version.events]


def read(content: bytes, options: Hl7Options = Hl7Options()) -> Read:  # noqa: B008
    versions: list[RecordVersion] = []
    notes: Counter[str] = Counter()
    try:
        found = Administrations(read_message(content, options.charset), options, notes)
        versions.extend(found.versions())
    except Wrong as problem:
        return Read(versions, problem, dict(notes))
    return Read(versions, None, dict(notes))
