"""Texts that look equal are equal, or refused: in events and in what the documents say of them."""

import re
import sys
import unicodedata

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contracts import MedicationEvent, explain_event, legible, reasons
from contracts.text import read_name, visible

VALID = {
    "patient_id": "2",
    "medication_name": "Heparin",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
IDENTIFIERS = ("patient_id", "order_id", "event_id")
TEXTS = (*IDENTIFIERS, "medication_name")
CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1)]
SPACES = [each for each in CHARACTERS if unicodedata.category(each) in ("Zs", "Zl", "Zp")]
FORMATTING = [each for each in CHARACTERS if unicodedata.category(each) == "Cf"]
SIGNS = re.compile("SYRIAC|KAITHI|EGYPTIAN|ARABIC (?!LETTER MARK)")
ALSO_INVISIBLE = ["\ufe0f", "\U000e0100", "\u034f", "\u115f", "\u3164", "\u2800"]
NEVER_SEEN = [each for each in FORMATTING if not SIGNS.match(unicodedata.name(each))]
NEVER_SEEN += ALSO_INVISIBLE

of_each_text = pytest.mark.parametrize("field", TEXTS)
of_each_identifier = pytest.mark.parametrize("field", IDENTIFIERS)


def read(field: str, written: str) -> str:
    text: str = getattr(explain_event({**VALID, field: written}), field)
    return text


def refusal(field: str, written: str) -> str | None:
    try:
        read(field, written)
    except ValidationError as error:
        return reasons(error)
    return None


@of_each_text
@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_every_kind_of_space_is_one_and_none_stays_at_the_ends(field: str, space: str) -> None:
    written = f"{space}XF{space} 1{space}"
    assert read(field, written) == "XF 1"
    assert read(field, f"NaCl 0.9%{space * 3}in  water\n") == "NaCl 0.9% in water"


@of_each_text
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("\t2\r\n", "2"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u212b", "\u00c5"),
        ("\uff12", "\uff12"),  # a full-width digit: NFKC is not applied
        ("Ätherisches Öl 薬 💊", "Ätherisches Öl 薬 💊"),
    ],
)
def test_text_has_one_spelling(field: str, written: str, kept: str) -> None:
    assert read(field, written) == kept


@of_each_text
@pytest.mark.parametrize("control", ["\x00", "\n", "\t", "\x1b", "\x7f", "\x85", "\x9f"])
def test_a_control_character_inside_text_is_refused(field: str, control: str) -> None:
    for written in (f"a{control}b", f"ä{control}b"):
        assert refusal(field, written) == (
            f"{field}: holds control characters: remove U+{ord(control):04X}"
        )


@of_each_identifier
def test_what_can_not_be_seen_is_refused_in_an_identifier_and_named(field: str) -> None:
    for each in FORMATTING + ALSO_INVISIBLE:
        for written in (f"XF1{each}", f"{each}XF1", f"X{each}F1", each):
            assert refusal(field, written) == (
                f"{field}: holds invisible characters: remove U+{ord(each):04X}"
            )


def test_each_character_to_be_removed_is_named_once() -> None:
    assert refusal("order_id", "\u200bA\ufeffB\u200b\ufeff") == (
        "order_id: holds invisible characters: remove U+200B, U+FEFF"
    )


def test_of_many_characters_to_be_removed_the_first_five_are_named() -> None:
    assert refusal("order_id", "".join(NEVER_SEEN)) == (
        "order_id: holds invisible characters: remove U+00AD, U+061C, U+180E, U+200B, U+200C"
    )


def test_what_can_not_be_seen_is_left_out_of_a_name() -> None:
    for each in NEVER_SEEN:
        assert read("medication_name", f"{each}Norad{each}renaline {each}") == "Noradrenaline"


def test_a_sign_that_is_seen_around_others_stays_in_a_name() -> None:
    assert read("medication_name", "\u0600123") == "\u0600123"


def test_a_name_of_nothing_that_can_be_seen_is_refused() -> None:
    assert refusal("medication_name", "\u200b \ufeff") == (
        "medication_name: String should have at least 1 character"
    )


@pytest.mark.parametrize(
    "name",
    [
        "قرص می\u200cخورم",  # Persian: parts a verb
        "कार्य क्\u200dष",  # Devanagari: a half letter
        "র\u200d্যানিটিডিন",  # Bengali: ranitidine
        "ക്\u200cഷ",  # Malayalam: keeps two letters apart
    ],
)
def test_a_joiner_that_shapes_the_letters_beside_it_stays_in_a_name(name: str) -> None:
    assert read("medication_name", name) == name


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Hepa\u200crin", "Heparin"),
        ("\u200dHeparin\u200c", "Heparin"),
        ("\u0648\u200c\u0627", "\u0648\u0627"),  # letters that do not join
        ("می\u200c\u200c\u200dخورم", "می\u200cخورم"),
        ("\U0001f468\u200d\u2695\ufe0f", "\U0001f468\u2695"),
        ("\uffff\u200c", "\uffff"),
    ],
)
def test_a_joiner_without_effect_is_left_out_of_a_name(written: str, kept: str) -> None:
    assert read("medication_name", written) == kept


any_text = st.text(
    st.sampled_from([*"aé1 /", "\u0301", *SPACES, *ALSO_INVISIBLE, *"\u200c\u200d\u200b\t\n\x00"])
    | st.sampled_from("میخو्कর্য\u0654")
    | st.characters(exclude_categories=["Cs"]),
    max_size=9,
)


@given(any_text)
def test_what_is_read_is_read_again_as_it_is(written: str) -> None:
    for field in TEXTS:
        if refusal(field, written) is None and (kept := read(field, written)):
            assert read(field, kept) == kept


SCHEMA = jsonschema.Draft202012Validator(TypeAdapter(MedicationEvent).json_schema())


@given(any_text)
def test_the_documents_take_the_texts_that_are_read_and_no_others(written: str) -> None:
    for field in TEXTS:
        is_valid = SCHEMA.is_valid({**VALID, field: written})
        assert is_valid == (refusal(field, written) is None), field


@given(
    any_text.map(str.strip)
    .filter(lambda text: not re.search(r"[\x00-\x1f\x7f-\x9f]", text))
    .filter(bool)
)
def test_an_identifier_that_was_stored_once_becomes_one_that_is_read(stored: str) -> None:
    found = visible(stored)
    assert read("patient_id", found) == found
    if refusal("patient_id", stored) is None:
        assert found == read("patient_id", stored)


def test_any_text_can_be_made_legible() -> None:
    for at in range(0, len(CHARACTERS), 40):
        assert read("patient_id", legible("".join(CHARACTERS[at : at + 40])))
    assert legible("(\u00e9,\u2009\u0416 \ue000)") == "(\u00e9,\u2009\u0416 \ue000)"


def test_what_is_no_text_is_left_to_others() -> None:
    assert read_name(5) == 5
