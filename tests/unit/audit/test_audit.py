"""Those who wait share commits, and a chain grows with what is committed alone."""

import asyncio
import logging
from pathlib import Path

import pytest

from consumer_app.audit.audit import LITTLE_ROOM, Audit
from consumer_app.audit.chain import Codes
from consumer_app.audit.errors import AuditUnavailable, Unrecordable, UnusableAudit
from consumer_app.audit.key import read_key
from consumer_app.audit.records import READ, Record, now
from consumer_app.audit.sinks import MOST_LINKS
from consumer_app.audit.verification import Verification, heads_in
from runtime.http.health import Remark
from tests.unit.audit.sinks import MemorySink


def record(patient: str = "2") -> Record:
    return Record(time=now(), kind=READ, server="here", patient=patient)


@pytest.fixture
async def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "audit.key"


@pytest.fixture
def audit(sink: MemorySink, key_file: Path) -> Audit:
    return Audit(sink, key_file)


def problems_in(sink: MemorySink, key_file: Path, *log: str) -> list[str]:
    verification = Verification(Codes(read_key(key_file)), [], heads_in(log))
    for link in sink.links:
        verification.add(link)
    verification.end()
    return verification.problems


async def test_one_commit_serves_all_who_wait(sink: MemorySink, audit: Audit) -> None:
    sink.go_on.clear()
    first = asyncio.create_task(audit.record(record()))
    await sink.until_arrived(1)
    others = [asyncio.create_task(audit.record(record())) for _ in range(40)]
    await asyncio.sleep(0)
    sink.go_on.set()
    await asyncio.gather(first, *others)

    assert sink.commits == [1, 40]


