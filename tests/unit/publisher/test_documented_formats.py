"""What docs/formats.md shows of the examples is what becomes of them."""

import re
import shutil
from pathlib import Path

import pytest

from publisher_app.formats.recognition import Formats
from publisher_app.inputs.files import FileOutcome, open_file, publish_file
from publisher_app.intake import Intake
from publisher_app.settings import PublisherSettings
from tests.unit.publisher.test_whole_files import Keeping

ROOT = Path(__file__).parents[3]
_SHOWN = re.compile(
    r"publisher_app (?P<file>examples/\S+)(?: --profile (?P<profile>\S+))?\n"
    r"(?P<said>published .*?) in [\d.]+ s"
)
SHOWN = [
    (found["file"], found["profile"], found["said"])
    for found in _SHOWN.finditer((ROOT / "docs" / "formats.md").read_text())
]


def test_examples_of_all_formats_are_shown() -> None:
    assert {file.split("/")[1] for file, _, _ in SHOWN} == {"fhir", "hl7", "profiles"}


@pytest.mark.parametrize(("file", "profile", "said"), SHOWN)
async def test_an_example_is_published_as_it_is_shown(
    file: str, profile: str | None, said: str, tmp_path: Path
) -> None:
    copy = str(shutil.copy(ROOT / file, tmp_path))
    settings = PublisherSettings.model_validate({"profile": profile})
    outcome = FileOutcome()
    with open_file(copy, settled_seconds=0) as opened:
        formats, intake = Formats(settings), Intake(Keeping(), settings)
        await publish_file(opened, formats, intake, outcome, lambda _: None)
    assert str(outcome).startswith(f"{said} in ")
