"""What a pod does with a release; it runs there, by Python alone, and prints what it found as JSON.

publish NAME       publish batches until it is stopped: how many were confirmed
ask NAME           ask for periods until it is stopped: how often there was an answer, and what else
stop NAME          stop it
stored NAME COUNT  wait until so many batches are stored: events that are lost, or there twice
periods PATIENT    the periods of a patient
status URL         the status that it is answered with
reach HOST:PORT …  which of them a connection leads to
"""

import json
import os
import socket
import sys
import time
from collections import Counter
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

PUBLISHER, CONSUMER = "medication-periods-publisher", "medication-periods-consumer"
OPENER = build_opener(ProxyHandler({}))
BATCH = 20
KNOWN = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
PATIENCE_SECONDS = 120


class NoAnswer(Exception):
    """There is none, or one that tells of an error."""


def main(command: str, *arguments: str) -> None:
    """Do what is asked for, and print what came of it."""
    commands = (publish, ask, stop, stored, periods, status, reach)
    does = next(each for each in commands if each.__name__ == command)
    print(json.dumps(does(*arguments)))


@cache
def at(service: str) -> str:
    """Give the root of a service's URLs, by its address, which stays as long as it does.

    Else each question would be one to the cluster's DNS, too, which may be busy.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return f"http://{socket.gethostbyname(service)}"
        except socket.gaierror:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def answer(url: str, body: bytes | None = None) -> dict[str, Any]:
    """Ask once, or post JSON."""
    headers = KNOWN if body is None else KNOWN | {"Content-Type": "application/json"}
    try:
        with OPENER.open(Request(url, body, headers), timeout=40) as found:
            content: dict[str, Any] = json.load(found)
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswer(str(error)) from error
    return content


def publish(name: str) -> dict[str, Any]:
    """Publish batches, each until it is confirmed."""
    batches = tries = 0
    while not stopped(name).exists():
        body = json.dumps([event(name, batches, place) for place in range(BATCH)]).encode()
        tries += 1
        if is_confirmed(body):
            batches += 1
        else:
            time.sleep(0.2)
    return {"batches": batches, "tries": tries}


def event(name: str, batch: int, place: int) -> dict[str, Any]:
    """Make an event of a batch, which has a patient of its own."""
    return {
        "patient_id": f"{name}-{batch}",
        "medication_name": "Heparin",
        "action": "start" if place % 2 == 0 else "stop",
        "event_time": f"2024-03-01T{place:02}:00:00Z",
        "event_id": str(place),
    }


def is_confirmed(body: bytes) -> bool:
    """Post a batch once."""
    try:
        accepted: int = answer(f"{at(PUBLISHER)}/events", body)["accepted"]
    except NoAnswer:
        return False
    return accepted == BATCH


def stored(name: str, batches: str) -> dict[str, Any]:
    """Wait for all batches."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    lost = doubled = 0
    for batch in range(int(batches)):
        found = events_of(f"{name}-{batch}")
        while len(found) < BATCH and time.monotonic() < deadline:
            time.sleep(0.2)
            found = events_of(f"{name}-{batch}")
        lost += BATCH - len(found)
        doubled += sum(found.values()) - len(found)
    return {"events": int(batches) * BATCH, "lost": lost, "doubled": doubled}


def events_of(patient: str) -> Counter[str]:
    """Count a patient's events by their ids; none where there is no answer."""
    query = urlencode({"patient_id": patient, "limit": 10 * BATCH})
    try:
        return Counter(
            each["event_id"] for each in answer(f"{at(CONSUMER)}/events?{query}")["events"]
        )
    except NoAnswer:
        return Counter()


def ask(name: str) -> dict[str, Any]:
    """Ask for periods, again and again, each time by a connection of its own."""
    found = Counter(answered=0)
    while not stopped(name).exists():
        try:
            answer(f"{at(CONSUMER)}/periods?patient_id=2")
            found["answered"] += 1
        except NoAnswer as error:
            found[str(error)] += 1
        time.sleep(0.05)
    return found


def stop(name: str) -> dict[str, Any]:
    """Say that it is enough."""
    stopped(name).touch()
    return {}


def stopped(name: str) -> Path:
    """Return the file that says so."""
    return Path("/tmp") / f"{name}.stop"


def periods(patient: str) -> list[Any]:
    """Ask for a patient's periods once."""
    found = answer(f"{at(CONSUMER)}/periods?{urlencode({'patient_id': patient})}")
    return list(found["periods"])


def status(url: str) -> int:
    """Ask once."""
    try:
        with OPENER.open(url, timeout=40) as found:
            return int(found.status)
    except HTTPError as error:
        return error.code


def reach(*targets: str) -> dict[str, Any]:
    """Try to connect to each, once."""
    return {target: is_reached(*target.rsplit(":", 1)) for target in targets}


def is_reached(host: str, port: str) -> bool:
    """Say whether a connection is taken; what a policy keeps out may be refused or unanswered."""
    try:
        with socket.create_connection((host, int(port)), timeout=3):
            return True
    except OSError:
        return False


main(*sys.argv[1:])
