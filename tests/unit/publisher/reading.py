"""How the tests read: text or bytes taken apart into rows."""

import io

from publisher_app.formats.recognition import records_of
from publisher_app.formats.records import Record
from publisher_app.formats.text import decode


def rows(content: str | bytes) -> list[Record]:
    return list(records_of(decode(io.BytesIO(encoded(content)))))


def contents(content: str | bytes) -> list[object]:
    return [row.content for row in rows(content)]


def lines(content: str | bytes) -> list[int]:
    return [row.place for row in rows(content)]


def encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
