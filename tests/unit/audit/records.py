"""Records of a day on a ward."""

from msgspec.structs import replace

from consumer_app.audit.records import COMMAND, READ, REFRESH, Record

MORNING = Record(
    time="2026-01-31T08:00:00.000000Z",
    kind=READ,
    outcome=200,
    subject="nurse",
    client="timeline",
    token="t-1 2",
    address="10.0.0.7",
    server="consumer-0",
    method="GET",
    route="/periods",
    patient="2",
    parameters={"medication_name": ["Heparin", "Insulin"], "merge_gap": ["P30D"]},
    request_id="ward-3/17",
)


def at(time: str, kind: str = REFRESH, record: Record = MORNING) -> Record:
    """Repeat a record at another time of the day."""
    return replace(record, time=f"2026-01-31T{time}:00.000000Z", kind=kind)


REFUSED = Record(
    time="2026-01-31T09:00:00.000000Z",
    kind=READ,
    outcome=401,
    address="10.0.0.8",
    server="consumer-0",
    method="GET",
    route="/events",
    request_id="0a",
)
PURGE = Record(
    time="2026-01-31T10:00:00.000000Z",
    kind=COMMAND,
    subject="root",
    server="consumer-0",
    route="database purge",
    parameters={"before": ["2015-01-01T00:00:00Z"]},
)
