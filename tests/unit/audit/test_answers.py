"""No answer about a patient leaves before it is recorded, and none leaves unrecorded."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consumer_app.access import ROUTES
from consumer_app.audit.answers import RecordedAnswers, note_parameters
from consumer_app.audit.errors import AuditUnavailable, Unrecordable
from consumer_app.audit.records import Record
from runtime.access.callers import PERIODS_READ, Caller
from runtime.access.configured import configured_access
from runtime.access.settings import AccessSettings
from runtime.access.token_file import Token
from tests.unit.access.gates import bearer, token_file

ASKED = {"patient_id": "2", "medication_name": ["Heparin", "Insulin"], "at": "2021-01-01T02:00:00Z"}


class Recorder:
    """Keeps what is recorded, with what had left by then."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.left: list[Message] = []
        self.left_before: list[int] = []
        self.expected: list[int] = []
        self.is_away = False
        self.seconds = 0.0
        """What the clock shows."""

    def around(self, app: ASGIApp) -> ASGIApp:
        return RecordedAnswers(app, ROUTES, self.record, clock=lambda: self.seconds)

    async def record(self, record: Record, expected: int) -> None:
        self.expected.append(expected)
        if self.is_away:
            raise AuditUnavailable("the audit can't be written: disk full")
        self.records.append(record)
        self.left_before.append(len(self.left))

    def watched(self, app: ASGIApp) -> ASGIApp:
        async def watching(scope: Scope, receive: Receive, send: Send) -> None:
            async def sent(message: Message) -> None:
                self.left.append(message)
                await send(message)

            await app(scope, receive, sent)

        return watching


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def answer(scope: Scope, _: Receive, send: Send) -> None:
    """Answer with the status that the request names, in two parts."""
    status = int(dict(scope["headers"]).get(b"status", b"200"))
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"one,", "more_body": True})
    await send({"type": "http.response.body", "body": b"two"})


@asynccontextmanager
async def asked(
    recorder: Recorder,
    settings: dict[str, Any] | None = None,
    app: ASGIApp = answer,
    client: tuple[str, int] = ("127.0.0.1", 123),
) -> AsyncIterator[AsyncClient]:
    """Give a client of an app that stands behind its gate and the audit."""
    access = configured_access(AccessSettings(**settings or {"access": "open"}), ROUTES)._replace(
        around=recorder.around
    )
    guarded = recorder.watched(access.guard(FastAPI(), app))
    transport = ASGITransport(guarded, client=client)
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as given:
        yield given


async def test_an_answer_is_recorded_with_who_asks_from_where_for_what(recorder: Recorder) -> None:
    async with asked(recorder, client=("10.0.0.7", 5)) as client:
        answered = await client.get("/periods", params=ASKED, headers={"X-Request-ID": "ward-3/17"})

    [record] = recorder.records
    assert answered.text == "one,two"
    assert (record.kind, record.outcome) == ("read", 200)
    assert (record.subject, record.address) == ("anybody", "10.0.0.7")
    assert (record.method, record.route, record.patient) == ("GET", "/periods", "2")
    assert record.parameters == {
        "medication_name": ["Heparin", "Insulin"],
        "at": ["2021-01-01T02:00:00Z"],
    }
    assert record.request_id == answered.headers["x-request-id"] == "ward-3/17"


async def test_it_is_recorded_before_the_first_byte_leaves(recorder: Recorder) -> None:
    async with asked(recorder) as client:
        await client.get("/periods", params=ASKED)

    assert recorder.left_before == [0]
    assert [message["type"] for message in recorder.left] == [
        "http.response.start",
        "http.response.body",
        "http.response.body",
    ]


async def test_the_audit_knows_how_many_answers_are_under_way(recorder: Recorder) -> None:
    all_here = asyncio.Barrier(3)

    async def together(scope: Scope, receive: Receive, send: Send) -> None:
        await all_here.wait()
        await answer(scope, receive, send)

    async with asked(recorder, app=together) as client:
        await asyncio.gather(*(client.get("/periods", params=ASKED) for _ in range(3)))
        assert max(recorder.expected) == 3
        await asyncio.gather(*(client.get("/periods", params=ASKED) for _ in range(3)))
        assert max(recorder.expected) == 3, "those that were answered are not"


async def test_without_a_record_there_is_no_answer(recorder: Recorder) -> None:
    recorder.is_away = True
    async with asked(recorder) as client:
        refused = await client.get("/periods", params=ASKED)

    assert refused.status_code == 503
    assert refused.json()["detail"].startswith("the audit can't be written: disk full; ")
    assert "two" not in refused.text
    assert "x-request-id" in refused.headers
    assert refused.headers["retry-after"] == "5"


@pytest.mark.parametrize("status", [200, 401, 403, 404, 422, 499, 500, 503])
async def test_every_outcome_is_recorded(recorder: Recorder, status: int) -> None:
    async with asked(recorder) as client:
        await client.get("/events", params=ASKED, headers={"status": str(status)})

    assert [record.outcome for record in recorder.records] == [status]


