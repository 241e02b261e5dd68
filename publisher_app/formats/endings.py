"""Endings: whether the bytes of an input end where a record ends."""

import codecs
import zlib

from publisher_app.formats.foreign import PARQUET
from runtime import gzip_data

_UNPACKED_BYTES = 1024 * 1024
_VT, _FS = b"\x0b", b"\x1c"
_HL7 = (b"MSH", b"FHS", b"BHS")
_LOOK = len(PARQUET)


class Ending:
    """Tells of the bytes so far whether a record is cut off at their end.

    Brackets and quotes are counted wherever they stand, so it may take a whole input for one that
    is cut off where a text holds a single bracket; what is cut off it takes for whole only where
    two such faults cancel each other out.

    HL7 v2 ends its segments with CR, and its frames, which VT begins, with FS. A quote is a letter
    there.
    """

    def __init__(self) -> None:
        self._beginning = b""
        self._last = b""
        self._open_brackets = 0
        self._quotes = 0
        self._gzip: _GzipEnding | None = None

    def add(self, part: bytes) -> None:
        """Take note of the bytes that come next."""
        if not self._last and part.startswith(gzip_data.MAGIC):
            self._gzip = _GzipEnding()
        if self._gzip is not None:
            self._gzip.add(part)
        if len(self._beginning) < _LOOK:
            beginning = (self._beginning + part).removeprefix(codecs.BOM_UTF8)
            self._beginning = beginning.lstrip(b" \t\r\n\f")[:_LOOK]
        self._last = (self._last + part[-_LOOK:])[-_LOOK:]
        if self._beginning.startswith((b"{", b"[")):
            self._open_brackets += part.count(b"{") + part.count(b"[")
            self._open_brackets -= part.count(b"}") + part.count(b"]")
        else:
            self._quotes += part.count(b'"')

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut off, as far as bytes can tell; an empty input is whole."""
        if self._gzip is not None:
            return self._gzip.is_whole
        if not self._beginning:
            return True
        if self._beginning == PARQUET:
            return self._last == PARQUET  # it ends as it begins
        if self._beginning.startswith((_VT, *_HL7)):
            return self._is_whole_hl7()
        return self._is_whole_text()

    def _is_whole_hl7(self) -> bool:
        if self._beginning.startswith(_VT):
            return self._last.rstrip(b"\r\n").endswith(_FS)
        return self._last.endswith((b"\r", b"\n", _FS))

    def _is_whole_text(self) -> bool:
        if self._beginning.startswith(b"["):
            return self._open_brackets == 0
        is_json = self._beginning.startswith(b"{")
        is_record_open = self._open_brackets if is_json else self._quotes % 2
        return self._last.endswith(b"\n") and not is_record_open


class _GzipEnding:
    """Tells whether one of the members of a gzip file is cut off; what they hold is left alone."""

    def __init__(self) -> None:
        self._member = gzip_data.unpacker()
        self.is_whole = False

    def add(self, part: bytes) -> None:
        try:
            self._add(part)
        except zlib.error:
            self.is_whole = True  # it is broken, and no more bytes mend that

    def _add(self, part: bytes) -> None:
        unpacked = b""
        while part or len(unpacked) == _UNPACKED_BYTES:
            if self._member.eof:
                self._member = gzip_data.unpacker()
            unpacked = self._member.decompress(part, _UNPACKED_BYTES)
            part = self._member.unused_data or self._member.unconsumed_tail
        self.is_whole = self._member.eof
