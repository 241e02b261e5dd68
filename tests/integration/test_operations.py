"""The procedures of docs/operations.md, done with the commands that stand there."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import httpx
import pytest
from sqlalchemy import make_url

from local import postgres as local_postgres
from local.broker import PrivateBroker, private_broker
from local.postgres import PrivatePostgres
from tests.databases import KINDS, PostgresDatabase, SqliteFile, connect
from tests.processes import run_module
from tests.services import PATIENCE_SECONDS, ServiceProcess, eventually

ROOT = Path.cwd()
BLOCKS = {
    name: re.findall(r"^\$ (.+)\n((?:[^$].*\n)*)", dedent(block), re.MULTILINE)
    for name, block in re.findall(
        r"^ *```console (\w+ \w+)\n(.*?)^ *```$",
        Path("docs/operations.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """Give a broker whose events no consumer of other tests takes."""
    with private_broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


Lose = Callable[[], None]


@pytest.fixture
def sqlite(tmp_path: Path) -> tuple[dict[str, str], Lose]:
    database = SqliteFile(tmp_path)
    # The log stays behind, and must not be taken for that of the restored file.
    return {"DATABASE_URL": database.url}, database.file.unlink


@pytest.fixture
def postgresql(postgres: PrivatePostgres) -> tuple[dict[str, str], Lose]:
    database = PostgresDatabase(postgres)
    url = make_url(database.url)

    async def drop() -> None:
        connection = await connect(postgres.url)
        await connection.execute(f"DROP DATABASE {url.database}")
        await connection.close()

    environment = {
        "DATABASE_URL": database.url,
        "PGHOST": str(url.host),
        "PGPORT": str(url.port),
        "PGUSER": str(url.username),
        "PGDATABASE": str(url.database),
        "PATH": f"{local_postgres._ensure_programs()}:{os.environ['PATH']}",
    }
    return environment, lambda: asyncio.run(drop())


def run_documented(name: str, environment: dict[str, str], folder: Path) -> None:
    """Run the commands of a block, each with what is documented to be printed, if anything."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    for command, output in BLOCKS[name]:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert output in ("", done.stdout)


def publish(patient: str, environment: dict[str, str], *options: str) -> None:
    event = {
        "patient_id": patient,
        "medication_name": "Heparin",
        "action": "start",
        "event_time": "2021-01-01T00:00:00Z",
    }
    stdin = json.dumps([event]).encode()
    run_module("publisher_app", ["-", *options], environment, stdin=stdin).check_returncode()


def known(consumer: ServiceProcess, patient: str) -> bool:
    answer = httpx.get(f"{consumer.url}/periods", params={"patient_id": patient})
    return len(answer.raise_for_status().json()["periods"]) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.fault("database lost, its backup restored")
def test_a_lost_database_is_restored_and_all_events_are_there_again(
    kind: str, broker: PrivateBroker, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings, lose = request.getfixturevalue(kind)
    environment = {"RABBITMQ_URL": broker.url, **settings}
    consumer = ServiceProcess("consumer", environment, tmp_path)
    consumer.wait_until_ready()
    publish("before", environment)
    eventually(lambda: known(consumer, "before"))
    run_documented(f"{kind} backup", environment, tmp_path)
    publish("after", environment)
    eventually(lambda: known(consumer, "after"))

    consumer.kill()
    lose()
    publish("meanwhile", environment)
    run_documented(f"{kind} restore", environment, tmp_path)
    consumer = ServiceProcess("consumer", environment, tmp_path)
    consumer.wait_until_ready()

    eventually(lambda: known(consumer, "meanwhile"))
    assert known(consumer, "before")
    assert not known(consumer, "after"), "it was stored after the backup"
    publish("after", environment)
    eventually(lambda: known(consumer, "after"))
    publish("wrong", environment, "--run", "monday")
    eventually(lambda: known(consumer, "wrong"))
    run_documented("database retract", environment, tmp_path)
    assert not known(consumer, "wrong")
    if kind == "sqlite":
        run_documented("sqlite check", environment, tmp_path)
        run_documented("sqlite purge", environment, tmp_path)
    consumer.stop()
