"""Patients with many events, and what can't be read, are no trouble to other patients."""

import asyncio
import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from msgspec.structs import astuple
from sqlalchemy import text

from consumer_app.queries import apart
from consumer_app.queries.answers import answer_to
from consumer_app.queries.apart import AnswersApart
from consumer_app.queries.fhir_routes import fhir_router
from consumer_app.queries.layouts import AsOf, layout_of
from consumer_app.queries.parameters import PeriodsQuery
from consumer_app.queries.reader import LAST_RECEIVED
from consumer_app.queries.routes import periods_router
from consumer_app.queries.statement_search import StatementsQuery
from consumer_app.recorded import RecordedEvent
from consumer_app.rules.doubts import USUAL_QUIET
from consumer_app.storage import postgres, sqlite
from consumer_app.storage.backend import EVENTS_A_TRIP, MOST_EVENTS, Found, Reports
from consumer_app.storage.database import open_database
from consumer_app.storage.errors import DatabaseUnavailable, UnreadableEvents
from consumer_app.storage.store import EventStore
from contracts import Action, MedicationEvent, RecordVersion, Report
from runtime.child import Child
from runtime.http.etags import EntityTag
from runtime.http.problems import answer_problems
from tests.callers import let_in
from tests.databases import KINDS, PostgresDatabase, SqliteFile

FIRST = datetime(2021, 1, 1, tzinfo=UTC)
MANY = MOST_EVENTS + 1
AS_OF = AsOf(datetime.now(UTC), USUAL_QUIET)
"""Of events that are years old every moment from now on says the same."""


