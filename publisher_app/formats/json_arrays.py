"""JSON arrays: element by element, however long the array is."""

from collections.abc import Iterator
from itertools import chain

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.foreign import FHIR, is_fhir
from publisher_app.formats.json_window import Window
from publisher_app.formats.records import Record
from publisher_app.formats.text import Source


def json_array(source: Source, _: Columns) -> Iterator[Record]:
    """Yield the elements of an array one by one.

    Raises:
        UnreadableInput: they are FHIR's, or the rest is no such array.

    """
    window = Window(chain([source.first], source.chunks()), source.line)
    for number, record in enumerate(window.elements()):
        if number == 0 and isinstance(record.content, dict) and is_fhir(record.content):
            raise UnreadableInput(f"it is {FHIR}")
        yield record
    if window.next_character():
        raise UnreadableInput(f"line {window.line}: there is more behind the end of the array")
