"""How many queries a second are answered, and how soon an event is seen."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import mean, quantiles
from typing import NamedTuple

import aio_pika
import aiohttp
import httpx

from benchmarks.events import one_history, one_patient
from benchmarks.machinery import Bench, finish, start_publisher, wait_until_stored
from contracts import write_message
from contracts.topology import EVENTS_EXCHANGE, ROUTING_KEY
from local.packages import ensure_program
from local.ports import free_port
from runtime.access.callers import PERIODS_READ
from runtime.access.token_file import COLUMNS, Token
from tests.services import eventually

_CONNECTIONS = 32
_SECONDS = 6
_TURNS = 3
_A_SECOND = 200
_PAUSE_SECONDS = 0.0005
# To follow each of them would measure how many queries a second are answered.
_FOLLOWED = 10
_PATIENT, _PATIENT_OF_ONE_HISTORY = "10000000", "1"


class Answers(NamedTuple):
    """Requests a second."""

    periods: float
    bare_route: float
    during_backfill: float
    apart: float
    """Of a process that only answers."""
    apart_during_backfill: float


class Latency(NamedTuple):
    """Milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, times: Sequence[float]) -> "Latency":
        """Take them of many."""
        cuts = quantiles(times, n=100)
        return cls(cuts[49], cuts[98])


def answers(bench: Bench, file: Path, count: int) -> Answers:
    """Query a patient with 100 events: after a bare route, alone, and during a backfill.

    Those two of the consumer, and of a process that only answers.
    """
    environment = bench.environment()
    only_answers = environment | {"CONSUMER_RECEIVES": "false"}
    with (
        bench.empty_queue(),
        bench.consumer(environment) as consumer,
        bench.consumer(only_answers) as beside,
    ):
        consumer.wait_until_ready()
        beside.wait_until_ready()
        bench.fill([write_message(one_patient(100))])
        wait_until_stored(environment["DATABASE_URL"], 100)
        url, apart_url = (
            f"{each.url}/periods?patient_id={_PATIENT}" for each in (consumer, beside)
        )
        answer = bench.folder / "answer.json"
        answer.write_bytes(httpx.get(url).raise_for_status().content)
        bare = _bare_route(answer)
        _load(url, seconds=2)
        periods = _load(url)
        _load(apart_url, seconds=2)
        apart = _load(apart_url)
        with start_publisher(file, environment) as publisher:
            time.sleep(3)
            during = _load(url)
            apart_during = _load(apart_url)
            finish(publisher)
        wait_until_stored(environment["DATABASE_URL"], 100 + count, poll=0.2)
    return Answers(periods, bare, during, apart, apart_during)


def audited(bench: Bench) -> tuple[float, float]:
    """Query the same patient by turns: with a token, and recorded; and without either.

    Return the requests a second of both.
    """
    environment = bench.environment()
    only_answers = environment | {"CONSUMER_RECEIVES": "false"}
    token, text = Token.new("bench", [PERIODS_READ], None, None)
    tokens = bench.folder / "tokens.csv"
    tokens.write_text("".join(f"{','.join(row)}\n" for row in (COLUMNS, token.row())))
    with (
        bench.empty_queue(),
        bench.consumer(environment) as storing,
        bench.consumer(only_answers | {"ACCESS_TOKENS": str(tokens)}) as recording,
        bench.consumer(only_answers, app="benchmarks.unaudited_consumer:app") as bare,
    ):
        for consumer in (storing, recording, bare):
            consumer.wait_until_ready()
        bench.fill([write_message(one_patient(100))])
        wait_until_stored(environment["DATABASE_URL"], 100)
        query = f"/periods?patient_id={_PATIENT}"
        rates: list[tuple[float, float]] = []
        for seconds in (2, *[_SECONDS] * _TURNS):
            known = _load(f"{recording.url}{query}", seconds, f"Authorization: Bearer {text}")
            rates.append((known, _load(f"{bare.url}{query}", seconds)))
    with_audit, without = zip(*rates[1:], strict=True)
    return mean(with_audit), mean(without)


