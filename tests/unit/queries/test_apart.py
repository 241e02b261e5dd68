"""What is asked of another process is given up when nobody waits for it any more."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
import uvicorn
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from consumer_app.queries import apart
from consumer_app.queries.apart import AnswersApart
from consumer_app.queries.parameters import PeriodsQuery
from consumer_app.queries.routes import periods_router
from consumer_app.storage.errors import DatabaseUnavailable, TooManyEvents
from consumer_app.storage.store import EventStore
from runtime.child import Child
from runtime.http.problems import Busy, answer_problems
from tests.callers import let_in
from tests.unit.conftest import until_in_line

ONE = PeriodsQuery(patient_id="1")
OTHER = PeriodsQuery(patient_id="2")

# The patient's identifier says what it does.
PROGRAM = """
import sys, time
from runtime.child import questions, say
for question in questions():
    if b"takes for ever" in question:
        time.sleep(600)
    if b"too many" in question:
        say(b'0\\n{"is_too_much": true}\\n')
    elif b"giant" in question and sys.argv[1] == "many":
        say(b'0\\n{"is_giant": true}\\n')
    else:
        say(b'2\\n{}0\\n{}\\n')
"""


@pytest.fixture
def room() -> asyncio.Lock:
    return asyncio.Lock()


@pytest.fixture
async def answers(
    room: asyncio.Lock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AnswersApart]:
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-c", PROGRAM))
    monkeypatch.setattr(apart, "_PATIENCE_SECONDS", 0)
    made = AnswersApart({}, room)
    yield made
    await made.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give what the processes are asked."""
    questions = []
    ask = Child.ask

    async def note(self: Child, question: bytes) -> None:
        questions.append(question)
        await ask(self, question)

    monkeypatch.setattr(Child, "ask", note)
    return questions


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.01)


async def leave(client: asyncio.Task[object]) -> None:
    client.cancel()
    await asyncio.gather(client, return_exceptions=True)


async def test_what_waits_is_asked_no_more_when_all_who_asked_have_left(
    answers: AnswersApart, asked: list[bytes]
) -> None:
    async with answers._many._turn:
        clients = [asyncio.create_task(answers.answer(ONE)) for _ in range(2)]
        await until(lambda: answers._asked)
        (question,) = answers._asked.values()

        await leave(clients[0])
        await asyncio.sleep(0.05)
        assert not question.answer.done(), "somebody waits for it"

        await leave(clients[1])
        await until(question.answer.done)
    assert (answers._asked, asked) == ({}, [])


@pytest.mark.fault("clients leave who asked for heavy patients")
async def test_what_is_in_work_is_given_up_with_its_process_when_all_who_asked_have_left(
    answers: AnswersApart, asked: list[bytes]
) -> None:
    client = asyncio.create_task(answers.answer(PeriodsQuery(patient_id="takes for ever")))
    await until(lambda: asked)
    child = answers._many._child
    assert child is not None

    await leave(client)

    assert (await answers.answer(ONE)).size == 2
    assert child.has_ended


