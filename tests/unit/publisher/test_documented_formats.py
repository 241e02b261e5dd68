"""What docs/formats.md shows of the examples is what becomes of them."""

import re
import shutil
from pathlib import Path

import pytest
from pydantic import BaseModel

from publisher_app.formats.profiles import OfFhir, OfHl7, Profile, read_profile
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


PAGE = (ROOT / "docs" / "formats.md").read_text()
_TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)
_EACH_KEY = re.compile(r"^\| `(\w+)` \| `(.+?)` \|", re.MULTILINE)


def loaded(text: str, folder: Path) -> Profile:
    (folder / "items.csv").write_text("itemid,label\n7,Heparin\n")
    file = folder / "profile.toml"
    file.write_text(text)
    return read_profile(str(file))


@pytest.mark.parametrize("text", _TOML.findall(PAGE))
def test_the_profiles_that_are_shown_can_be_loaded(text: str, tmp_path: Path) -> None:
    assert loaded(text, tmp_path).table is not None


def test_the_profile_that_is_shown_may_count_in_place_of_zone_formats_and_dates(
    tmp_path: Path,
) -> None:
    lines = _TOML.findall(PAGE)[0].splitlines()
    others = [each for each in lines if not each.startswith(("zone", "formats", "dates"))]
    text = "\n".join(re.sub(r"^# (?=count|origin)", "", each) for each in others)
    table = loaded(text, tmp_path).table
    assert table is not None
    assert (table.times.count, table.times.origin.year) == ("minutes", 2100)


@pytest.mark.parametrize(("part", "model"), [("fhir", OfFhir), ("hl7", OfHl7)])
def test_each_key_of_a_profile_is_shown_with_an_example_that_can_be_loaded(
    part: str, model: type[BaseModel], tmp_path: Path
) -> None:
    shown = PAGE.split(f"| `[{part}]` | example |")[1].split("\n\n")[0]
    keys = dict(_EACH_KEY.findall(shown))
    assert keys.keys() == model.model_fields.keys()
    text = "\n".join(f"{key} = {example}" for key, example in keys.items())
    profile = loaded(f"[{part}]\n{text}\n", tmp_path)
    assert getattr(profile, part).keys() == keys.keys()


@pytest.mark.parametrize("page", ["exports.md", "formats.md"])
def test_the_profile_of_omop_is_shown_with_the_time_that_it_needs(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    shown = [each.partition("omop-drug-exposure")[2] for each in text.split("\n\n")]
    assert any("--as-of 20" in each for each in shown)