async def test_those_who_are_under_way_share_a_commit(
    sink: MemorySink, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer_app.audit.audit._GATHER_SECONDS", 60)
    recording = []
    for _ in range(8):
        recording.append(asyncio.create_task(audit.record(record(), expected=8)))
        # Each comes at another turn of the event loop, as answers are computed one by one.
        await asyncio.sleep(0.01)
        assert len(sink.links) == (8 if len(recording) == 8 else 0)
    await asyncio.gather(*recording)

    assert sink.commits == [8]


async def test_a_few_do_not_wait_for_each_other(
    sink: MemorySink, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer_app.audit.audit._GATHER_SECONDS", 60)
    async with asyncio.timeout(30):
        await audit.record(record(), expected=7)

    assert sink.commits == [1]


async def test_those_who_do_not_come_are_not_waited_for(sink: MemorySink, audit: Audit) -> None:
    async with asyncio.timeout(30):
        await audit.record(record(), expected=32)

    assert sink.commits == [1]


async def test_who_comes_alone_does_not_wait(
    sink: MemorySink, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer_app.audit.audit._GATHER_SECONDS", 60)
    async with asyncio.timeout(30):
        for _ in range(3):
            await audit.record(record())

    assert sink.commits == [1, 1, 1]


async def test_more_than_a_statement_takes_are_committed_in_turn(
    sink: MemorySink, audit: Audit
) -> None:
    await asyncio.gather(*(audit.record(record()) for _ in range(MOST_LINKS + 2)))

    assert sink.commits == [MOST_LINKS, 2]


async def test_nobody_goes_on_before_the_commit(sink: MemorySink, audit: Audit) -> None:
    sink.go_on.clear()
    waiting = asyncio.create_task(audit.record(record()))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done

    sink.go_on.set()
    await waiting
    assert len(sink.links) == 1


async def test_a_process_writes_one_chain_and_the_next_one_another(
    sink: MemorySink, audit: Audit, key_file: Path
) -> None:
    for _ in range(3):
        await audit.record(record())
    await audit.close()
    await Audit(sink, key_file).record(record())

    assert [(link.chain, link.number) for link in sink.links] == [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert problems_in(sink, key_file) == []


async def test_processes_that_begin_at_once_get_chains_of_their_own(
    sink: MemorySink, audit: Audit, key_file: Path
) -> None:
    sink.go_on.clear()
    other = Audit(sink, key_file)
    both = [asyncio.create_task(each.record(record())) for each in (audit, other)]
    await sink.until_arrived(2)
    sink.go_on.set()
    await asyncio.gather(*both)

    assert sorted((link.chain, link.number) for link in sink.links) == [(1, 1), (2, 1)]
    assert problems_in(sink, key_file) == []


async def test_who_gives_up_waiting_takes_nobody_elses_record_away(
    sink: MemorySink, audit: Audit
) -> None:
    sink.go_on.clear()
    impatient, patient = (asyncio.create_task(audit.record(record())) for _ in range(2))
    await sink.until_arrived(1)
    impatient.cancel()
    sink.go_on.set()
    await patient
    with pytest.raises(asyncio.CancelledError):
        await impatient

    assert len(sink.links) == 2


async def test_all_who_wait_hear_of_a_failure_and_the_next_record_begins_a_chain(
    sink: MemorySink, audit: Audit, key_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await audit.record(record())
    sink.failure = "the audit can't be written: disk full"
    for _ in range(2):
        failed = await asyncio.gather(
            *(audit.record(record("secret-patient")) for _ in range(5)), return_exceptions=True
        )
        assert [type(each) for each in failed] == [AuditUnavailable] * 5
    sink.failure = None
    await audit.record(record())

    assert [(link.chain, link.number) for link in sink.links] == [(1, 1), (2, 1)]
    assert problems_in(sink, key_file) == []
    assert caplog.text.count("disk full") == 1
    assert "secret-patient" not in caplog.text


async def test_nobody_waits_for_ever_for_what_went_wrong_in_a_way_that_nobody_expects(
    sink: MemorySink, audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    sink.fault = ValueError("secret-patient")
    async with asyncio.timeout(30):
        failed = await asyncio.gather(
            *(audit.record(record()) for _ in range(MOST_LINKS * 2 + 1)), return_exceptions=True
        )

    assert {(type(each), str(each)) for each in failed} == {
        (AuditUnavailable, "the audit has failed: ValueError")
    }
    assert await audit.problem() is None, "it tries again"
    assert "in append" in caplog.text
    assert "secret-patient" not in caplog.text
    sink.fault = None
    await audit.record(record())
    assert len(sink.links) == 1


async def test_each_of_those_who_wait_gets_an_exception_of_its_own(
    sink: MemorySink, audit: Audit
) -> None:
    sink.failure = "the audit can't be written: locked"
    failed = await asyncio.gather(
        *(audit.record(record()) for _ in range(3)), return_exceptions=True
    )

    assert len({id(each) for each in failed}) == 3


async def test_a_record_that_can_not_be_kept_takes_no_other_with_it(
    sink: MemorySink, audit: Audit, key_file: Path
) -> None:
    sink.can_not_keep = "secret-patient"
    await audit.record(record())
    recorded = await asyncio.gather(
        *(audit.record(record(each)) for each in ("1", "secret-patient", "2")),
        return_exceptions=True,
    )
    await audit.record(record())

    assert [type(each) for each in recorded] == [type(None), Unrecordable, type(None)]
    assert [(link.chain, link.number) for link in sink.links] == [(1, each) for each in range(1, 5)]
    assert problems_in(sink, key_file) == []
    assert await audit.problem() is None


async def test_the_end_of_a_chain_that_a_failure_ends_is_in_the_log(
    sink: MemorySink, audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    await audit.record(record())
    sink.failure = "the audit can't be written: locked"
    with caplog.at_level(logging.INFO), pytest.raises(AuditUnavailable):
        await audit.record(record())

    assert [(head.chain, head.length) for head in heads_in(caplog.messages)] == [(1, 1)]


async def test_the_log_has_the_head_of_the_chain_once_it_has_grown_and_no_patient(
    sink: MemorySink,
    audit: Audit,
    key_file: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("consumer_app.audit.audit._TELL_SECONDS", 0.01)
    with caplog.at_level(logging.INFO):
        async with audit:
            await audit.record(record("secret-patient"))
            while not caplog.messages:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.01)
            # It has not grown, so there is nothing to tell.
            await asyncio.sleep(0.05)
            await audit.record(record("secret-patient"))

    assert [head.length for head in heads_in(caplog.messages)] == [1, 2]
    assert problems_in(sink, key_file, *caplog.messages) == []
    assert "secret-patient" not in caplog.text
    del sink.links[1:]
    assert problems_in(sink, key_file, *caplog.messages) == ["chain 1: record 2 is missing"]


async def test_a_missing_key_of_records_that_are_there_is_not_made_anew(
    sink: MemorySink, tmp_path: Path
) -> None:
    await Audit(sink, tmp_path / "audit.key").record(record())
    missing = tmp_path / "missing.key"
    audit = Audit(sink, missing)

    with pytest.raises(UnusableAudit, match=rf"its key {missing} is missing: put it back"):
        await audit.open()
    with pytest.raises(AuditUnavailable, match="is missing"):
        await audit.record(record())
    with pytest.raises(FileNotFoundError):
        read_key(missing)


async def test_another_process_may_begin_the_audit_while_this_one_starts(
    sink: MemorySink, audit: Audit, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def last_chain() -> int:
        monkeypatch.undo()
        await Audit(sink, key_file).record(record())
        return await sink.last_chain()

    monkeypatch.setattr(sink, "last_chain", last_chain)
    await audit.record(record())

    assert [link.chain for link in sink.links] == [1, 2]
    assert problems_in(sink, key_file) == []


async def test_an_audit_that_can_be_written_has_no_problem(audit: Audit) -> None:
    assert await audit.problem() is None
    await audit.record(record())
    assert await audit.problem() is None


async def test_one_that_can_not_be_written_is_a_problem_until_it_can(
    sink: MemorySink, audit: Audit
) -> None:
    sink.failure = "the audit can't be written: locked"
    with pytest.raises(AuditUnavailable):
        await audit.open()
    assert await audit.problem() == sink.failure
    # Nobody asks for patients any more, as it is not ready: it finds out by itself.
    sink.failure = None
    assert await audit.problem() is None


async def test_little_room_is_told_of_while_answers_are_given(
    sink: MemorySink, audit: Audit
) -> None:
    sink.free = LITTLE_ROOM - 1
    await audit.record(record())
    told = await audit.problem()

    assert isinstance(told, Remark)
    assert told.startswith("its disk has 255 MiB left")
    sink.free = LITTLE_ROOM
    assert await audit.problem() is None


async def test_a_full_disk_is_a_problem_until_there_is_room(sink: MemorySink, audit: Audit) -> None:
    sink.free, sink.failure = 0, "the audit can't be written: disk full"
    with pytest.raises(AuditUnavailable):
        await audit.record(record())
    assert await audit.problem() == sink.failure

    # It is tried again, though there is little: what is left may well do.
    sink.free, sink.failure = LITTLE_ROOM - 1, None
    assert isinstance(await audit.problem(), Remark)
    sink.free = LITTLE_ROOM
    assert await audit.problem() is None


async def test_another_key_of_the_same_audit_is_refused(sink: MemorySink, tmp_path: Path) -> None:
    await Audit(sink, tmp_path / "audit.key").record(record())
    other = tmp_path / "other.key"
    other.write_text("00" * 32)
    audit = Audit(sink, other)

    with pytest.raises(UnusableAudit, match=rf"{other} is not the key of this audit: "):
        await audit.open()
    with pytest.raises(AuditUnavailable):
        await audit.record(record())
    assert len(sink.links) == 1


async def test_the_log_has_the_chains_of_others_who_have_no_log_too(
    sink: MemorySink,
    audit: Audit,
    key_file: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def command() -> None:
        await Audit(sink, key_file).record(record())

    monkeypatch.setattr("consumer_app.audit.audit._TELL_SECONDS", 0.01)
    await command()
    with caplog.at_level(logging.INFO):
        async with audit:
            await audit.open()
            await command()
            await command()
            while len(caplog.messages) < 2:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)

    assert [(head.chain, head.length) for head in heads_in(caplog.messages)] == [(2, 1), (3, 1)]
    # Without them another one could take the number.
    del sink.links[2]
    await command()
    assert problems_in(sink, key_file) == []
    assert problems_in(sink, key_file, *caplog.messages) == [
        "chain 3: record 1 is another than the one in the log"
    ]
