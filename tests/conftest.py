"""What tests of several kinds stand on."""

from collections.abc import Iterator

import pytest

from local.postgres import PrivatePostgres, private_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """Give a PostgreSQL server, in which each test makes a database of its own."""
    with private_postgres() as server:
        yield server
