"""Messages are parted by the delimiters that they name, and read in their own character set."""

import warnings
from datetime import UTC, datetime

import hl7
import pytest
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from contracts import read_message as read_back
from contracts import write_message
from publisher_app.formats.hl7.acknowledgements import acknowledgement
from publisher_app.formats.hl7.errors import Wrong
from publisher_app.formats.hl7.messages import header_of, read_message
from tests.unit.publisher.hl7.messages import (
    HEADER,
    ORDER,
    PATIENT,
    header,
    message,
    read,
    rxa,
    usual,
)

NOW = datetime(2021, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_segment_ends_in_any_way(end: str) -> None:
    content = usual().decode().replace("\r", end).encode()
    assert read(content).versions == read(usual()).versions


def test_a_message_names_its_own_delimiters() -> None:
    swapped = usual().decode().translate(str.maketrans("|^~\\&", "#!*?%")).encode()
    [event, _] = read(swapped).versions[0].events
    assert (event.patient_id, event.medication_name) == ("4711", "Heparin")


@pytest.mark.parametrize(
    ("charset", "encoding", "name"),
    [
        ("", "utf-8", "Müller"),
        ("UNICODE UTF-8", "utf-8", "Müller"),
        ("8859/1", "latin-1", "Müller"),
        ("8859/15", "iso8859-15", "€"),
        ("ISO IR87", "iso2022_jp", "ヘパリン"),
        ("~ISO IR87", "iso2022_jp", "ヘパリン"),
        ("GB 18030-2000", "gb18030", "肝素"),
    ],
)
def test_a_message_is_read_in_the_character_set_that_it_names(
    charset: str, encoding: str, name: str
) -> None:
    segments = (header(msh_18=charset), PATIENT, ORDER, rxa(rxa_5=f"1^{name}"))
    content = "".join(f"{each}\r" for each in segments).encode(encoding)
    assert read(content).versions[0].events[0].medication_name == name


def test_what_is_not_in_its_character_set_or_in_one_that_is_not_known_is_refused() -> None:
    latin = usual(rxa(rxa_5="1^M\xfcller")).decode().encode("latin-1")
    assert str(read(latin).problem) == "MSH-18: the message is not utf-8"
    unknown = message(header(msh_18="EBCDIC"), PATIENT, ORDER, rxa())
    assert str(read(unknown).problem) == "MSH-18: names a character set that is not known"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\F\b", "a|b"),
        (r"a\S\b", "a^b"),
        (r"a\R\b", "a~b"),
        (r"a\E\b", "a\\b"),
        (r"a\.br\b", "a b"),
        (r"\H\a\N\b", "ab"),
        (r"a\XC3BC\b", "aüb"),
        (r"100\ open", "100\\ open"),
    ],
)
def test_escapes_are_what_they_mean(written: str, meant: str) -> None:
    assert read(usual(rxa(rxa_5=f"1^{written}"))).versions[0].events[0].medication_name == meant


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PID|1",
        b"MSH",
        b"MSH|",
        b"MSH|^",
        b"MSH|^^~\\&|",
        b"MSH|^~A&|",
        b"MSHA^~",
        b"\xff" * 50,
    ],
)
def test_what_does_not_begin_as_a_message_is_none(content: bytes) -> None:
    with pytest.raises(Wrong) as caught:
        read_message(content)
    assert caught.value.code in (100, 101, 102)
    assert header_of(content) is None


texts = st.text(
    st.characters(codec="ascii", min_codepoint=32, exclude_characters="|^~\\&"), max_size=8
)


@given(st.lists(st.lists(texts, min_size=1, max_size=4), min_size=1, max_size=12))
def test_fields_and_components_are_those_that_another_parser_finds(
    fields: list[list[str]],
) -> None:
    line = "ZZZ|" + "|".join("^".join(components) for components in fields)
    content = message(header(), line)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = hl7.parse(content.decode())
    segment = read_message(content).segments[1]
    for number, components in enumerate(fields, start=1):
        for place, text in enumerate(components, start=1):
            assert segment.text(number, place) == text
        assert segment.raw(number) == str(theirs.segment("ZZZ")(number))


def test_the_segments_are_those_that_a_validating_parser_finds() -> None:
    content = usual(rxa(rxa_5="5224^Heparin^RXNORM^1&2^Other", rxa_9="a~b"), rxa(rxa_2="2"))
    theirs = parse_message(content.decode(), find_groups=False).children
    ours = read_message(content).segments
    assert [each.name for each in ours] == [each.name for each in theirs]
    for segment, their in zip(ours, theirs, strict=True):
        for field in their.children:
            number = int(field.name.rpartition("_")[2])
            assert field.to_er7() in (segment.raw(number), *segment.repetitions(number))


# What is taken apart, beside what is none.
pieces = st.sampled_from(
    [
        *(b"\\", b"\\XZZ\\", b"\\F\\", b"|", b"^", b"~", b"&", b"\r", b'""', b"\x0b", b"\x1c"),
        *(b"0001", b"9999123123", b"-1200", b"+1400"),
        *(b"8859/1", b"UNICODE UTF-16", b"CNS 11643-1992", b"AL"),
    ]
)
noises = st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | pieces


@given(noises, st.integers(0, 200), st.integers(0, 12))
def test_no_bytes_end_in_anything_but_versions_a_reason_and_an_answer(
    noise: bytes, place: int, left_out: int
) -> None:
    whole = usual(rxa(), rxa(rxa_2="2"))
    rest = whole[place + left_out :]
    for content in (noise, whole[:place] + noise + rest, whole[:place] + noise):
        found = read(content)
        assert "4711" not in str(found.problem or "")
        acknowledgement(header_of(content), found.problem, NOW)
        if found.versions:
            assert read_back(write_message(found.versions)).reports == found.versions


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n", b"\xef\xbb\xbf\r"])
def test_what_senders_put_before_a_message_is_no_part_of_it(before: bytes) -> None:
    assert read(before + usual()).versions == read(usual()).versions
    assert header_of(before + usual()) == header_of(usual())


@given(noises, st.integers(1, 20))
def test_whatever_stands_in_a_field_of_the_header_there_is_an_answer(
    noise: bytes, field: int
) -> None:
    written = HEADER.split("|") + [""] * 10
    written[field] = noise.decode("latin-1").replace("\r", "").replace("\n", "")
    content = "|".join(written).encode("latin-1") + message("", PATIENT, ORDER, rxa())
    found = read(content)
    acknowledgement(header_of(content), found.problem, NOW)
