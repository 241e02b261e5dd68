"""How the texts of an event are read: those that look equal are equal, or refused.

Every kind of space is a plain one, runs of them are one, none is left at the ends, and letters
with accents have the one spelling of NFC. NFKC is not applied: a full-width digit is another
character, in another identifier. A character that can't be seen is refused in an identifier, as
nobody can tell what was meant, and left out of a name, save where its script needs it.
"""

import re
import unicodedata
from typing import LiteralString

from idna.core import valid_contextj
from pydantic_core import PydanticCustomError

# All below stands in regular expressions of Python and, in the documents, of JavaScript.
_SPACES = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_CONTROLS_AT_ENDS = r"\t-\r\x1c-\x1f\x85"
_JOINERS = r"\u200c\u200d"
# Unicode's Default_Ignorable_Code_Point with the anchors of annotations, but the joiners; and the
# empty Braille cell.
_NEVER_SEEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# What else is of Unicode's category Cf: signs of Arabic, Syriac, Kaithi and Egyptian around others.
_SEEN_AROUND_OTHERS = (
    r"\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2"
    "\U000110bd\U000110cd\U00013430-\U0001343f"
)
_FORMATTING = _NEVER_SEEN + _JOINERS + _SEEN_AROUND_OTHERS

_ENDS = f"[{_SPACES}{_CONTROLS_AT_ENDS}]*"
IDENTIFIER_PATTERN = (
    f"^{_ENDS}[^{_SPACES}{_CONTROLS}{_FORMATTING}][^{_CONTROLS}{_FORMATTING}]*{_ENDS}$"
)
"""What an identifier may be written like, with white space around it."""

OPTIONAL_IDENTIFIER_PATTERN = f"^{_ENDS}([^{_CONTROLS}{_FORMATTING}]+{_ENDS})?$"
"""The same where it may be absent, as which an empty one is taken."""

_AROUND_NAMES = f"[{_SPACES}{_CONTROLS_AT_ENDS}{_NEVER_SEEN}{_JOINERS}]*"
NAME_PATTERN = (
    f"^{_AROUND_NAMES}[^{_SPACES}{_CONTROLS}{_NEVER_SEEN}{_JOINERS}][^{_CONTROLS}]*{_AROUND_NAMES}$"
)
"""What a name may be written like."""

_CONTROL = re.compile(f"[{_CONTROLS}]")
_FORMAT = re.compile(f"[{_FORMATTING}]")
# Half a surrogate pair is no character at all.
_REFUSED = re.compile(rf"[{_CONTROLS}{_FORMATTING}\ud800-\udfff]")
_INVISIBLE = re.compile(f"[{_NEVER_SEEN}]")
_JOINER = re.compile(f"([{_JOINERS}])[{_JOINERS}]*")
_VIRAMA = 9
# A reason travels in the header of a dead letter.
_MOST_NAMED = 5


def read_identifier(value: object) -> object:
    """Read an identifier; what is no text is left to others.

    Raises:
        PydanticCustomError: it holds a control character, or one that can't be seen.

    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if is_plain(text):
        return text
    _refuse("invisible", _FORMAT, text)
    return _one_spelling(text)


def read_optional_identifier(value: object) -> object:
    """Read an identifier that may be absent: an empty one is."""
    text = read_identifier(value)
    return None if text == "" else text


def read_name(value: object) -> object:
    """Read a name likewise, but leave out what can't be seen and no script needs."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return text if is_plain(text) else _one_spelling(_seen(text).strip())


def visible(text: str) -> str:
    """Leave out of a text what would be refused in an identifier as it can't be seen.

    Of one that holds nothing else the characters are named, such as U+200B.
    """
    if is_plain(text):
        return text
    found = _FORMAT.sub("", text).strip()
    return _one_spelling(found) if found else " ".join(map(_named, text))


def legible(text: str) -> str:
    """Put a question mark for each character that would be refused in an identifier."""
    return _REFUSED.sub("?", text)


def is_plain(text: str) -> bool:
    """Say whether a text has nothing to be mended but spaces around it, as nearly all are."""
    return text.isascii() and text.isprintable() and "  " not in text


def _one_spelling(text: str) -> str:
    _refuse("control", _CONTROL, text)
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _refuse(kind: LiteralString, characters: re.Pattern[str], text: str) -> None:
    found = ", ".join(map(_named, [*dict.fromkeys(characters.findall(text))][:_MOST_NAMED]))
    if found:
        problem: LiteralString = f"holds {kind} characters: remove {{found}}"
        raise PydanticCustomError("characters", problem, {"found": found})


def _named(character: str) -> str:
    return f"U+{ord(character):04X}"


def _seen(text: str) -> str:
    """Leave out what can't be seen; of joiners, those without an effect on the letters beside."""
    text = _JOINER.sub(r"\1", _INVISIBLE.sub("", text))
    return _JOINER.sub(lambda joiner: joiner[0] if _joins(text, joiner.start()) else "", text)


def _joins(text: str, at: int) -> bool:
    """Say whether a joiner shapes letters: by the rules of RFC 5892, or before a virama.

    The latter is how Bengali writes the র‍্য of র‍্যানিটিডিন (ranitidine).
    """
    if unicodedata.combining(text[at + 1 : at + 2] or " ") == _VIRAMA and at > 0:
        return True
    try:
        return valid_contextj(text, at)
    except ValueError:  # beside a character without a name, or in a text far too long
        return False
