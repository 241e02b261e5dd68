"""Publishes a start and a stop over HTTP and waits until the period can be read: `helm test`."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

PATIENT, MEDICATION = "helm-test", "helm-test"
# The services are in this cluster, whatever proxy is set.
OPENER = build_opener(ProxyHandler({}))
token = os.environ.get("TOKEN")
DEADLINE = time.monotonic() + float(os.environ["PATIENCE_SECONDS"])


def ask(request: Request) -> dict:
    """Ask until there is an answer: network policies take effect some time after a pod's start."""
    told = None
    while True:
        try:
            with OPENER.open(request, timeout=40) as answer:
                return json.load(answer)
        except HTTPError as error:
            problem = f"{error} {error.read().decode(errors='replace')}"
            is_final = error.code < HTTPStatus.INTERNAL_SERVER_ERROR
            if error.code == HTTPStatus.UNAUTHORIZED and not token:
                problem += "; the secret of the tokens has no key `token`"
        except OSError as error:
            problem, is_final = str(error), False
        if is_final or time.monotonic() > DEADLINE:
            raise SystemExit(f"{request.get_method()} {request.full_url}: {problem}")
        if problem != told:
            print(f"trying again: {problem}")
            told = problem
        time.sleep(0.5)


start = datetime.now(UTC).replace(microsecond=0)
times = {"start": start, "stop": start + timedelta(seconds=1)}
events = [
    {
        "patient_id": PATIENT,
        "medication_name": MEDICATION,
        "action": action,
        "event_time": event_time.isoformat(),
        "order_id": start.isoformat(),
    }
    for action, event_time in times.items()
]
known = {"Authorization": f"Bearer {token}"} if token else {}
headers = {"Content-Type": "application/json"} | known
posting = Request(  # noqa: S310 - the address is the chart's
    f"{os.environ['PUBLISHER']}/events", json.dumps(events).encode(), headers
)
print("published:", ask(posting))

query = urlencode({"patient_id": PATIENT, "at": start.isoformat()})
asking = Request(f"{os.environ['CONSUMER']}/periods?{query}", headers=known)  # noqa: S310
while True:
    periods = ask(asking)["periods"]
    if periods and periods[0]["end"] is not None:
        print("read back:", periods)
        break
    if time.monotonic() > DEADLINE:
        raise SystemExit(f"no period came back: {periods}")
    time.sleep(0.5)