async def test_who_asks_again_at_once_gets_what_was_begun(
    answers: AnswersApart, asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_PATIENCE_SECONDS", 60)
    async with answers._many._turn:
        client = asyncio.create_task(answers.answer(ONE))
        await until(lambda: answers._asked)
        await leave(client)
        again = asyncio.create_task(answers.answer(ONE))

    assert (await again).size == 2
    assert len(asked) == 1


class TooManyEventsOfAll:
    """A store of which each patient has many events."""

    async def read(self, *_: object) -> None:
        raise TooManyEvents


@pytest.fixture
def api(answers: AnswersApart) -> FastAPI:
    made = FastAPI()
    made.include_router(periods_router(cast("EventStore", TooManyEventsOfAll()), answers))
    answer_problems(made, unavailable=DatabaseUnavailable)
    return made


@pytest.mark.parametrize(
    ("named", "reason", "example"),
    [
        (
            [],
            "one of the patient's medications has more events than fit in memory: name others",
            "Heparin",
        ),
        (["A", "B"], "one of these has more events than fit in memory: name others", "Heparin"),
        (["A", "A"], "names one that has more events than fit in memory", None),
    ],
)
async def test_who_asks_for_too_much_is_told_which_medication_to_name_if_any(
    api: FastAPI, named: list[str], reason: str, example: str | None
) -> None:
    async with AsyncClient(
        transport=ASGITransport(let_in(api)), base_url="http://consumer"
    ) as client:
        query = {"patient_id": "too many", "medication_name": named}
        refused = await client.get("/periods", params=query)

    assert refused.status_code == 422
    (problem,) = refused.json()["detail"]
    assert problem == {"parameter": "medication_name", "reason": reason, "example": example}


@pytest.fixture
async def port(api: FastAPI) -> AsyncIterator[int]:
    """Give the port of a server that has them answered."""
    server = uvicorn.Server(uvicorn.Config(let_in(api), port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    (port,) = {socket.getsockname()[1] for each in server.servers for socket in each.sockets}
    yield port
    server.should_exit = True
    await serving


async def client_of(port: int, patient: bytes) -> asyncio.StreamWriter:
    _, client = await asyncio.open_connection("127.0.0.1", port)
    client.write(b"GET /periods?patient_id=%b HTTP/1.1\r\nHost: consumer\r\n\r\n" % patient)
    return client


@pytest.mark.fault("clients leave who asked for heavy patients")
async def test_a_client_that_closes_its_connection_has_left(
    answers: AnswersApart, asked: list[bytes], port: int
) -> None:
    async with answers._many._turn:
        client = await client_of(port, b"1")
        await until(lambda: answers._asked)
        client.close()
        await until(lambda: not answers._asked)
    assert asked == []


@pytest.mark.fault("clients leave who asked for heavy patients")
async def test_what_is_in_work_is_given_up_when_its_client_closes_its_connection(
    answers: AnswersApart, asked: list[bytes], port: int
) -> None:
    client = await client_of(port, b"takes%20for%20ever")
    await until(lambda: asked)
    child = answers._many._child
    assert child is not None
    client.close()
    await until(lambda: child.has_ended)
    assert (await answers.answer(ONE)).size == 2


@pytest.mark.fault("clients leave who asked for heavy patients")
async def test_clients_that_leave_and_ask_again_keep_nobody_waiting(
    answers: AnswersApart, asked: list[bytes]
) -> None:
    async with answers._many._turn:
        for number in range(100):
            client = asyncio.create_task(answers.answer(PeriodsQuery(patient_id=f"n{number}")))
            await asyncio.sleep(0)
            await leave(client)
        await until(lambda: not answers._asked)
    await answers.answer(OTHER)
    assert len(asked) == 1


async def test_a_giant_waits_for_the_room_and_leaves_it_with_its_process(
    answers: AnswersApart, started: list[Sequence[str]], room: asyncio.Lock
) -> None:
    async with room:
        giant = asyncio.create_task(answers.answer(PeriodsQuery(patient_id="giant")))
        await until_in_line(giant, room)
        assert (await answers.answer(ONE)).size == 2
        assert [lane for *_, lane in started] == ["many"]

    assert (await giant).size == 2
    assert [lane for *_, lane in started] == ["many", "giant"]
    assert (answers._giant._child, room.locked()) == (None, False)


async def test_a_giant_waits_in_both_lanes_together_no_longer_than_others_in_one(
    answers: AnswersApart, room: asyncio.Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_LONGEST_WAIT_SECONDS", 2)
    await answers.answer(ONE)
    loop = asyncio.get_running_loop()
    async with room:
        async with answers._many._turn:
            giant = asyncio.create_task(answers.answer(PeriodsQuery(patient_id="giant")))
            began = loop.time()
            await asyncio.sleep(1.8)
        with pytest.raises(Busy):
            await giant
    # 2 s for each lane would be 3.8 s.
    assert loop.time() - began < 3.5


async def test_who_joins_and_leaves_is_waited_for_as_long_as_who_asked_first(
    answers: AnswersApart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_PATIENCE_SECONDS", 0.05)
    async with answers._many._turn:
        first = asyncio.create_task(answers.answer(ONE))
        await until(lambda: answers._asked)
        (question,) = answers._asked.values()
        await leave(first)
        second = asyncio.create_task(answers.answer(ONE))
        await asyncio.sleep(0)
        monkeypatch.setattr(apart, "_PATIENCE_SECONDS", 60)
        await leave(second)
        await asyncio.sleep(0.1)
        assert not question.answer.done()


FULL = Path("/dev/full")


@pytest.fixture
def full_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "TemporaryFile", lambda: FULL.open("wb"))


@pytest.mark.usefixtures("full_folder")
async def test_that_the_temporary_folder_is_full_is_told_and_logged(
    answers: AnswersApart, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DatabaseUnavailable, match="the temporary folder can't hold the answer"):
        await answers.answer(ONE)
    assert caplog.messages == ["the temporary folder can't hold the answer"]


async def test_equal_questions_after_one_that_was_given_up_are_asked_anew(
    answers: AnswersApart,
) -> None:
    async with answers._many._turn:
        client = asyncio.create_task(answers.answer(ONE))
        await until(lambda: answers._asked)
        await leave(client)
        await until(lambda: not answers._asked)
        again = asyncio.create_task(answers.answer(ONE))
    assert (await again).size == 2
