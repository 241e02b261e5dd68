"""What the documents for people name is there, and the README can be read in one go."""

import re
from pathlib import Path

import pytest

DOCUMENTS = sorted([*Path().glob("*.md"), *Path("docs").rglob("*.md")])
ROOMS = sorted(folder.name for folder in Path().iterdir() if (folder / "__init__.py").exists())
ROOMS += ["asyncapi", "charts", "docs", "examples"]
TARGETS = set(re.findall(r"^([a-z0-9]+):", Path("Makefile").read_text(), re.MULTILINE))

_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_PATH = re.compile(rf"`((?:{'|'.join(ROOMS)})/[\w./-]*)`")
_TARGET = re.compile(r"(?:`|\$ )make ([a-z0-9]+)")

of_each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=str)


def test_the_readme_stays_under_150_lines() -> None:
    lines = Path("README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150, "move what is not for everyone to docs/"


@of_each_document
def test_a_link_of_a_document_leads_to_a_file(document: Path) -> None:
    for link in _LINK.findall(document.read_text(encoding="utf-8")):
        assert (document.parent / link).exists(), link


@of_each_document
def test_a_path_that_a_document_names_is_there(document: Path) -> None:
    for path in _PATH.findall(document.read_text(encoding="utf-8")):
        assert Path(path).exists(), path


@of_each_document
def test_a_make_target_that_a_document_names_is_there(document: Path) -> None:
    assert set(_TARGET.findall(document.read_text(encoding="utf-8"))) <= TARGETS
