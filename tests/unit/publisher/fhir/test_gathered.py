"""What resources refer to is found wherever in a call it stands, and takes no memory."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from contracts import RecordVersion, Report
from publisher_app.formats.fhir.gathered import Gathered, NoRoomForReferences
from publisher_app.formats.fhir.resources import Referred
from publisher_app.formats.mapping import NoEvent
from publisher_app.formats.recognition import Formats, Notes
from publisher_app.inputs.files import open_file
from publisher_app.settings import PublisherSettings
from tests.unit.publisher.fhir.reading import Resource, administration

ROOT = Path(__file__).parents[4]
MEDICATION = {"resourceType": "Medication", "id": "m", "code": {"text": "Heparin"}}
GIVEN = administration(
    medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"}
)
FOUND = "1 records, 2 events in 1 versions of records, 0 rejected"
NOT_FOUND = "1 records, 0 events, 1 rejected"

# The peak of the process is what it has taken of the machine, in whatever language.
CHECK = """
import runpy, sys

sys.argv = ["publisher_app", "--check", *sys.argv[1:]]
try:
    runpy.run_module("publisher_app", run_name="__main__")
except SystemExit:
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""


def lines(*resources: Resource) -> bytes:
    return "".join(f"{json.dumps(each)}\n" for each in resources).encode()


def check(*files: str | Path, stdin: bytes | BinaryIO = b"") -> tuple[str, int]:
    """Look through files; give what is said, and the peak of the memory in KiB."""
    given: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    command = [sys.executable, "-c", CHECK, *map(str, files)]
    done = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, **given)
    assert done.stderr == b""
    said, _, peak = done.stdout.decode().strip().rpartition("\n")
    return said, int(peak)


@pytest.mark.parametrize(
    "content",
    [
        lines(MEDICATION, GIVEN),
        lines(GIVEN, MEDICATION),
        gzip.compress(lines(GIVEN, MEDICATION)),
        json.dumps([GIVEN, MEDICATION], indent=1).encode(),
    ],
)
def test_in_one_file_a_medication_is_found_before_and_behind_what_refers_to_it(
    content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "export.ndjson"
    file.write_bytes(content)
    assert FOUND in check(file)[0]


def test_a_file_that_is_taken_alone_is_read_twice_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "export.ndjson"
    bare = administration(id="8", meta=None)
    file.write_bytes(lines(bare, GIVEN, MEDICATION))
    formats, reasons = Formats(PublisherSettings()), []
    with open_file(str(file)) as opened:
        recognised = opened.recognise(formats)
        versions: list[Report] = []
        for record in recognised.records:
            try:
                versions += recognised.reports_of(record, Notes())
            except NoEvent as problem:
                reasons.append(str(problem))
    assert [isinstance(each, RecordVersion) for each in versions] == [True]
    assert [each.partition(":")[0] for each in reasons] == [
        "can be ranked by its status alone, and others of its source by their lastUpdated"
    ]


def test_what_can_be_read_only_once_must_bring_a_medication_first() -> None:
    assert FOUND in check("-", stdin=lines(MEDICATION, GIVEN))[0]
    assert NOT_FOUND in check("-", stdin=lines(GIVEN, MEDICATION))[0]


def test_a_file_as_standard_input_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "export.ndjson"
    for content, said in (
        (lines(MEDICATION, GIVEN), FOUND),
        (lines(GIVEN, MEDICATION), NOT_FOUND),
    ):
        file.write_bytes(content)
        with file.open("rb") as opened:
            assert said in check("-", stdin=opened)[0]


def test_a_file_finds_what_another_of_the_call_has(tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(lines(GIVEN))
    (tmp_path / "medications").write_bytes(lines(MEDICATION))
    assert FOUND in check(tmp_path / "given", tmp_path / "medications")[0]
    assert NOT_FOUND in check(tmp_path / "given")[0]
    assert FOUND in check("-", tmp_path / "medications", stdin=lines(GIVEN))[0]


def test_two_medications_of_one_id_are_nobodys_in_whichever_lines_they_stand(
    tmp_path: Path,
) -> None:
    file = tmp_path / "export.ndjson"
    other = {**MEDICATION, "code": {"text": "Aspirin"}}
    for content in (lines(MEDICATION, GIVEN, MEDICATION, other), lines(other, MEDICATION, GIVEN)):
        file.write_bytes(content)
        said, _ = check(file)
        assert NOT_FOUND in said
        assert "there are two Medications of the id m with different names" in said


def test_where_the_temporary_file_can_t_be_written_it_is_said_what_to_do() -> None:
    with Gathered() as gathered:
        gathered.add(Referred("Medication", "m"))
    with pytest.raises(NoRoomForReferences, match="make room, or name another folder by TMPDIR"):
        gathered.add(Referred("Medication", "m"))


def test_by_what_is_ranked_is_the_same_in_all_files_of_a_call(tmp_path: Path) -> None:
    (tmp_path / "bare").write_bytes(lines(administration(meta=None)))
    (tmp_path / "timed").write_bytes(lines(administration(id="8")))
    for order in (("bare", "timed"), ("timed", "bare")):
        said, _ = check(*(tmp_path / each for each in order))
        assert said.count("can be ranked by its status alone") == 1


@pytest.mark.parametrize("way", ["file", "standard input"])
def test_memory_does_not_grow_with_the_patients_and_medications_of_a_file(
    way: str, tmp_path: Path
) -> None:
    def peak(count: int) -> int:
        system = "urn:oid:1.2.3"
        many = (
            {
                "resourceType": kind,
                "id": f"{n}",
                "identifier": [{"system": system, "value": f"{n}"}],
            }
            for n in range(count)
            for kind in ("Patient", "Medication")
        )
        content = lines(*many, administration())
        if way == "standard input":
            return check("-", stdin=content)[1]
        file = tmp_path / "export.ndjson"
        file.write_bytes(content)
        return check(file)[1]

    assert peak(30_000) - peak(10) < 12 * 1024
