"""The migrations make the table that the statements are written for."""

from pathlib import Path

from consumer_app.storage.database import migrate, open_database
from tests.schemas import differences


async def test_the_migrated_schema_is_that_of_the_tables(tmp_path: Path) -> None:
    engine = open_database(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await migrate(engine)
    try:
        assert await differences(engine) == []
    finally:
        await engine.dispose()
