"""Both HTTP interfaces, asked as their users ask them."""

import json
from typing import Any

import httpx
import pytest

from tests.integration.conftest import Publish
from tests.services import JSON, ServiceProcess, eventually

EVENT = {
    "patient_id": "http",
    "medication_name": "X",
    "action": "start",
    "event_time": "2021-01-01T00:00:00Z",
}


def get(service: ServiceProcess, path: str, **parameters: str) -> httpx.Response:
    return httpx.get(service.url + path, params=parameters, timeout=30)


def test_an_unknown_patient_has_empty_lists(consumer: ServiceProcess) -> None:
    answer = get(consumer, "/periods", patient_id="nobody")

    assert answer.status_code == 200
    assert answer.json() == {"patient_id": "nobody", "periods": [], "anomalies": []}


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({}, "patient_id"),
        ({"patient_id": " "}, "patient_id"),
        ({"patient_id": "2", "from": "yesterday"}, "from"),
        ({"patient_id": "2", "at": "2021-01-01"}, "at"),
        ({"patient_id": "2", "to": "1700000000"}, "to"),
        ({"patient_id": "2", "from": "2021-01-02T00:00:00Z", "to": "2021-01-01T00:00:00Z"}, "to"),
        ({"patient_id": "2", "merge_gap": "-P1D"}, "merge_gap"),
        ({"patient_id": "2", "merge_gap": "P1M"}, "merge_gap"),
        ({"patient_id": "2", "merge_gap": "PT"}, "merge_gap"),
    ],
)
def test_a_bad_parameter_is_named_with_a_valid_value(
    consumer: ServiceProcess, parameters: dict[str, str], wrong: str
) -> None:
    answer = get(consumer, "/periods", **parameters)

    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert problem["parameter"] == wrong
    assert get(consumer, "/periods", **{"patient_id": "2", wrong: problem["example"]}).is_success


def test_filters_choose_among_the_periods(publish: Publish, consumer: ServiceProcess) -> None:
    assert publish("examples/events.jsonl").returncode == 0
    eventually(lambda: get(consumer, "/periods", patient_id="4").json()["periods"])

    def found(**parameters: str) -> list[str]:
        answer = get(consumer, "/periods", patient_id="4", **parameters).json()
        return [period["start"][11:13] for period in answer["periods"]]

    assert found() == ["00", "01"]
    assert found(at="2021-01-01T01:00:00Z") == ["01"]
    assert found(at="2021-01-01T02:00:00Z") == []
    assert found(to="2021-01-01T01:00:00Z") == ["00"]
    assert found(**{"from": "2021-01-01T01:00:00Z"}) == ["01"]
    assert found(medication_name="Y") == []


def test_explain_tells_which_events_made_a_period(
    publish: Publish, consumer: ServiceProcess
) -> None:
    assert publish("examples/events.jsonl").returncode == 0
    eventually(lambda: get(consumer, "/periods", patient_id="4").json()["periods"])

    answer = get(consumer, "/periods", patient_id="2", explain="true").json()

    [period] = answer["periods"]
    assert period["opened_by"]["event_time"] == period["start"] == "2021-01-01T02:00:00Z"
    assert [event["role"] for event in answer["events"]] == [
        "cancelled",
        "cancel",
        "opened",
        "cancelled",
        "cancel",
    ]
    assert answer["events"][0]["counterpart"]["action"] == "cancel_start"


def test_events_come_in_time_order_page_by_page(
    publisher: ServiceProcess, consumer: ServiceProcess
) -> None:
    times = [f"2021-01-01T{hour:02}:00:00Z" for hour in range(7)]
    posted = [EVENT | {"patient_id": "paged", "event_time": time} for time in reversed(times)]
    assert httpx.post(f"{publisher.url}/events", json=posted).status_code == 202
    eventually(lambda: len(get(consumer, "/events", patient_id="paged").json()["events"]) == 7)

    after: dict[str, str] = {}
    pages = []
    while True:
        answer = get(consumer, "/events", patient_id="paged", limit="3", **after).json()
        pages.append([event["event_time"] for event in answer["events"]])
        if answer["next"] is None:
            break
        after = {"after": answer["next"]}

    assert pages == [times[:3], times[3:6], times[6:]]


def test_a_page_key_that_is_none_is_refused(consumer: ServiceProcess) -> None:
    assert get(consumer, "/events", patient_id="2", after="bm9uZQ==").status_code == 422


@pytest.mark.parametrize(
    ("body", "status", "accepted", "rejected"),
    [
        (json.dumps(EVENT), 202, 1, []),
        (json.dumps(EVENT, indent=2), 202, 1, []),
        (json.dumps([EVENT, {}, EVENT]), 202, 2, [1]),
        (f"{json.dumps(EVENT)}\n{{\n{json.dumps(EVENT)}\n", 202, 2, [1]),
        (json.dumps([{}, 3]), 422, 0, [0, 1]),
    ],
    ids=["one", "one over lines", "a list", "JSON Lines", "nothing good"],
)
def test_posted_events_are_accepted_or_rejected_one_by_one(
    publisher: ServiceProcess, body: str, status: int, accepted: int, rejected: list[int]
) -> None:
    answer = httpx.post(f"{publisher.url}/events", content=body, headers=JSON)

    assert answer.status_code == status
    assert answer.json()["accepted"] == accepted
    assert [each["index"] for each in answer.json()["rejected"]] == rejected


@pytest.mark.parametrize("body", ["", "   ", "[]", "nonsense", "[{", "a,b\n1,2"])
def test_a_body_that_is_no_json_is_refused_whole(publisher: ServiceProcess, body: str) -> None:
    answer = httpx.post(f"{publisher.url}/events", content=body, headers=JSON)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["parameter"] == "body"


def test_a_misspelt_run_is_told_before_events_go_out_without_one(
    publisher: ServiceProcess,
) -> None:
    answer = httpx.post(f"{publisher.url}/events?rn=import", json=EVENT)
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {"parameter": "rn", "reason": "is not known: run may be meant", "example": None}
    ]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/asyncapi", "/asyncapi.json"])
def test_documentation_is_served(
    publisher: ServiceProcess, consumer: ServiceProcess, path: str
) -> None:
    for service in (publisher, consumer):
        assert get(service, path).status_code == 200


def test_health_names_what_it_checked(publisher: ServiceProcess, consumer: ServiceProcess) -> None:
    for service in (publisher, consumer):
        expected: dict[str, Any] = {"status": "ready", "problems": {}}
        assert get(service, "/health/ready").json() == expected
        assert get(service, "/health/live").json() == {"status": "live"}
    assert get(consumer, "/health/receiving").json() == {"status": "receiving", "problems": {}}