async def test_what_the_gate_refuses_is_recorded_with_whom_it_knows(
    recorder: Recorder, tmp_path: Path
) -> None:
    writer, writing = Token.new("pump", ["events:write"], None, None)
    reader, reading = Token.new("ward", ["periods:read"], None, None)
    tokens = {"access_tokens": token_file(tmp_path, writer, reader)}
    async with asked(recorder, tokens) as client:
        await client.get("/periods", params=ASKED)
        await client.get("/periods", params=ASKED, headers=bearer(writing))
        await client.get("/periods", params=ASKED, headers=bearer(reading))

    told = [(each.outcome, each.subject, each.token, each.patient) for each in recorder.records]
    assert told == [(401, None, None, "2"), (403, "pump", "pump", "2"), (200, "ward", "ward", "2")]


async def test_of_those_whom_nobody_knows_one_record_is_made_an_address_and_minute(
    recorder: Recorder, tmp_path: Path
) -> None:
    recorder.seconds = 59.0
    tokens = {"access_tokens": token_file(tmp_path)}

    async def ask(client: AsyncClient, times: int) -> None:
        for _ in range(times):
            answered = await client.get("/periods", params=ASKED)
            assert (answered.status_code, "x-request-id" in answered.headers) == (401, True)

    async with asked(recorder, tokens) as first:
        await ask(first, 3)
        assert [record.address for record in recorder.records] == ["127.0.0.1"]
        recorder.seconds = 60.0
        await ask(first, 2)
        assert [record.address for record in recorder.records] == ["127.0.0.1"] * 2
    async with asked(recorder, tokens, client=("10.0.0.8", 1)) as other:
        await ask(other, 2)
    assert [record.address for record in recorder.records] == ["127.0.0.1"] * 2 + ["10.0.0.8"]


async def test_a_refusal_that_could_not_be_recorded_is_none(
    recorder: Recorder, tmp_path: Path
) -> None:
    async with asked(recorder, {"access_tokens": token_file(tmp_path)}) as client:
        recorder.is_away = True
        assert (await client.get("/periods", params=ASKED)).status_code == 503
        recorder.is_away = False
        assert (await client.get("/periods", params=ASKED)).status_code == 401

    assert [record.outcome for record in recorder.records] == [401]


async def test_of_those_whom_nobody_knows_no_more_is_recorded_than_whom_they_ask_about(
    recorder: Recorder, tmp_path: Path
) -> None:
    async with asked(recorder, {"access_tokens": token_file(tmp_path)}) as client:
        await client.get("/periods", params={"patient_id": "x" * 3000, "medication_name": "y"})

    [record] = recorder.records
    assert (record.patient, record.parameters) == (f"{'x' * 128}…", {})


async def ask_from(recorder: Recorder, app: ASGIApp, *addresses: str) -> list[Record]:
    """Ask from each address without a token; return what that has recorded."""
    before = len(recorder.records)
    for address in addresses:
        transport = ASGITransport(app, client=(address, 1))
        async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            await client.get("/periods", params=ASKED, headers={"status": "401"})
    return recorder.records[before:]


