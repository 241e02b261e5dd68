"""No input ends a command with a traceback: it is published, rejected or refused with a reason."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publisher_app.check import check_file
from publisher_app.failures import UnreadableInput
from publisher_app.formats.recognition import Formats
from publisher_app.inputs.files import FileOutcome, open_file, publish_file
from publisher_app.intake import Intake
from publisher_app.settings import PublisherSettings
from tests.unit.publisher.test_whole_files import Keeping

EXAMPLES = Path("examples")
FILES = [
    *(EXAMPLES / f"events.{kind}" for kind in ("csv", "json", "jsonl")),
    *sorted((EXAMPLES / "fhir").iterdir()),
    *sorted((EXAMPLES / "hl7").iterdir()),
    *sorted((EXAMPLES / "profiles").glob("*-*.csv")),
]
# What formats are made of, and what programs write where nothing is meant to be.
PIECES = (
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b";", b"|", b"^", b"~", b"&", b"\r", b"\n"),
    *(
        b"null",
        b"true",
        b"NaN",
        b"1e999",
        b"-1",
        b"{}",
        b"[]",
        b'""',
        b'"\\ud800"',
        b"\xff",
        b"\x00",
    ),
    *(b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-12:00", b"00010101000000+1400"),
    *(
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\x1f\x8b",
        b"PAR1",
        b"PK\x03\x04",
        b"MSH|",
        b"BTS",
        b"FTS|\xb2",
    ),
    *(
        "²".encode(),
        b"\\XZZ\\",
        b"entered-in-error",
        b"DELETE",
        b"urn:uuid:",
        b"#",
        b"Patient/",
        b"?",
    ),
)


@st.composite
def spoilt(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw what may become of a file: parts that are gone, twice there, or others."""
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(whole)))
        end = min(len(whole), begin + draw(st.integers(0, 40)))
        other = draw(st.sampled_from([*PIECES, b"", whole[begin:end] * 2]) | st.binary(max_size=20))
        whole = whole[:begin] + other + whole[end:]
    return whole


def take(file: Path, told: PublisherSettings) -> Sequence[str]:
    """Publish and check a file; give what is said of it."""
    outcome, said = FileOutcome(), []

    async def publish() -> None:
        with open_file(str(file), settled_seconds=0) as opened:
            formats, intake = Formats(told), Intake(Keeping(), told)
            rejects = file.with_suffix(".rejects")
            await publish_file(opened, formats, intake, outcome, lambda _: None, rejects)

    try:
        asyncio.run(publish())
        said.append(str(outcome))
        with open_file(str(file), settled_seconds=0) as opened:
            said.append(str(check_file(opened, Formats(told))))
    except UnreadableInput as refusal:
        said.append(str(refusal))
    return said


@pytest.mark.parametrize("example", FILES, ids=lambda file: file.name)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_becomes_of_a_file_it_is_answered(
    example: Path, data: st.DataObject, tmp_path: Path
) -> None:
    profile = example.stem if example.parent.name == "profiles" else None
    with pytest.MonkeyPatch.context() as patch:
        # What a profile looks up lies where the publisher is started.
        patch.chdir(EXAMPLES / "profiles")
        as_of = "2021-02-01T00:00:00Z"
        told = PublisherSettings.model_validate({"profile": profile, "as_of": as_of})
    file = tmp_path / "file"
    file.write_bytes(data.draw(spoilt(example.read_bytes())))
    assert all(take(file, told))
