"""How the tests read: text or bytes taken apart into rows."""

import io

from publisher_app.formats.rows import Row, rows_of
from publisher_app.inputs.files import decode


def rows(content: str | bytes) -> list[Row]:
    return list(rows_of(decode(io.BytesIO(encoded(content)))))


def contents(content: str | bytes) -> list[object]:
    return [row.content for row in rows(content)]


def lines(content: str | bytes) -> list[int]:
    return [row.line for row in rows(content)]


def encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
