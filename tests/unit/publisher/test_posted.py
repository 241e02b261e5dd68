"""What is posted is read as a file is, and refused with the same words."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from publisher_app.failures import NotConfirmed
from publisher_app.formats.columns import Columns
from publisher_app.formats.mapping import FieldMapping
from publisher_app.formats.recognition import Formats
from publisher_app.formats.records import Record
from publisher_app.inputs.http import events_router
from publisher_app.intake import Intake
from publisher_app.settings import PublisherSettings
from runtime.http.bodies import Bodies
from runtime.http.problems import answer_problems
from tests.callers import let_in
from tests.unit.publisher.reading import event_of
from tests.unit.publisher.test_intake import Confirming

EVENT = {
    "patient_id": "2",
    "medication_name": "Ätherisches Öl",
    "action": "start",
    "event_time": "2021-01-01T02:00:00Z",
}
ONE = json.dumps(EVENT)
LIMIT = 100_000
MOST = 10_000
PARTS = "nothing of it is published: send several requests, or python -m publisher_app FILE"


async def post(
    body: bytes | str,
    *,
    most: int = MOST,
    columns: dict[str, str] | None = None,
    run: str | None = None,
    content_type: str = "application/json",
    **headers: str,
) -> tuple[Response, list[list[str]]]:
    """Post a body; give the answer, and the patients of each message that was published."""
    publisher, settings = Confirming(), PublisherSettings(map=columns or {}, run="files")
    api = FastAPI()
    api.include_router(
        events_router(Formats(settings), Intake(publisher, settings), Bodies(LIMIT), most)
    )
    answer_problems(api, unavailable=NotConfirmed)
    transport = ASGITransport(let_in(api), client=("10.0.0.7", 1234))
    async with AsyncClient(transport=transport, base_url="http://service") as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = {} if run is None else {"run": run}
        named["content-type"] = content_type
        answer = await client.post("/events", params=asked, content=body, headers=named)
    # What RabbitMQ is told is what the answer says.
    assert publisher.runs == ({answer.json()["run"]} if publisher.messages else set())
    source = None if run is None else "local at 10.0.0.7"
    assert publisher.sources == ({source} if publisher.messages else set())
    return answer, publisher.messages


def reason(answer: Response) -> str:
    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert problem["parameter"] == "body"
    return str(problem["reason"])


@pytest.mark.parametrize(
    "body",
    [
        ONE + ONE,
        f"{ONE}\n{ONE}\n",
        "\n".join([json.dumps(EVENT, indent=2)] * 2),
        json.dumps({"events": [EVENT, EVENT]}),
        "\ufeff" + json.dumps([EVENT, EVENT], ensure_ascii=False),
        "\ufeff\n" + json.dumps({"data": [EVENT, EVENT]}, indent=1, ensure_ascii=False),
    ],
)
async def test_json_is_taken_however_it_is_laid_out_packed_or_not(body: str) -> None:
    packed = gzip.compress(body.encode())
    for answer, messages in (await post(body), await post(packed, content_encoding="gzip")):
        assert (answer.status_code, answer.json()) == (
            202,
            {"accepted": 2, "rejected": [], "rejected_count": 0, "run": None},
        )
        assert messages == [["2", "2"]]


async def test_what_is_posted_belongs_to_the_run_that_is_named_or_else_to_none() -> None:
    for run, told in ((None, None), (" monday ", "monday")):
        answer, messages = await post(ONE, run=run)
        assert (messages, answer.json()["run"]) == ([["2"]], told)


async def test_versions_of_records_are_counted_and_one_that_takes_a_record_back_is_one() -> None:
    of_record = {"record_id": "ward/1", "record_version": "1"}
    answer, _ = await post(
        json.dumps([of_record | {"events": [EVENT, EVENT | {"action": "stop"}]}])
    )
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert answer.json()["versions"] == 1

    answer, _ = await post(json.dumps(of_record | {"events": []}))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 0)
    assert answer.json()["versions"] == 1

    answer, _ = await post(ONE)
    assert "versions" not in answer.json()


async def test_elements_of_an_object_s_list_are_rejected_by_their_place_in_it() -> None:
    answer, _ = await post(json.dumps({"events": [EVENT, {}, EVENT, 5]}))
    assert [each["index"] for each in answer.json()["rejected"]] == [1, 3]
    assert answer.json()["accepted"] == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"PK\x03\x04events.csv", "it is a zip archive: unpack it, and publish what is in it"),
        (
            gzip.compress(ONE.encode()),
            "it is gzip inside: unpack it, or say over HTTP Content-Encoding: gzip",
        ),
        (ONE.encode("utf-16"), "it is UTF-16: save it as UTF-8"),
        (ONE.replace("\\u00c4", "Ä").encode("latin-1"), "it is not UTF-8: save it as UTF-8"),
        (b"<events/>", "it is XML or HTML: write its events as CSV or JSON Lines"),
        (b"patient_id,action\n1,start\n", "is not JSON"),
        (json.dumps([EVENT]) + "]", "line 1: there is more behind the end of the array"),
        (json.dumps(EVENT, indent=1)[:-1], "line 6: is not JSON: Expecting ',' delimiter"),
        (json.dumps({"events": []}), "holds no event"),
    ],
)
async def test_what_is_not_read_is_refused_with_what_to_do(body: bytes | str, told: str) -> None:
    answer, messages = await post(body)
    assert reason(answer) == f"{told}: post an event, a list of events, or JSON Lines"
    assert messages == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"resourceType": "Bundle"}', "it is FHIR: post it to /fhir"),
        (b"MSH|^~\\&|\r", "it is HL7 v2: send it by MLLP, or publish it as a file"),
    ],
)
async def test_of_what_is_taken_elsewhere_it_is_said_where_and_nothing_else(
    body: bytes, told: str
) -> None:
    answer, messages = await post(body)
    assert reason(answer) == told
    assert messages == []


async def test_an_element_with_wrong_bytes_is_rejected_in_words_that_hold_over_http_too() -> None:
    body = json.dumps([EVENT, {**EVENT, "patient_id": "?"}], ensure_ascii=False).encode()
    answer, messages = await post(body.replace(b"?", b"\xe9"))
    assert [each["reason"] for each in answer.json()["rejected"]] == [
        "patient_id: holds bytes that are not in the encoding that it is read in: UTF-8, or for a "
        "file what --encoding (PUBLISHER_ENCODING) names"
    ]
    assert messages == [["2"]]


async def test_a_bomb_is_refused() -> None:
    answer, messages = await post(gzip.compress(b" " * 200 * LIMIT), content_encoding="gzip")
    assert answer.status_code == 413
    assert answer.json() == {"detail": f"the body is longer than 100,000 bytes; {PARTS}"}
    assert messages == []


@pytest.mark.parametrize("encoding", ["gzip", "br"])
async def test_a_body_that_is_not_packed_as_it_says_is_refused(encoding: str) -> None:
    answer, messages = await post(ONE, content_encoding=encoding)
    assert "gzip" in reason(answer)
    assert messages == []


def told_of(name: str) -> str:
    there = ", ".join(EVENT)
    return f"column {name}; the columns are {there}; name others with --map (PUBLISHER_MAP)"


async def test_a_mapped_name_of_a_required_field_must_be_in_a_post() -> None:
    answer, messages = await post(json.dumps([EVENT, EVENT]), columns={"patient_id": "MRN"})
    assert reason(answer) == f"no record has a {told_of('MRN')}"
    assert messages == []

    known = {**EVENT, "MRN": "4711"}
    answer, messages = await post(json.dumps([EVENT, known]), columns={"patient_id": "MRN"})
    assert [each["reason"] for each in answer.json()["rejected"]] == ["patient_id: Field required"]
    assert messages == [["4711"]]


@pytest.mark.parametrize("spelling", ["linkOrderId", "link_orderid", "order_id", "Order ID"])
async def test_a_mapped_name_in_another_spelling_is_refused(spelling: str) -> None:
    body = json.dumps({**EVENT, spelling: "A"})
    answer, messages = await post(body, columns={"order_id": "linkorderid"})
    assert reason(answer).startswith("no record has a column linkorderid")
    assert f", event_time, {spelling};" in reason(answer)
    assert messages == []


async def test_an_event_without_the_mapped_name_of_an_optional_field_is_taken_and_that_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    columns = Columns({"event_id": "EID"})
    posted = [Record(0, EVENT)]
    for _ in range(2):
        columns.check_posted(posted)
    assert caplog.messages == [f"no record yet has a {told_of('EID')}"]

    answer, messages = await post(ONE, columns={"event_id": "EID"})
    assert answer.json()["accepted"] == 1
    assert messages == [["2"]]


def test_once_a_mapped_name_was_posted_nothing_is_logged_where_it_is_absent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    columns = Columns({"event_id": "EID"})
    columns.check_posted([Record(0, {**EVENT, "EID": None})])
    columns.check_posted([Record(0, EVENT)])
    assert caplog.messages == []


@pytest.mark.parametrize(
    "body",
    [f"[{ONE},{'{},' * (MOST - 2)}{ONE}]", "\n".join([ONE, *["{"] * (MOST - 2), ONE])],
    ids=["a list", "JSON Lines"],
)
async def test_of_elements_that_are_no_events_the_first_100_are_told_and_all_are_counted(
    body: str,
) -> None:
    answer, messages = await post(body)
    told = answer.json()
    assert (answer.status_code, told["accepted"], told["rejected_count"]) == (202, 2, MOST - 2)
    assert [each["index"] for each in told["rejected"]] == [*range(1, 101)]
    assert len(answer.content) < LIMIT
    assert messages == [["2", "2"]]


@pytest.mark.fault("post of more elements than are taken")
@pytest.mark.parametrize(
    "body",
    [
        f"[{ONE},{'{},' * (MOST - 1)}{{}}]",
        f"[{ONE},{'0,' * MOST}nonsense",
        "\n".join([ONE, *["{"] * MOST]),
        json.dumps({"events": [EVENT, *[{}] * MOST]}),
    ],
    ids=["a list", "one that breaks off later", "JSON Lines", "a list in an object"],
)
async def test_of_a_body_with_more_elements_than_are_taken_nothing_is_published(body: str) -> None:
    answer, messages = await post(body)
    assert answer.status_code == 413
    assert answer.json() == {"detail": f"the body holds more than 10,000 elements; {PARTS}"}
    assert messages == []


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
async def test_a_body_of_blank_lines_is_refused_before_they_are_read(end: str) -> None:
    """16 MiB of them would hold up everybody else's requests for seconds."""
    answer, messages = await post(ONE + end * 1_000 + ONE, most=10)
    assert (answer.status_code, messages) == (202, [["2", "2"]])
    answer, messages = await post(ONE + end * 1_001 + ONE, most=10)
    assert (answer.status_code, messages) == (413, [])
    assert answer.json() == {"detail": f"the body holds more than 1,000 lines; {PARTS}"}


