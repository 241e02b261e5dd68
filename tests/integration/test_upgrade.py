"""A database of version 1.0.0: its texts are read as today's are, and no event counts twice."""

import logging
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from consumer_app.storage.store import EventStore, ReceivedEvent
from contracts import FIELDS, MedicationEvent, explain_event
from local.postgres import PrivatePostgres
from tests.databases import PostgresDatabase, SqliteFile, connect

SCHEMA = """
    CREATE TABLE medication_event (
        patient_id VARCHAR{collation} NOT NULL,
        medication_name VARCHAR{collation} NOT NULL,
        event_time {time} NOT NULL,
        action VARCHAR{collation} NOT NULL,
        order_id VARCHAR{collation} NOT NULL,
        event_id VARCHAR{collation} NOT NULL,
        received_at {time} NOT NULL,
        PRIMARY KEY (patient_id, medication_name, event_time, action, order_id, event_id)
    ){storage};
    {partitions}
    CREATE TABLE alembic_version (
        version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
    );
    INSERT INTO alembic_version VALUES ('0001')
"""
KEY = ("patient_id", "medication_name", "event_time", "action", "order_id", "event_id")
FIRST_ARRIVAL = datetime(2026, 11, 24, tzinfo=UTC)

Row = tuple[Any, ...]
Fill = Callable[[Iterable[Row]], Any]


def row(patient: str, medication: str, action: str = "start", **optional: str) -> dict[str, str]:
    event = {"patient_id": patient, "medication_name": medication, "action": action}
    return event | {"event_time": "2021-01-05T08:00:00Z"} | optional


FILE = [
    row("1", "Heparin"),
    row("1", "Insulin\u00a0 aspart"),
    row("1", "Insulin  aspart", "stop"),
    row("1", "NaCl 0.9%\u2003in water", order_id="A  7", event_id="pump\u202f1"),
    row("1", "Noradrenaline \ufeff"),
    row("1", "Noradrenaline"),  # looks equal to the one before it
    row("2  a", "Heparin"),
    row("3", "قرص می\u200cخورم"),  # a joiner that its script needs
    row("4", "Ätherisches Öl"),
    row("5", "Heparin", order_id="A\u200b"),
    row("6\u200b", "Heparin"),
    row("\u2060", "Heparin"),
]


def as_stored(number: int, fields: dict[str, str]) -> Row:
    """Give the row that 1.0.0 made of an event: it only trimmed, and normalised accents."""
    texts = {
        name: unicodedata.normalize("NFC", fields.get(name, "").strip())
        for name in KEY
        if name != "event_time"
    }
    times = datetime.fromisoformat(fields["event_time"]), FIRST_ARRIVAL + timedelta(number)
    return (*(texts.get(name, times[0]) for name in KEY), times[1])


async def in_sqlite(folder: Path, rows: Iterable[Row]) -> str:
    database = SqliteFile(folder)
    written = [
        tuple(f"{each:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(each, datetime) else each for each in r)
        for r in rows
    ]
    with closing(sqlite3.connect(database.file)) as connection:
        connection.executescript(
            SCHEMA.format(collation="", time="VARCHAR", storage=" WITHOUT ROWID", partitions="")
        )
        connection.executemany("INSERT INTO medication_event VALUES (?,?,?,?,?,?,?)", written)
        connection.commit()
    return database.url


async def in_postgresql(url: str, rows: Iterable[Row], partitions: int) -> str:
    schema = SCHEMA.format(
        collation=' COLLATE "C"',
        time="TIMESTAMP WITH TIME ZONE",
        storage=" PARTITION BY HASH (patient_id)" if partitions else "",
        partitions="".join(
            f"CREATE TABLE medication_event_{number} PARTITION OF medication_event"
            f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number});"
            for number in range(partitions)
        ),
    )
    connection = await connect(url)
    await connection.execute(schema)
    insert = "INSERT INTO medication_event VALUES ($1,$2,$3,$4,$5,$6,$7)"
    await connection.executemany(insert, list(rows))
    await connection.close()
    return url


@pytest.fixture(params=["sqlite", "postgresql", "postgresql in partitions"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Iterable[Row]], Any]:
    """Give what makes a database of 1.0.0 with such rows, and returns its URL."""
    if request.param == "sqlite":
        return lambda rows: in_sqlite(tmp_path, rows)
    server: PrivatePostgres = request.getfixturevalue("postgres")
    url = PostgresDatabase(server).url
    partitions = 4 if "partitions" in request.param else 0
    return lambda rows: in_postgresql(url, rows, partitions)


def read(fields: dict[str, str]) -> MedicationEvent | None:
    try:
        return explain_event(fields)
    except ValidationError:
        return None


async def stored(store: EventStore, patient: str) -> list[ReceivedEvent]:
    return await store.page_of(patient, 100)


def of(received: ReceivedEvent) -> MedicationEvent:
    return MedicationEvent(**{name: getattr(received, name) for name in FIELDS})


async def test_a_file_that_was_stored_by_1_0_0_counts_once_when_it_is_published_again(
    database: Fill, caplog: pytest.LogCaptureFixture
) -> None:
    url = await database(as_stored(*each) for each in enumerate(FILE))
    again = [event for event in map(read, FILE) if event is not None]

    async with EventStore.at(url) as store:
        with caplog.at_level(logging.WARNING):
            before = {patient: await stored(store, patient) for patient in ["1", "2 a", "3", "4"]}
        await store.add(again)
        after = {patient: await stored(store, patient) for patient in before}

    assert after == before
    assert {of(event) for found in after.values() for event in found} == {*again}
    assert [len(found) for found in after.values()] == [5, 1, 1, 1]
    assert [each.getMessage() for each in caplog.records] == [
        "8 stored events had texts with spaces or invisible characters"
    ]


async def test_of_events_that_become_equal_the_first_arrival_stays(database: Fill) -> None:
    late, early, plain = FIRST_ARRIVAL, FIRST_ARRIVAL - timedelta(1), FIRST_ARRIVAL + timedelta(1)
    spellings = {"Insulin  aspart": late, "Insulin\u00a0aspart": early, "Insulin aspart": plain}
    rows = [(*as_stored(0, row("1", name))[:-1], received) for name, received in spellings.items()]
    async with EventStore.at(await database(rows)) as store:
        (event,) = await stored(store, "1")

    assert (event.medication_name, event.received_at) == ("Insulin aspart", early)


async def test_what_is_refused_in_an_identifier_today_is_left_out_of_a_stored_one(
    database: Fill,
) -> None:
    url = await database(as_stored(*each) for each in enumerate(FILE))
    async with EventStore.at(url) as store:
        found = [
            *await stored(store, "5"),
            *await stored(store, "6"),
            *await stored(store, "U+2060"),
        ]

    assert [(event.patient_id, event.order_id) for event in found] == [
        ("5", "A"),
        ("6", None),
        ("U+2060", None),
    ]


async def test_all_of_many_patients_are_read_and_no_row_is_lost(database: Fill) -> None:
    rows = [
        as_stored(0, row(f"{patient // 20}", f"Medication  {patient}") | {"event_id": "\u00e9"})
        for patient in range(25_000)
    ]
    async with EventStore.at(await database(rows)) as store:
        for patient in ("0", "999", "1249"):
            found = await stored(store, patient)
            assert {event.medication_name for event in found} == {
                f"Medication {number}"
                for number in range(int(patient) * 20, int(patient) * 20 + 20)
            }