def by_history_length(bench: Bench, lengths: list[int]) -> dict[int, float]:
    """Measure the milliseconds of one query by the number of events of its patient."""
    found = {}
    for length in lengths:
        environment = bench.environment()
        with bench.empty_queue(), bench.consumer(environment) as consumer:
            consumer.wait_until_ready()
            history = one_history(length)
            bench.fill([write_message(history[at : at + 1000]) for at in range(0, length, 1000)])
            wait_until_stored(environment["DATABASE_URL"], length)
            with httpx.Client() as client:
                url = f"{consumer.url}/periods?patient_id={_PATIENT_OF_ONE_HISTORY}"
                times = []
                for _ in range(30):
                    begin = time.perf_counter()
                    client.get(url).raise_for_status()
                    times.append((time.perf_counter() - begin) * 1000)
            found[length] = sorted(times)[len(times) // 2]
    return found


def _bare_route(answer: Path) -> float:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare_route:app", "--port", str(port)]
    with (
        answer.with_suffix(".log").open("w") as log,
        subprocess.Popen(command, env=os.environ | {"ANSWER": str(answer)}, stdout=log) as server,
    ):
        url = f"http://127.0.0.1:{port}/periods"
        eventually(lambda: _answers(url))
        _load(url, seconds=2)
        rate = _load(url)
        server.terminate()
    return rate


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def _load(url: str, seconds: int = _SECONDS, header: str = "Accept: */*") -> float:
    """Ask as fast as it is answered, over 32 connections; return the answers per second."""
    wrk = ensure_program("wrk", "wrk")
    command = [str(wrk), "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-H", header, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None or "Non-2xx" in said:
        raise RuntimeError(f"not all requests were answered: {said}")
    return float(found[1])


def seen_in_periods(bench: Bench, seconds: int) -> Latency:
    """Publish 200 events a second; measure from the publish until /periods shows the event."""
    environment = bench.environment()
    with bench.empty_queue(), bench.consumer(environment) as consumer:
        consumer.wait_until_ready()
        return asyncio.run(_seen(bench.broker.url, consumer.url, seconds))


async def _seen(broker: str, consumer: str, seconds: int) -> Latency:
    async with (
        await aio_pika.connect(broker) as connection,
        aiohttp.ClientSession() as client,
    ):
        exchange = await (await connection.channel()).get_exchange(EVENTS_EXCHANGE.name)

        async def one(number: int) -> None:
            patient = f"patient-{number}"
            body = (
                f'{{"patient_id":"{patient}","medication_name":"X","action":"start",'
                '"event_time":"2026-01-01T00:00:00Z"}'
            )
            await exchange.publish(aio_pika.Message(body.encode()), ROUTING_KEY)
            if number % _FOLLOWED:
                return
            url = f"{consumer}/periods?patient_id={patient}"
            while True:
                async with client.get(url) as answer:
                    if b'"periods":[{' in await answer.read():
                        return
                await asyncio.sleep(_PAUSE_SECONDS)

        return _of_followed(await steadily(one, seconds))


def round_trip(bench: Bench, seconds: int) -> Latency:
    """Publish 200 messages a second; measure from the publish until the same client has it."""
    return asyncio.run(_round_trips(bench.broker.url, seconds))


async def _round_trips(broker: str, seconds: int) -> Latency:
    arrived: dict[bytes, asyncio.Event] = {}

    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        await message.ack()
        arrived[message.body].set()

    async with await aio_pika.connect(broker) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(
            "round-trip", durable=True, arguments={"x-queue-type": "quorum"}
        )
        await queue.consume(take)

        async def one(number: int) -> None:
            body = str(number).encode()
            arrived[body] = asyncio.Event()
            await channel.default_exchange.publish(aio_pika.Message(body), queue.name)
            await arrived[body].wait()

        times = await steadily(one, seconds)
        await queue.delete(if_unused=False, if_empty=False)
    return _of_followed(times)


def _of_followed(times: Sequence[float]) -> Latency:
    return Latency.of(times[_A_SECOND::_FOLLOWED])


async def steadily(
    one: Callable[[int], Awaitable[None]], seconds: int, a_second: int = _A_SECOND
) -> Sequence[float]:
    """Begin so many a second, whether those before have ended or not; return the milliseconds."""
    begin = asyncio.get_running_loop().time()

    async def timed(number: int) -> float:
        await asyncio.sleep(begin + number / a_second - asyncio.get_running_loop().time())
        started = time.perf_counter()
        await one(number)
        return (time.perf_counter() - started) * 1000

    return await asyncio.gather(*(timed(number) for number in range(seconds * a_second)))
