"""Which database DATABASE_URL names, and of PostgreSQL which of several hosts is asked for."""

import pytest

from consumer_app.storage.database import check_database_url, open_database

URL = "postgresql+asyncpg://u@/d?host=a:5432&host=b:5432"


@pytest.mark.parametrize(
    ("asked", "of_readers"),
    [
        ("read-write", "primary"),
        ("read-only", "standby"),
        ("primary", "primary"),
        ("standby", "standby"),
        ("prefer-standby", "prefer-standby"),
        ("any", "any"),
    ],
)
def test_read_only_sessions_ask_for_the_same_host_in_words_that_do_not_mean_themselves(
    asked: str, of_readers: str
) -> None:
    for read_only, words in ((False, asked), (True, of_readers)):
        url = open_database(f"{URL}&target_session_attrs={asked}", read_only=read_only).url
        assert url.query == {"host": ("a:5432", "b:5432"), "target_session_attrs": words}


@pytest.mark.parametrize(
    "name",
    ["", "/", "/:memory:", "/:memory:?cache=shared", "/file:events.db?uri=true", "/file::memory:"],
)
def test_what_is_no_file_to_sqlite_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^write sqlite\+aiosqlite:///FILE or"):
        check_database_url(f"sqlite+aiosqlite://{name}")


def test_where_none_is_asked_for_it_stays_so() -> None:
    assert "target_session_attrs" not in open_database(URL, read_only=True).url.query
