"""Publishes a start and a stop over HTTP and waits until the period can be read: `helm test`."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

PATIENT, MEDICATION = "helm-test", "helm-test"
# The services are in this cluster, whatever proxy is set.
OPENER = build_opener(ProxyHandler({}))

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
headers = {"Content-Type": "application/json"}
posting = Request(  # noqa: S310 - the address is the chart's
    f"{os.environ['PUBLISHER']}/events", json.dumps(events).encode(), headers
)
with OPENER.open(posting, timeout=40) as answer:
    print("published:", answer.read().decode())

query = urlencode({"patient_id": PATIENT, "at": start.isoformat()})
deadline = time.monotonic() + 60
while True:
    try:
        with OPENER.open(f"{os.environ['CONSUMER']}/periods?{query}", timeout=10) as answer:
            periods = json.load(answer)["periods"]
    except HTTPError as error:
        raise SystemExit(f"the query failed: {error} {error.read().decode()}") from None
    if periods and periods[0]["end"] is not None:
        print("read back:", periods)
        break
    if time.monotonic() > deadline:
        raise SystemExit(f"no period came back within 60 s: {periods}")
    time.sleep(0.5)