def events(patient: str, count: int) -> Iterator[MedicationEvent]:
    for number in range(count):
        medication = f"Medication {number % 10}"
        action = [Action.START, Action.STOP, Action.STOP, Action.CANCEL_START][number // 10 % 4]
        time = FIRST + timedelta(minutes=number)
        yield MedicationEvent(patient, medication, action, time, str(number % 3))


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return SqliteFile(tmp_path).url
    return PostgresDatabase(request.getfixturevalue("postgres")).url


@pytest.fixture
def any_url(tmp_path: Path) -> str:
    """Give one to what does not depend on the kind of database."""
    return SqliteFile(tmp_path).url


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody give up who is before the first answer of a process on a busy machine."""
    monkeypatch.setattr(apart, "_LONGEST_WAIT_SECONDS", 60)


class Consumer:
    """The queries of a consumer over a database of its own."""

    def __init__(self, store: EventStore, answered_apart: AnswersApart) -> None:
        self.store = store
        self.apart = answered_apart
        api = FastAPI()
        api.include_router(periods_router(store, answered_apart))
        api.include_router(fhir_router(store, answered_apart))
        answer_problems(api, unavailable=DatabaseUnavailable, unreadable=UnreadableEvents)
        self._client = AsyncClient(transport=ASGITransport(let_in(api)), base_url="http://consumer")

    async def ask(self, **query: Any) -> Response:  # noqa: ANN401 - passed on
        return await self.ask_for("/periods", **query)

    async def ask_for(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        **query: Any,  # noqa: ANN401
    ) -> Response:
        return await self._client.get(path, params=query or None, headers=headers)


@asynccontextmanager
async def consumer_with(url: str, stored: Iterable[Report]) -> AsyncIterator[Consumer]:
    answered_apart = AnswersApart({"DATABASE_URL": url}, asyncio.Lock())
    async with EventStore.at(url) as store:
        await store.add(list(stored))
        yield Consumer(store, answered_apart)
        await answered_apart.close()


async def test_many_events_are_answered_as_few_are(url: str) -> None:
    queries: list[dict[str, Any]] = [
        {},
        {"explain": True},
        {"explain": True, "merge_gap": "P1D", "at": "2021-01-02T00:00:00Z"},
        {"medication_name": ["Medication 1", "Medication 2"]},
        {"medication_name": ["unknown"]},
    ]
    async with consumer_with(url, events("many", MANY)) as consumer:
        for query in queries:
            answer = await consumer.ask(patient_id="many", **query)

            named = query.get("medication_name")
            stored = [
                each for each in events("many", MANY) if not named or each.medication_name in named
            ]
            asked = PeriodsQuery.model_validate({"patient_id": "many"} | query)
            assert answer.json() == json.loads(b"".join(answer_to(asked, stored))), query
            assert LAST_RECEIVED in answer.headers


def doses(count: int) -> list[MedicationEvent]:
    """Give a period of zero length for each minute to each of two medications."""
    return [
        MedicationEvent("many", f"Medication {number % 2}", action, time, str(number))
        for number in range(count)
        for time in [FIRST + timedelta(minutes=number // 2)]
        for action in (Action.START, Action.STOP)
    ]


async def test_many_events_are_answered_as_csv_as_few_are(url: str) -> None:
    asked = {"patient_id": "many", "format": "csv", "from": "2021-01-01T00:01:00Z"}
    async with consumer_with(url, doses(MANY)) as consumer:
        answer = await consumer.ask(**asked)

    first, second = (f"many,Medication {number},2021-01-01T00:01:00Z," for number in range(2))
    end = "2021-01-01T00:01:00Z"
    header, *rows = answer.text.splitlines()
    assert header == "patient_id,medication_name,start,end"
    assert rows[:2] == [f"{first}{end}", f"{second}{end}"]
    assert len(rows) == MANY - 2
    layout = layout_of(PeriodsQuery.model_validate(asked), AS_OF)
    assert answer.content == b"".join(layout.answer(Reports(doses(MANY), {})))
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("explain", [False, True])
async def test_many_events_are_doubted_as_few_are(url: str, explain: bool) -> None:
    query = {"patient_id": "many", "doubts": True, "explain": explain, "merge_gap": "PT1H"}
    ended = FIRST + timedelta(days=99)
    of_another_order = [
        MedicationEvent("many", "Medication 0", action, time, "another")
        for action, time in ((Action.START, FIRST), (Action.STOP, ended))
    ]
    all_events = [*events("many", MANY), *of_another_order]
    of_a_run = MedicationEvent("many", "Medication of a run", Action.START, FIRST)
    async with consumer_with(url, all_events) as consumer:
        await consumer.store.add([of_a_run], "monday")
        answer = await consumer.ask(**query)

        stored, arrivals = list[MedicationEvent](), dict[MedicationEvent, datetime]()
        async for medication in consumer.store.medications("many", arrived=True):
            stored += medication.events
            arrivals |= medication.arrivals
        newest = await consumer.store.newest("many")
    assert arrivals.keys() == {*stored} - {of_a_run} == {*all_events}
    layout = layout_of(PeriodsQuery.model_validate(query), AS_OF)
    assert answer.content == b"".join(layout.answer(Reports(stored, arrivals, newest)))
    kinds = {doubt["kind"] for each in answer.json()["periods"] for doubt in each["doubts"]}
    assert kinds == {"reported_late", "nothing_reported", "other_order_stopped"}


async def test_of_many_events_that_all_had_an_effect_none_is_counted(any_url: str) -> None:
    async with consumer_with(any_url, doses(MANY)) as consumer:
        answer = await consumer.ask(patient_id="many", doubts=True)

    assert answer.status_code == 200, answer.text
    assert (len(answer.json()["periods"]), answer.json()["without_effect"]) == (MANY, [])


async def test_many_events_are_answered_as_statements_page_by_page_as_few_are(url: str) -> None:
    base = "http://consumer/fhir"
    given = {"patient": ["many"], "effective": ["ge2021-01-01T00:01:00Z"], "_count": ["1000"]}
    async with consumer_with(url, doses(MANY)) as consumer:
        first = await consumer.ask_for(
            "/fhir/MedicationStatement", None, **{name: value for name, (value,) in given.items()}
        )
        following = {each["relation"]: each["url"] for each in first.json()["link"]}["next"]
        second = await consumer.ask_for(following.removeprefix("http://consumer"))

    asked = StatementsQuery.read(given, base, is_strict=True)
    layout = layout_of(asked, AS_OF)
    assert first.content == b"".join(layout.answer(Reports(doses(MANY), {})))
    assert first.headers["content-type"] == "application/fhir+json"
    assert LAST_RECEIVED in first.headers
    for bundle, count in ((first.json(), 1000), (second.json(), MANY - 1002)):
        assert (bundle["total"], len(bundle["entry"])) == (MANY - 2, count)
    starts = [
        entry["resource"]["effectivePeriod"]["start"]
        for bundle in (first.json(), second.json())
        for entry in bundle["entry"]
    ]
    assert starts == sorted(starts)
    assert starts[::2] == [
        f"2021-01-01T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(1, MANY // 2 + 1)
    ]


async def test_so_are_those_of_which_some_are_of_records(url: str) -> None:
    plain = [*events("many", MANY)]
    of_record = [
        MedicationEvent("many", f"Medication {number}", action, FIRST)
        for number in (1, 0)
        for action in (Action.STOP, Action.START)
    ]
    versions = [
        RecordVersion(f"pharmacy/{record}", version, [event])
        for record, event in enumerate(of_record)
        for version in "12"
    ]
    stored = [
        RecordedEvent(
            *astuple(event),
            record_id=each.record_id,
            record_version=each.record_version,
            superseded_by="2" if each.record_version == "1" else None,
        )
        for each in versions
        for event in each.events
    ]
    async with consumer_with(url, [*plain, *versions]) as consumer:
        for explain in (False, True):
            answer = await consumer.ask(patient_id="many", explain=explain)
            asked = PeriodsQuery(patient_id="many", explain=explain)
            expected = json.loads(b"".join(answer_to(asked, [*stored[::-1], *plain])))
            assert answer.json() == expected


async def test_who_has_an_answer_about_many_events_is_not_told_it_again(any_url: str) -> None:
    async with consumer_with(any_url, events("many", MANY)) as consumer:
        whole = await consumer.ask(patient_id="many")
        tag = whole.headers["etag"]
        again = await consumer.ask_for(
            "/periods", headers={"If-None-Match": tag}, patient_id="many"
        )

    assert tag == str(EntityTag(whole.content))
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert LAST_RECEIVED in again.headers


async def test_equal_questions_that_come_together_are_answered_once(
    any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    ask = Child.ask

    async def count(self: Child, query: bytes) -> None:
        asked.append(query)
        await ask(self, query)

    monkeypatch.setattr(Child, "ask", count)
    async with consumer_with(any_url, events("many", MANY)) as consumer:
        same = await asyncio.gather(*(consumer.ask(patient_id="many") for _ in range(5)))
        other = await consumer.ask(patient_id="many", explain=True)

    assert len(asked) == 2
    assert len({answer.content for answer in same}) == 1
    assert other.json()["periods"] != same[0].json()["periods"]


@pytest.mark.fault("more heavy patients asked for than are answered in time")
async def test_who_would_wait_for_too_long_is_told_when_to_ask_again(
    any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_LONGEST_WAIT_SECONDS", 0)
    async with consumer_with(any_url, events("many", MANY)) as consumer:
        async with consumer.apart._many._turn:
            other = await consumer.ask(patient_id="many")

        assert (other.status_code, other.headers["Retry-After"]) == (503, "0")
        assert "other patients with many events are being answered" in other.json()["detail"]
        assert (await consumer.ask(patient_id="many")).status_code == 200


@pytest.mark.fault("patient who takes more memory than there is")
@pytest.mark.parametrize("asked", ["explain", "doubts"])
async def test_an_answer_that_takes_too_much_memory_is_refused_and_the_next_is_given(
    url: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-c", HAS_LITTLE_MEMORY))
    async with consumer_with(url, [*events("many", MANY), *one_medication(40_000)]) as consumer:
        assert (await consumer.ask(patient_id="many")).status_code == 200

        refused = await consumer.ask(patient_id="one", **{asked: True})

        assert refused.status_code == 422, refused.text
        (problem,) = refused.json()["detail"]
        assert problem["parameter"] == "medication_name"
        assert "has more events than fit in memory" in problem["reason"]
        assert (await consumer.ask(patient_id="many")).status_code == 200


async def test_an_answer_that_takes_too_much_memory_in_its_lane_is_given_in_the_other(
    any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = HAS_LITTLE_MEMORY.replace("True", "sys.argv[1] == 'many'")
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-c", little))
    async with consumer_with(any_url, one_medication(40_000)) as consumer:
        answer = await consumer.ask(patient_id="one", explain=True)
        assert len(answer.json()["events"]) == 40_000


def one_medication(count: int) -> Iterator[MedicationEvent]:
    """Give events, each by an id of its own, of a medication, which are in memory together."""
    for number in range(count):
        time = FIRST + timedelta(minutes=number)
        yield MedicationEvent("one", "Heparin", Action.START, time, "o", f"a long id {number}")


HAS_LITTLE_MEMORY = """
import re, sys
from pathlib import Path

from consumer_app.queries import answering
if True:
    (taken,) = re.findall(r"VmData:\\s+(\\d+)", Path("/proc/self/status").read_text())
    answering.for_many_events = answering.for_a_giant = lambda: (int(taken) + 12 * 1024) * 1024
answering.main()
"""


async def spoil(url: str, patient: str) -> None:
    """Write what no version of ours writes."""
    engine = open_database(url)
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE event SET action = 9"
                " WHERE patient = (SELECT number FROM patient WHERE patient_id = :patient)"
            ),
            {"patient": patient},
        )
    await engine.dispose()


@pytest.mark.fault("row of another program that can't be read")
async def test_what_can_t_be_read_is_an_error_of_its_own_patient(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    stored = [*events("good", 10), *events("bad", 1), *events("many", MANY)]
    async with consumer_with(url, stored) as consumer:
        for patient in ("bad", "many"):
            await spoil(url, patient)
        patients = ["good", "bad", "unknown"] * 20 + ["many"]
        answers = await asyncio.gather(*(consumer.ask(patient_id=each) for each in patients))

        page = await consumer.ask_for("/events", patient_id="bad")

    statuses = {each: answer.status_code for each, answer in zip(patients, answers, strict=True)}
    assert statuses == {"good": 200, "bad": 500, "unknown": 200, "many": 500}
    assert page.status_code == 500
    told = "an event that is stored of the patient can't be read: another program has written it"
    assert {answer.json()["detail"] for answer in answers if answer.status_code == 500} == {told}
    assert "pause" not in caplog.text


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both databases give no more than three events at a time."""
    for module in (sqlite, postgres):
        monkeypatch.setattr(module, "EVENTS_A_PART", 3)


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("named", [[], ["Medication 2", "Medication 7", "unknown"]], ids=str)
async def test_medications_are_read_one_after_the_other_each_with_all_its_events(
    url: str, named: list[str]
) -> None:
    stored = [*events("p", 52), *events("other", 10)]
    async with EventStore.at(url) as store:
        await store.add(stored)
        found = [each.events async for each in store.medications("p", named)]

    expected = defaultdict(list)
    for each in events("p", 52):
        if not named or each.medication_name in named:
            expected[each.medication_name].append(each)
    assert found == [expected[name] for name in sorted(expected)]


@pytest.mark.usefixtures("parts")
async def test_what_is_stored_while_medications_are_read_is_in_none_of_them(url: str) -> None:
    late = MedicationEvent("p", "Medication 9", Action.STOP, FIRST + timedelta(days=99))
    async with EventStore.at(url) as store, EventStore.at(url) as other:
        await store.add(list(events("p", 40)))
        found: list[MedicationEvent] = []
        async for medication in store.medications("p"):
            await other.add([late])
            found += medication.events
        assert len(found) == 40
        assert late in await store.events_of("p")


@pytest.mark.usefixtures("parts")
async def test_what_ends_a_walk_is_told_where_nothing_can_be_opened_any_more(
    any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async def open_nothing(_: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    async with EventStore.at(any_url) as store:
        await store.add(list(events("p", 52)))
        async with aclosing(store.medications("p")) as medications:
            await anext(medications)
            monkeypatch.setattr(sqlite, "_go_on", fail)
            monkeypatch.setattr(sqlite._HeldConnection, "_open", open_nothing)
            with pytest.raises(DatabaseUnavailable, match="disk I/O error"):
                await anext(medications)


@pytest.mark.parametrize("named", [[], ["Medication 2"]], ids=str)
async def test_that_there_are_more_events_is_told_without_reading_them(
    url: str, named: list[str]
) -> None:
    async with EventStore.at(url) as store:
        await store.add([*events("p", 30), *events("q", 30)])
        count = 3 if named else 30
        assert await store.has_more_than(count - 1, "p", named)
        assert not await store.has_more_than(count, "p", named)


@pytest.mark.fault("many heavy patients asked for at once")
async def test_patients_who_find_no_room_in_a_trip_are_read_in_another(url: str) -> None:
    fit = EVENTS_A_TRIP // MOST_EVENTS
    patients = [str(number) for number in range(2 * fit + 1)]
    stored = [each for patient in patients for each in events(patient, MOST_EVENTS)]
    async with consumer_with(url, stored) as consumer:
        found = await asyncio.gather(*(consumer.store.read(patient) for patient in patients))
        assert [len(reading.events) for reading in found] == [MOST_EVENTS] * len(patients)

        trip = await consumer.store._backend.read(patients)
        assert len(trip.events) == fit


@pytest.mark.fault("database fails for one patient of many")
async def test_where_a_trip_fails_each_patient_is_asked_for_alone(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with consumer_with(url, [*events("good", 10), *events("bad", 10)]) as consumer:
        read = consumer.store._backend.read

        async def fail(patients: Sequence[str]) -> Found:
            if "bad" in patients:
                raise OSError("the disk has a fault there")
            return await read(patients)

        monkeypatch.setattr(consumer.store._backend, "read", fail)
        patients = ["good", "bad", "unknown", "good"]
        answers = await asyncio.gather(*(consumer.ask(patient_id=each) for each in patients))

    assert [answer.status_code for answer in answers] == [200, 503, 200, 200]


async def test_where_the_database_is_away_nobody_waits_for_others_to_find_out(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with consumer_with(url, events("good", 1)) as consumer:
        tried = []

        async def fail(patients: Sequence[str]) -> Found:
            tried.append(patients)
            raise OSError("there is no way to the host")

        monkeypatch.setattr(consumer.store._backend, "read", fail)
        alone = await consumer.ask(patient_id="good")
        assert (alone.status_code, len(tried)) == (503, 1)

        patients = await asyncio.gather(*(consumer.ask(patient_id=str(n)) for n in range(20)))
        assert {answer.status_code for answer in patients} == {503}


@pytest.mark.parametrize("wrong", ["CAST(x'ff' AS TEXT)", "x'ff'"], ids=["no UTF-8", "no text"])
@pytest.mark.fault("row whose text is not UTF-8, or a blob")
async def test_no_text_that_can_t_be_read_is_repeated(tmp_path: Path, wrong: str) -> None:
    database = SqliteFile(tmp_path)
    stored = [*events("good", 10), *events("bad", 1), *events("many", MANY)]
    async with consumer_with(database.url, stored) as consumer:
        with closing(sqlite3.connect(database.file)) as connection:
            for patient in ("bad", "many"):
                connection.execute(
                    f"UPDATE event SET order_id = {wrong}"
                    f" WHERE patient = (SELECT number FROM patient WHERE patient_id = '{patient}')"
                    " AND medication IN (SELECT number FROM medication WHERE medication_name ="
                    " 'Medication 0')"
                )
            connection.commit()
        patients = ["good", "bad", "many"]
        answers = await asyncio.gather(*(consumer.ask(patient_id=each) for each in patients))

    assert [answer.status_code for answer in answers] == [200, 500, 500]
    assert "Medication" not in answers[1].text + answers[2].text


async def test_a_relative_address_leads_the_other_process_to_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with consumer_with("sqlite+aiosqlite:///./events.db", events("many", MANY)) as consumer:
        assert (await consumer.ask(patient_id="many")).json()["periods"]


@pytest.mark.fault("giant patient asked for among others")
async def test_a_giant_is_answered_as_others_are_and_nobody_else_waits_for_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-c", GIANTS_ARE_SMALL))
    stored = [*events("many", MANY), *events("giant", MANY + 1)]
    async with consumer_with(url, stored) as consumer:
        async with consumer.apart._giant._turn:
            giant = asyncio.create_task(consumer.ask(patient_id="giant", explain=True))
            many = await consumer.ask(patient_id="many")
            part = await consumer.ask(patient_id="giant", medication_name="Medication 1")
            assert (many.status_code, part.status_code, giant.done()) == (200, 200, False)

        asked = PeriodsQuery(patient_id="giant", explain=True)
        expected = json.loads(b"".join(answer_to(asked, events("giant", MANY + 1))))
        assert (await giant).json() == expected
        assert consumer.apart._giant._child is None, "its memory is for others"


GIANTS_ARE_SMALL = f"""
from consumer_app.queries import answering
answering.GIANT = {MANY}
answering.main()
"""


async def test_what_is_asked_ends_with_the_service(url: str) -> None:
    async with consumer_with(url, events("many", MANY)) as consumer:
        asked = [
            asyncio.create_task(consumer.ask(patient_id="many", explain=each))
            for each in (True, False)
        ]
        while len(consumer.apart._asked) < len(asked):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await consumer.apart.close()
        await asyncio.gather(*asked, return_exceptions=True)
        assert consumer.apart._many._child is None
