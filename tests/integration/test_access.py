"""Who may read and write, asked of both services as their users run them."""

import csv
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.broker import PrivateBroker
from tests.commands import run_command
from tests.databases import SqliteFile
from tests.services import ServiceProcess

pytestmark = pytest.mark.integration

EVENT = {
    "patient_id": "access",
    "medication_name": "Heparin",
    "action": "start",
    "event_time": "2024-01-01T00:00:00Z",
}
OTHERS = "203.0.113.1"


@contextmanager
def serving(
    name: str, environment: dict[str, str], folder: Path, host: str = "127.0.0.1"
) -> Iterator[ServiceProcess]:
    service = ServiceProcess(name, environment, folder, host=host)
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.stop()


def address_of_this_machine() -> str:
    """Return an address at which others reach this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anywhere:
        try:
            anywhere.connect((OTHERS, 9))
        except OSError:
            pytest.skip("this machine has no address but its own loopback")
        return str(anywhere.getsockname()[0])


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens.csv"


@pytest.fixture
def environment(broker: PrivateBroker, tmp_path: Path) -> dict[str, str]:
    return {"RABBITMQ_URL": broker.url, "DATABASE_URL": SqliteFile(tmp_path).url}


def new_token(tokens: Path, name: str, *options: str) -> dict[str, str]:
    """Make a token by the command, and return the header that sends it."""
    arguments = ("access", "new-token", name, "--file", str(tokens), *options)
    done = run_command({"DATABASE_URL": SqliteFile(tokens.parent).url}, *arguments)
    assert done.returncode == 0, done.stderr
    return {"Authorization": f"Bearer {done.stdout.strip()}"}


def test_unconfigured_services_answer_this_machine_and_tell_others_what_to_set(
    environment: dict[str, str], tmp_path: Path
) -> None:
    address = address_of_this_machine()
    for name, path in (("consumer", "/periods?patient_id=2"), ("publisher", "/events")):
        with serving(name, environment, tmp_path, host="0.0.0.0") as service:
            method = "GET" if name == "consumer" else "POST"
            near = httpx.request(method, f"{service.url}{path}")
            assert near.status_code in {200, 415}
            far = httpx.request(method, f"http://{address}:{service.port}{path}")
            assert far.status_code == 503
            assert f"{name.upper()}_ACCESS=open" in far.json()["detail"]
            assert httpx.get(f"http://{address}:{service.port}/health/live").status_code == 200
            assert "no access is configured" in service.log.read_text()


def test_tokens_let_in_whom_the_file_lists_for_as_long_as_it_does(
    environment: dict[str, str], tmp_path: Path, tokens: Path
) -> None:
    pump = new_token(tokens, "pump", "--scope", "events:write")
    ward = new_token(tokens, "ward", "--scope", "periods:read")
    one = new_token(tokens, "one", "--scope", "periods:read", "--patient", "access")
    guarded = environment | {"ACCESS_TOKENS": str(tokens)}
    with (
        serving("publisher", guarded, tmp_path) as publisher,
        serving("consumer", guarded, tmp_path) as consumer,
    ):

        def ask(headers: dict[str, str], path: str = "/periods", patient: str = "access") -> int:
            query = {"patient_id": patient}
            return httpx.get(f"{consumer.url}{path}", params=query, headers=headers).status_code

        events = f"{publisher.url}/events"
        assert httpx.post(events, json=EVENT).status_code == 401
        assert httpx.post(events, json=EVENT, headers=ward).status_code == 403
        assert httpx.post(events, json=EVENT, headers=pump).status_code == 202
        assert [ask(each) for each in ({}, pump, ward, one)] == [401, 403, 200, 200]
        for path in ("/periods", "/events"):
            assert ask(one, path, patient="other") == 403

        with tokens.open(newline="") as file:
            rows = [row for row in csv.reader(file) if row[0] != "ward"]
        with tokens.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        late = new_token(tokens, "late", "--scope", "periods:read")
        assert [ask(each) for each in (late, ward, one)] == [200, 401, 200]
        for service in (publisher, consumer):
            log = service.log.read_text()
            assert "mp_" not in log
            assert "Traceback" not in log


def test_patients_are_searched_for_by_whom_the_right_to_it_was_given_and_by_no_other(
    environment: dict[str, str], tmp_path: Path, tokens: Path
) -> None:
    ward = new_token(tokens, "ward", "--scope", "periods:read")
    desk = new_token(tokens, "desk", "--scope", "periods:read", "--scope", "patients:search")
    searching = {"ACCESS_TOKENS": str(tokens), "CONSUMER_PATIENT_SEARCH": "true"}
    with serving("consumer", environment | searching, tmp_path) as consumer:
        address, form = f"{consumer.url}/patients/_search", {"prefix": "ac"}
        refused = httpx.post(address, data=form, headers=ward)
        found = httpx.post(address, data=form, headers=desk)

    assert (refused.status_code, found.status_code) == (403, 200)
    assert found.json() == {"patients": []}
    listed = run_command(environment, "audit", "list").stdout
    # A form is not read before the gate has let it in.
    for name, outcome, parameters in (("ward", 403, "-"), ("desk", 200, "prefix=ac")):
        [line] = [each for each in listed.splitlines() if f"\t{outcome}\t{name}\t" in each]
        assert line.endswith(f"\tPOST /patients/_search\t-\t{parameters}")


def test_another_site_s_page_can_post_no_form(environment: dict[str, str], tmp_path: Path) -> None:
    with serving("publisher", environment, tmp_path) as publisher:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            answer = httpx.post(
                f"{publisher.url}/events", content=b"{}", headers={"Content-Type": kind}
            )
            assert answer.status_code == 415
            assert "Content-Type must be application/json" in answer.json()["detail"]
