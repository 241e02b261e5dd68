"""Acknowledgements: what is answered to a message, in the mode that it asks for."""

from datetime import UTC, datetime
from typing import NamedTuple

from publisher_app.formats.hl7.errors import REQUIRED, Wrong
from publisher_app.formats.hl7.messages import Segment

_ACCEPTED, _ERROR, _REFUSED = "A", "E", "R"
_CONDITIONS = ("AL", "NE", "ER", "SU")
_TEXT_OF_0357 = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
}
_FIRST_WITH_ERR_3 = (2, 5)


class Acknowledgement(NamedTuple):
    """An answer, and its code."""

    code: str
    content: bytes


def acknowledgement(
    header: Segment | None, problem: Wrong | None, now: datetime
) -> Acknowledgement | None:
    """Write the answer to a message with this MSH; None where it asks for none.

    ``problem`` is what was wrong with it. Of the message it repeats what its header says alone.
    """
    if header is None:
        return Acknowledgement("AR", _written(None, "AR", problem, now))
    if problem is None and not header.text(10):
        problem = Wrong(REQUIRED, "MSH-10", "is missing")
    code = _code(header, problem)
    return None if code is None else Acknowledgement(code, _written(header, code, problem, now))


def _code(header: Segment, problem: Wrong | None) -> str | None:
    """Choose the code, by MSH-15 and MSH-16: https://hl7-definition.caristix.com/v2/HL7v2.5.1."""
    letter = _ACCEPTED if problem is None else _REFUSED if problem.is_refusal else _ERROR
    told = (header.text(15), header.text(16))
    # What is no condition is as if nothing were said: who writes it waits for an answer, too.
    accept, application = (each if each in _CONDITIONS else "" for each in told)
    if not accept and not application:
        return f"A{letter}"  # original mode
    if _is_asked_for(accept, problem):
        return f"C{letter}"
    # Who asks for errors is told of success, too, and so is who says nothing, unless that one has
    # an answer of the other kind to wait for: nobody is to wait for ever.
    usual = ("ER", "") if accept in ("", "NE") else ("ER",)
    return f"A{letter}" if application in usual or _is_asked_for(application, problem) else None


def _is_asked_for(condition: str, problem: Wrong | None) -> bool:
    return condition in ("AL", "SU" if problem is None else "ER")


def _written(header: Segment | None, code: str, problem: Wrong | None, now: datetime) -> bytes:
    stamp = f"{now.astimezone(UTC):%Y%m%d%H%M%S%f}"
    time = f"{stamp[:14]}+0000"
    if header is None:
        segments = [f"MSH|^~\\&|||||{time}||ACK|{stamp}|P|2.5", f"MSA|{code}|"]
        return _joined(segments, "ascii")
    d = header.delimiters
    control = header.raw(10)
    trigger = header.component(header.raw(9), 2)
    fields = [
        "MSH",
        header.raw(2),
        header.raw(5),
        header.raw(6),
        header.raw(3),
        header.raw(4),
        time,
        "",
        d.component.join(filter(None, ("ACK", trigger, "ACK" if trigger else ""))),
        stamp,
        header.raw(11),
        header.raw(12),
        *[""] * 5,
        header.raw(18),
    ]
    segments = [d.field.join(fields).rstrip(d.field), d.field.join(("MSA", code, control))]
    if problem is not None:
        segments.append(_error(header, problem))
    return _joined(segments, "latin-1")


def _error(header: Segment, problem: Wrong) -> str:
    d = header.delimiters
    segment, _, field = problem.where.partition("-")
    told = _TEXT_OF_0357[problem.code]
    if _release(header.text(12)) < _FIRST_WITH_ERR_3:
        code = d.subcomponent.join((str(problem.code), told, "HL70357"))
        return d.field.join(("ERR", d.component.join((segment, "1", field, code))))
    place = field.replace(".", f"{d.component}1{d.component}")
    where = d.component.join((segment, "1", place)) if field else segment
    code = d.component.join((str(problem.code), told, "HL70357"))
    words = str(problem)
    for delimiter in (d.field, *header.raw(2)):
        words = words.replace(delimiter, " ")
    return d.field.join(("ERR", "", where, code, "E", "", "", "", words))


def _release(version: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        return _FIRST_WITH_ERR_3


def _joined(segments: list[str], charset: str) -> bytes:
    return ("\r".join(segments) + "\r").encode(charset, errors="replace")
