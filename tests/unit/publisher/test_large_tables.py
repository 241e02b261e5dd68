"""Tables of any length are read by a profile in the same memory."""

import io
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path
from typing import cast

from publisher_app.formats.profiles import read_profile
from publisher_app.formats.recognition import Formats
from publisher_app.formats.text import decode
from publisher_app.settings import PublisherSettings
from tests.unit.publisher.test_streaming import Endless

PROFILE = """
source = "ward"
[table]
rows = "events"
columns = { patient_id = "mrn", medication_name = "drug", action = "what", event_time = "at" }
actions = { Gabe = "point" }
times = { count = "seconds" }
record = { id = ["row"], version = { column = "at" } }
"""
MEBIBYTE = 1024 * 1024


def rows() -> Iterator[bytes]:
    """Yield rows without end, of which no two have a text in common but the word."""
    return chain(
        [b"mrn,drug,what,at,row\n"], (b"%d,D%d,Gabe,%d,r%d\n" % (4 * (n,)) for n in count())
    )


def test_a_table_without_end_is_read_by_a_profile_in_the_same_memory(tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text(PROFILE)
    formats = Formats(PublisherSettings(profile=read_profile(str(profile))))
    recognised = formats.recognise(decode(cast("io.BufferedReader", Endless(rows()))))

    def read(rows: int) -> int:
        for _ in range(rows):
            [*_] = recognised.reports_of(next(recognised.records), Counter())
        _, peak = tracemalloc.get_traced_memory()
        return peak

    tracemalloc.start()
    try:
        # What is kept of times is full by then.
        warm = read(10_000)
        # All of these would take 20 of them.
        assert read(20_000) <= warm + MEBIBYTE
    finally:
        tracemalloc.stop()