@pytest.mark.parametrize("columns", [None, {"event_id": "EID"}])
async def test_a_body_with_more_names_than_any_events_have_is_refused_whole(
    columns: dict[str, str] | None,
) -> None:
    named = [{f"{each:x}": 0 for each in range(at, at + 100)} for at in range(0, 10_000, 100)]
    body = json.dumps([EVENT, *named], separators=(",", ":"))
    answer, messages = await post(body, columns=columns)
    assert reason(answer).startswith("holds more than 10,000 different names of fields")
    assert messages == []


def test_names_that_no_events_have_are_not_kept_for_the_next_request() -> None:
    mapping = FieldMapping(Columns({}))
    for start in range(3):
        wide = {f"{each:x}": None for each in range(start, start + 1_000)}
        assert event_of(mapping, Record(0, wide | EVENT)).patient_id == "2"
    assert mapping._shapes == {}


@pytest.mark.fault("post that does not end")
async def test_a_body_that_comes_too_slowly_is_answered_and_the_connection_closed() -> None:
    settings = PublisherSettings()
    api = FastAPI()
    bodies = Bodies(LIMIT, seconds=0.05)
    api.include_router(
        events_router(Formats(settings), Intake(Confirming(), settings), bodies, MOST)
    )

    async def endless() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()

    async with AsyncClient(transport=ASGITransport(api), base_url="http://service") as client:
        headers = {"content-type": "application/json"}
        answer = await client.post("/events", content=endless(), headers=headers)

    assert (answer.status_code, answer.headers["connection"]) == (408, "close")
    assert answer.json() == {"detail": "the body: it has not come within 0.05 s"}


def test_the_openapi_document_has_each_status_of_a_refusal() -> None:
    api, settings = FastAPI(), PublisherSettings()
    intake = Intake(Confirming(), settings)
    api.include_router(events_router(Formats(settings), intake, Bodies(1), MOST))
    answers = api.openapi()["paths"]["/events"]["post"]["responses"]
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    refused = {status for status, each in answers.items() if each.get("content") == refusal}
    assert refused == {"408", "413", "415"}


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/x-ndjson", "Application/JSON"]
)
async def test_json_and_json_lines_are_taken_by_either_name(content_type: str) -> None:
    answer, _ = await post(ONE, content_type=content_type)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"],
)
async def test_what_a_page_of_another_site_may_post_unasked_is_refused(content_type: str) -> None:
    answer, messages = await post(ONE, content_type=content_type)
    assert answer.status_code == 415
    told = answer.json()["detail"]
    assert told.startswith(
        "the header Content-Type must be application/json or application/x-ndjson"
    )
    assert messages == []
