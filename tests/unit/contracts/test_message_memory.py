"""To read a message takes little memory beside it, whatever it holds."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from contracts import MAX_MESSAGE_BYTES

EVENT = (
    '"patient_id":"2","medication_name":"Y","action":"start","event_time":"2021-01-01T02:00:00Z"'
)
MISSING = "medication_name: Field required; action: Field required; event_time: Field required"
TOO_LONG = "patient_id: String should have at most 128 characters"
TOO_MANY = "a list of more than 1000 events: a message holds up to 1000"

# The peak of the process is what it has taken of the machine, in whatever language.
READ = f"""
import sys
from contracts import read_message

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

begin, repeated, end = sys.argv[1:]
begin, repeated, end = begin.encode(), repeated.encode(), end.encode()
body = begin + repeated * (({MAX_MESSAGE_BYTES} - len(begin + end)) // len(repeated)) + end
before = peak()
events, refusal = read_message(body)
print(peak() - before, len(body), len(events), refusal)
"""


def read(parts: Sequence[str]) -> tuple[int, int, int, str]:
    """Read a message of a repeated part between others; give the peak's growth in KiB, too."""
    done = subprocess.run(
        [sys.executable, "-c", READ, *parts], check=True, capture_output=True, text=True
    )
    grown, size, events, refusal = done.stdout.split(maxsplit=3)
    return int(grown), int(size), int(events), refusal.strip()


@pytest.mark.parametrize(
    ("parts", "events", "refusal"),
    [
        (("[", "{},", "{}]"), 0, TOO_MANY),
        (('{"x":[', "{},", "{}]}"), 0, f"patient_id: Field required; {MISSING}"),
        (('[{"x":[', "{},", "{}]}]"), 0, f"element 0: patient_id: Field required; {MISSING}"),
        (('{"patient_id":[', "[],", "[]]}"), 0, f"{TOO_LONG}; {MISSING}"),
        (('{"patient_id":"💊', "ab ", '"}'), 0, f"{TOO_LONG}; {MISSING}"),
        ((f'{{{EVENT},"x":[', "[],", "[]]}"), 1, "None"),
    ],
)
def test_to_read_a_message_takes_a_few_times_its_bytes_at_most(
    parts: Sequence[str], events: int, refusal: str
) -> None:
    grown, size, *found = read(parts)
    assert found == [events, refusal]
    assert size > MAX_MESSAGE_BYTES - 10
    assert grown * 1024 < 4 * MAX_MESSAGE_BYTES
