"""The migrations make the table that the statements are written for."""

from pathlib import Path

from consumer_app.storage.backend import COLUMNS, row
from consumer_app.storage.database import migrate, open_database
from consumer_app.storage.tables import FIELDS_IN_KEY, KEY, NUMBERED
from contracts import FIELDS, explain_event
from tests.schemas import differences


async def test_the_migrated_schema_is_that_of_the_tables(tmp_path: Path) -> None:
    engine = open_database(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await migrate(engine)
    try:
        assert await differences(engine) == []
    finally:
        await engine.dispose()


def test_every_field_of_an_event_is_in_the_key_and_in_its_row() -> None:
    event = explain_event(
        {
            "patient_id": "patient_id",
            "medication_name": "medication_name",
            "action": "start",
            "event_time": "2021-01-01T02:00:00Z",
            "order_id": "order_id",
            "event_id": "event_id",
        }
    )
    written = dict(
        zip(COLUMNS, row(event, "medication_name", "event_time", "received_at", 3), strict=True)
    )
    assert [*KEY] == [NUMBERED.get(name, name) for name in FIELDS_IN_KEY]
    assert {*FIELDS_IN_KEY} == {*FIELDS}
    named = {number: name for name, number in NUMBERED.items()}
    expected = {name: named.get(name, name) for name in COLUMNS}
    assert written == expected | {"action": 0, "run": 3}
