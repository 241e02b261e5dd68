"""How the tests read: text or bytes taken apart into rows."""

import io
from collections.abc import Sequence

from contracts import MedicationEvent
from publisher_app.formats.columns import Columns
from publisher_app.formats.mapping import FieldMapping
from publisher_app.formats.recognition import records_of
from publisher_app.formats.records import Record
from publisher_app.formats.text import decode


class AnyColumns(Columns):
    """Takes every header, where a test is about what stands under it."""

    def __init__(self) -> None:
        super().__init__({})

    def is_header(self, _: Sequence[str]) -> bool:
        return True

    def check_header(self, _: Sequence[str]) -> None:
        pass


def rows(
    content: str | bytes,
    columns: Columns | None = None,
    skip_lines: int = 0,
    encoding: str | None = None,
) -> list[Record]:
    text = decode(io.BytesIO(encoded(content)), encoding)
    return list(records_of(text, columns or AnyColumns(), skip_lines=skip_lines))


def event_of(mapping: FieldMapping, record: Record) -> MedicationEvent:
    [report] = mapping.reports_of(record)
    assert isinstance(report, MedicationEvent)
    return report


def contents(content: str | bytes, encoding: str | None = None) -> list[object]:
    return [row.content for row in rows(content, encoding=encoding)]


def lines(content: str | bytes) -> list[int]:
    return [row.place for row in rows(content)]


def encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
