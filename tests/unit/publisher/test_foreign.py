"""What is no text of ours is named in one line, with what to do; it is not a reject a line."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from publisher_app.failures import UnreadableInput
from publisher_app.formats.columns import Columns
from publisher_app.formats.recognition import json_records_of
from publisher_app.formats.text import as_text, buffered, decode
from tests.unit.publisher.reading import contents, rows

CSV = b"patient_id,medication_name,action,event_time\n1,X,start,2021-01-01T00:00:00Z\n"
FHIR = {"resourceType": "MedicationAdministration", "id": "1"}
BUNDLE = {"resourceType": "Bundle", "entry": [{"resource": FHIR}] * 50_000}


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, CSV)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("events.csv")
        member.size = len(CSV)
        archive.addfile(member, io.BytesIO(CSV))
    return file.getvalue()


BINARY = {
    "a zip archive": zipped("events.csv"),
    "a workbook (.xlsx, .ods)": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "an Excel workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
    "packed with xz": lzma.compress(CSV),
    "packed with bzip2": bz2.compress(CSV),
    "packed with zstd": b"\x28\xb5\x2f\xfd" + bytes(8),
    "a 7z archive": b"7z\xbc\xaf\x27\x1c" + bytes(8),
    "a tar archive": tarred(),
    "Parquet": b"PAR1" + bytes(8),
    "gzip inside": gzip.compress(gzip.compress(CSV)),
}
TEXTS = {
    "XML or HTML": '<?xml version="1.0"?>\n<Bundle xmlns="http://hl7.org/fhir"/>',
}
FHIR_TEXTS = {
    "lines": f"{json.dumps(FHIR)}\n{json.dumps(FHIR)}\n",
    "one resource over lines": json.dumps(FHIR, indent=2),
    "a list": json.dumps([FHIR]),
    "a pretty list": json.dumps([FHIR], indent=2),
    "a long Bundle": json.dumps(BUNDLE),
    "a long Bundle over lines": json.dumps(BUNDLE, indent=1),
}


@pytest.mark.parametrize(("name", "content"), BINARY.items(), ids=BINARY)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["as it is", "gzipped"])
def test_a_binary_format_is_named_with_what_to_do(
    name: str, content: bytes, pack: Callable[[bytes], bytes]
) -> None:
    if name == "gzip inside" and pack is gzip.compress:
        content = gzip.decompress(content)
    with pytest.raises(UnreadableInput) as caught:
        rows(pack(content))
    assert str(caught.value).startswith(f"it is {name}: ")


@pytest.mark.parametrize(("name", "text"), TEXTS.items(), ids=TEXTS)
def test_a_text_of_another_kind_is_named_with_what_to_do(name: str, text: str) -> None:
    for written in (text, f"\ufeff\n {text}"):
        with pytest.raises(UnreadableInput) as caught:
            rows(written)
        assert str(caught.value) == f"it is {name}: write its events as CSV or JSON Lines"


@pytest.mark.parametrize("text", FHIR_TEXTS.values(), ids=FHIR_TEXTS)
def test_fhir_among_posted_events_is_named_with_what_to_do(text: str) -> None:
    with pytest.raises(UnreadableInput) as caught:
        list(json_records_of(io.StringIO(text, newline=""), Columns({})))
    assert str(caught.value) == "it is FHIR: post it to /fhir"


def test_hl7_among_posted_events_is_named_with_what_to_do() -> None:
    text = "MSH|^~\\&|PUMP|ICU|||20210101||RAS^O17|1|P|2.5\rPID|||4711\r"
    with pytest.raises(UnreadableInput) as caught:
        list(json_records_of(io.StringIO(text, newline=""), Columns({})))
    assert str(caught.value) == "it is HL7 v2: send it by MLLP, or publish it as a file"


NAME = "Ätherisches Öl für Müller"
UMLAUTS = f"patient_id,note\n1,{NAME}\n"


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("windows-1252", "it is not UTF-8"),
        ("utf-16", "it is UTF-16"),
        ("utf-16-le", "it is UTF-16"),
        ("utf-16-be", "it is UTF-16"),
        ("utf-32", "it is UTF-32"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["as it is", "gzipped"])
def test_another_encoding_is_refused_until_it_is_named(
    encoding: str, told: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(UMLAUTS.encode(encoding))
    with pytest.raises(UnreadableInput) as caught:
        rows(packed)
    name = encoding.removesuffix("-le").removesuffix("-be")
    assert str(caught.value) == (
        f"{told}: save it as UTF-8, or name it with --encoding {name} (PUBLISHER_ENCODING)"
    )
    assert contents(packed, encoding=encoding) == [{"patient_id": "1", "note": NAME}]


@pytest.mark.parametrize(
    ("text", "encoding", "told"),
    [
        ("\ufeff" + UMLAUTS, "windows-1252", "it is UTF-8, as its byte order mark says, and not"),
        (UMLAUTS, "utf-8", None),
        ("\ufeff" + UMLAUTS, "utf-8", None),
        ("\ufeff" + UMLAUTS, "UTF8", None),
    ],
)
def test_an_encoding_that_is_named_does_not_contradict_the_byte_order_mark(
    text: str, encoding: str, told: str | None
) -> None:
    if told is None:
        assert contents(text, encoding=encoding) == [{"patient_id": "1", "note": NAME}]
        return
    with pytest.raises(UnreadableInput, match=told):
        rows(text, encoding=encoding)


def test_what_is_not_in_the_named_encoding_is_told() -> None:
    cut = "patient_id,note\n1,x\n".encode("utf-16-le")[:-1]
    with pytest.raises(UnreadableInput, match="it is not in the encoding that --encoding "):
        rows(cut, encoding="utf-16-le")


@pytest.mark.parametrize("body", [*BINARY.values(), *map(str.encode, TEXTS.values())])
def test_a_posted_body_is_refused_with_the_same_words(body: bytes) -> None:
    with pytest.raises(UnreadableInput) as in_a_file:
        list(json_records_of(decode(io.BytesIO(gzip.compress(body))), Columns({})))
    with pytest.raises(UnreadableInput) as posted:
        list(json_records_of(as_text(buffered(io.BytesIO(body))), Columns({})))
    assert str(posted.value) == str(in_a_file.value)
