"""What is listed can be read line by line, and what a page repeats is one with the first."""

from collections.abc import AsyncIterator
from typing import Any

from msgspec.structs import replace

from consumer_app.audit.listing import Entry, folded
from consumer_app.audit.records import READ, Record
from tests.unit.audit.records import MORNING, PURGE, REFUSED, at


async def lines_of(*records: Record) -> list[str]:
    async def found() -> AsyncIterator[Record]:
        for record in records:
            yield record

    return [entry.line() async for entry in folded(found())]


async def test_a_line_has_who_where_what_and_of_whom() -> None:
    assert await lines_of(MORNING, REFUSED, PURGE) == [
        "2026-01-31T08:00:00.000000Z\tread\t200\tnurse\ttimeline\t10.0.0.7\tGET /periods\t2\t"
        "medication_name=Heparin&medication_name=Insulin&merge_gap=P30D",
        "2026-01-31T09:00:00.000000Z\tread\t401\t-\t-\t10.0.0.8\tGET /events\t-\t-",
        "2026-01-31T10:00:00.000000Z\tcommand\t-\troot\t-\t-\tdatabase purge\t-\t"
        "before=2015-01-01T00%3A00%3A00Z",
    ]


async def test_what_a_page_asks_again_is_counted_with_the_first() -> None:
    lines = await lines_of(MORNING, at("08:01"), at("08:02", record=PURGE), at("08:59"))

    assert len(lines) == 2
    assert lines[0].endswith("\trefreshed 2 times until 2026-01-31T08:59:00.000000Z")


async def test_what_a_page_asks_in_another_hour_is_a_line_of_its_own() -> None:
    lines = await lines_of(MORNING, at("08:01"), at("09:01"), at("09:02"), at("11:00"))

    assert [line.partition("refreshed ")[2][:1] for line in lines] == ["1", "1", ""]


async def test_no_more_is_held_than_an_hour() -> None:
    read: list[Record] = []

    async def found() -> AsyncIterator[Record]:
        for hour in range(10, 20):
            read.append(at(f"{hour}:00"))
            yield read[-1]

    held = [len(read) - listed async for listed in _counted(folded(found()))]
    assert max(held) == 2


async def _counted(entries: AsyncIterator[Entry]) -> AsyncIterator[int]:
    listed = 0
    async for _ in entries:
        yield listed
        listed += 1


async def test_what_somebody_asks_again_is_a_line_of_its_own() -> None:
    lines = await lines_of(MORNING, at("08:01"), at("09:00", READ), at("09:01"))

    assert [line.partition("refreshed ")[2][:1] for line in lines] == ["1", "1"]


async def test_a_refresh_of_another_patient_outcome_or_person_is_not_hidden() -> None:
    others: list[dict[str, Any]] = [
        {"patient": "3"},
        {"outcome": 503},
        {"subject": "other"},
        {"token": "other"},
        {"address": "10.0.0.9"},
        {"route": "/events"},
        {"parameters": {}},
    ]
    refreshes = [at("08:01", record=replace(MORNING, **other)) for other in others]

    assert len(await lines_of(MORNING, *refreshes)) == 8


async def test_a_refresh_without_what_it_repeats_is_a_line() -> None:
    assert [line.split("\t")[1] for line in await lines_of(at("08:01"))] == ["refresh"]


async def test_nothing_of_a_record_can_deceive_who_reads_it() -> None:
    [line] = await lines_of(
        Record(time="0", kind="read", server="a", subject="a\tb\n\x1b[2J\u202e", patient="2\r3")
    )

    assert line.split("\t")[3] == "a?b??[2J?"
    assert line.split("\t")[7] == "2?3"
