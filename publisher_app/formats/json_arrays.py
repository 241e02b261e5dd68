"""JSON arrays: element by element, however long the array is."""

from collections.abc import Iterator
from itertools import chain

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.json_beginnings import Begun
from publisher_app.formats.json_window import Window
from publisher_app.formats.records import Record
from publisher_app.formats.text import Source


def json_array(source: Source, begun: Begun, _: Columns) -> Iterator[Record]:
    """Yield the elements of an array one by one.

    Raises:
        UnreadableInput: the rest is no such array.

    """
    window = Window(chain(begun.read, source.chunks()), source.line)
    yield from window.elements()
    if window.next_character():
        raise UnreadableInput(f"line {window.line}: there is more behind the end of the array")
