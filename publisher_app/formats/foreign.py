"""Foreign formats: told by their beginning, to be refused with what to do instead."""

import re
from collections.abc import Container

from runtime import gzip_data

_UNPACK = "unpack it, or pack it with gzip instead"
_EXPORT = "write its events as CSV or JSON Lines"
PARQUET = b"PAR1"
"""What a file of Parquet begins with."""

_SIGNATURES = (
    (b"\xfd7zXZ\x00", f"packed with xz: {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"packed with zstd: {_UNPACK}"),
    (b"BZh", f"packed with bzip2: {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"a 7z archive: {_UNPACK}"),
    (gzip_data.MAGIC, "gzip inside: unpack it, or say over HTTP Content-Encoding: gzip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook: save its sheet as CSV UTF-8"),
    (PARQUET, "Parquet: publish it as a file, not packed, as it is read from its end"),
)
_ZIP = b"PK\x03\x04"
_WORKBOOK = re.compile(rb"\[Content_Types\]\.xml|xl/|opendocument\.spreadsheet")
_LOOK = 64 * 1024
_TAR, _TAR_AT = b"ustar", 257

_TEXTS = ((re.compile(r"\s*<"), f"XML or HTML: {_EXPORT}"),)
_BEFORE_HL7, _HL7_SEPARATORS = "\x0b ", "|^~$#!"
HL7 = "HL7 v2: send it by MLLP, or publish it as a file"
FHIR = "FHIR: post it to /fhir"


def begins_as_hl7(line: str) -> bool:
    """Say whether a first line is that of a message of HL7 v2, or of a batch of them."""
    beginning = line.lstrip(_BEFORE_HL7)
    return beginning[:3] in ("MSH", "FHS", "BHS") and beginning[3:4] in tuple(_HL7_SEPARATORS)


def foreign_bytes(beginning: bytes) -> str | None:
    """Name the format that bytes begin with, and what to do; None where they may be text."""
    if beginning.startswith(_ZIP):
        if _WORKBOOK.search(beginning):
            return "a workbook (.xlsx, .ods): save its sheet as CSV UTF-8"
        return "a zip archive: unpack it, and publish what is in it"
    if beginning[_TAR_AT:].startswith(_TAR):
        return "a tar archive: unpack it, and publish what is in it"
    return next((told for mark, told in _SIGNATURES if beginning.startswith(mark)), None)


def foreign_text(line: str) -> str | None:
    """Name the format that a first line shows, and what to do; None where it may be ours."""
    return next((told for pattern, told in _TEXTS if pattern.match(line)), None)


def foreign_body(body: bytes) -> str | None:
    """Name the format of a body that is no JSON, and what to do; None where it may be meant so."""
    beginning = body[:_LOOK]
    text = beginning.decode("utf-8-sig", errors="replace")
    return HL7 if begins_as_hl7(text) else foreign_bytes(beginning) or foreign_text(text)


def is_fhir(names: Container[str]) -> bool:
    """Say whether an object with these names is a resource of FHIR."""
    return "resourceType" in names