async def test_of_ipv6_a_network_of_64_bits_is_one_client(recorder: Recorder) -> None:
    app = recorder.around(answer)
    recorded = await ask_from(
        *(recorder, app, "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
        *("::ffff:10.0.0.1", "::ffff:10.0.0.2"),
    )

    assert [record.address for record in recorded] == [
        *("2001:db8::1", "2001:db8:0:1::1", "::ffff:10.0.0.1", "::ffff:10.0.0.2")
    ]


async def test_all_whom_nobody_knows_have_one_limit_and_who_is_left_out_is_counted(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer_app.audit.answers._MOST_OF_UNKNOWN", 3)
    app = recorder.around(answer)
    addresses = [f"10.0.0.{last}" for last in range(8)]
    assert len(await ask_from(recorder, app, *addresses)) == 3

    recorder.seconds, recorder.is_away = 60.0, True
    await ask_from(recorder, app, "10.0.0.8")
    recorder.is_away = False
    recorded = await ask_from(recorder, app, "10.0.0.8", "10.0.0.9")
    assert [record.parameters for record in recorded] == [{"left_out": ["5"]}, {}]


async def test_who_can_not_be_recorded_is_not_tried_each_time(recorder: Recorder) -> None:
    tried: list[Record] = []

    async def refuse(record: Record, _: int) -> None:
        tried.append(record)
        raise Unrecordable("the audit's database can't keep a record")

    app = RecordedAnswers(answer, ROUTES, refuse)
    await ask_from(recorder, app, "10.0.0.1", "10.0.0.1")

    assert len(tried) == 1


async def test_of_a_caller_s_parameters_not_more_is_recorded_than_can_be_meant(
    recorder: Recorder,
) -> None:
    names = ["a" * 256] * 40
    async with asked(recorder) as client:
        await client.get("/periods", params={"at": "now", "medication_name": names})

    [record] = recorder.records
    kept = record.parameters["medication_name"]
    assert record.parameters == {"at": ["now"], "medication_name": kept, "…": ["…"]}
    assert 0 < len(kept) < len(names)


async def test_a_reader_who_is_slow_is_not_waited_for(recorder: Recorder) -> None:
    app, may_go_on = recorder.around(answer), asyncio.Event()
    transport = ASGITransport(app)

    async def stalled(scope: Scope, receive: Receive, send: Send) -> None:
        async def slow(message: Message) -> None:
            await may_go_on.wait()
            await send(message)

        await app(scope, receive, slow)

    async with (
        AsyncClient(transport=ASGITransport(stalled), base_url="http://127.0.0.1") as reader,
        AsyncClient(transport=transport, base_url="http://127.0.0.1") as other,
    ):
        reading = asyncio.create_task(reader.get("/periods", params=ASKED))
        async with asyncio.timeout(30):
            while not recorder.expected:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0)
        await other.get("/periods", params=ASKED, headers={"status": "403"})
        may_go_on.set()
        await reading

    assert recorder.expected == [1, 1]


async def test_an_answer_that_is_long_in_coming_is_not_waited_for(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer_app.audit.answers._SOON_SECONDS", 0)
    may_go_on = asyncio.Event()

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/events":
            await may_go_on.wait()
        await asyncio.sleep(0.01)
        await answer(scope, receive, send)

    async with asked(recorder, app=long) as client:
        computing = asyncio.create_task(client.get("/events", params=ASKED))
        await asyncio.sleep(0.01)
        await client.get("/periods", params=ASKED)
        may_go_on.set()
        await computing

    assert recorder.expected == [0, 0]


async def test_every_route_that_reads_of_patients_is_recorded_and_no_other(
    recorder: Recorder,
) -> None:
    async with asked(recorder) as client:
        for method, template in ROUTES:
            for each in {method, "HEAD"} if method == "GET" else {method}:
                await client.request(each, template.replace("{path:path}", "file.js"))
                await client.request("OPTIONS", template)

    expected = {each for each, scope in ROUTES.items() if scope == PERIODS_READ}
    expected |= {("HEAD", path) for method, path in expected if method == "GET"}
    assert {(record.method, record.route) for record in recorder.records} == expected
    assert ("GET", "/periods") in expected


@pytest.mark.parametrize(
    "given", ["", "a b", "ü", "x" * 129, "a\tb", "<script>"], ids=lambda text: text[:5]
)
async def test_a_request_id_that_is_none_is_made_anew(recorder: Recorder, given: str) -> None:
    async with asked(recorder) as client:
        named = [(b"X-Request-ID", given.encode())]
        answered = await client.get("/periods", params=ASKED, headers=named)

    [record] = recorder.records
    assert record.request_id == answered.headers["x-request-id"]
    assert len(record.request_id or "") == 32


@pytest.mark.parametrize(("header", "kind"), [("1", "refresh"), ("0", "read"), ("", "read")])
async def test_what_a_page_asks_again_by_itself_is_recorded_as_such(
    recorder: Recorder, header: str, kind: str
) -> None:
    async with asked(recorder) as client:
        await client.get("/periods", params=ASKED, headers={"X-Refresh": header})

    assert [record.kind for record in recorder.records] == [kind]


@pytest.mark.parametrize(
    ("given", "patient"),
    [([" 2 "], "2"), (["1", "3"], "3"), (["a\x00"], "a\x00"), ([], None), ([""], "")],
)
async def test_the_patient_is_recorded_as_the_events_name_them(
    recorder: Recorder, given: Iterable[str], patient: str | None
) -> None:
    async with asked(recorder) as client:
        await client.get("/periods", params={"patient_id": [*given]})

    assert [record.patient for record in recorder.records] == [patient]


async def test_what_is_asked_for_in_a_body_is_recorded_too(recorder: Recorder) -> None:
    async def search(scope: Scope, receive: Receive, send: Send) -> None:
        note_parameters(scope, {"patient_id": ["7"], "medication_name": ["Heparin"]})
        await answer(scope, receive, send)

    async with asked(recorder, app=search) as client:
        await client.get("/periods")

    [record] = recorder.records
    assert (record.patient, record.parameters) == ("7", {"medication_name": ["Heparin"]})


async def test_a_caller_is_recorded_with_client_and_token(recorder: Recorder) -> None:
    caller = Caller("nurse", (PERIODS_READ,), client="timeline", token_id="t-1")

    async def identify(_: Scope) -> Caller:
        return caller

    access = configured_access(AccessSettings(access="open"), ROUTES)._replace(
        identify=identify,
        around=recorder.around,
    )
    guarded = access.guard(FastAPI(), answer)
    async with AsyncClient(transport=ASGITransport(guarded), base_url="http://127.0.0.1") as client:
        await client.get("/periods", params=ASKED)

    [record] = recorder.records
    assert (record.subject, record.client, record.token) == ("nurse", "timeline", "t-1")
