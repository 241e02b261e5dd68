"""What a form asks is answered like what an address asks, and names the patient in no log."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from consumer_app.access import ROUTES
from consumer_app.audit.answers import RecordedAnswers
from consumer_app.audit.records import Record
from consumer_app.queries.apart import AnswersApart
from consumer_app.queries.reader import LAST_RECEIVED
from consumer_app.queries.routes import periods_router
from consumer_app.storage.errors import DatabaseUnavailable
from consumer_app.storage.store import EventStore
from contracts import explain_event
from runtime.access.configured import configured_access
from runtime.access.settings import AccessSettings
from runtime.http.heads import MAX_HEAD_BYTES
from runtime.http.problems import answer_problems

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Asked = Sequence[tuple[str, str]]

PERIODS: list[Asked] = [
    [("patient_id", "Müller & 7")],
    [("patient_id", "Müller & 7"), ("explain", "true"), ("merge_gap", "P30D")],
    [("patient_id", "Müller & 7"), ("medication_name", "Heparin"), ("medication_name", "X")],
    [("patient_id", "Müller & 7"), ("from", "2021-01-01T00:00:00Z"), ("to", "2021-01-02T00:00Z")],
    [("patient_id", "other"), ("patient_id", "Müller & 7")],
    [("patient_id", "Müller & 7"), ("medication", "Heparin")],
    [("patient_id", "1"), ("at", "2021-01-01T00:00:00 01:00"), ("x", ""), ("FROM", "")],
    [],
    [("patient_id", "")],
    [("patient_id", "\ufffd\u200b")],
    [("patient_id", "1"), ("merge_gap", "")],
    [("patient_id", "1"), ("merge_gap", "a day"), ("at", "now"), ("explain", "perhaps")],
    [("patient_id", "1"), ("medication_name", "Heparin"), ("medication_name", "")],
    [("patient_id", "1"), ("from", "2021-01-02T00:00:00Z"), ("to", "2021-01-01T00:00:00Z")],
]
EVENTS: list[Asked] = [
    [("patient_id", "Müller & 7")],
    [("patient_id", "Müller & 7"), ("limit", "1")],
    [("patient_id", "Müller & 7"), ("limit", "0"), ("after", "nowhere")],
    [],
]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[FastAPI]:
    api = FastAPI()
    async with EventStore.at(f"sqlite+aiosqlite:///{tmp_path}/events.db") as store:
        reports = [("Heparin", 1), ("Heparin", 2), ("X", 3), ("Morphin", 4)]
        await store.add(
            [
                explain_event(
                    {
                        "patient_id": "Müller & 7",
                        "medication_name": name,
                        "action": "start",
                        "event_time": f"2021-01-0{day}T02:00:00Z",
                    }
                )
                for name, day in reports
            ]
        )
        api.include_router(periods_router(store, AnswersApart({}, asyncio.Lock())))
        answer_problems(api, unavailable=DatabaseUnavailable)
        yield api


async def search(client: AsyncClient, path: str, body: bytes | str, **headers: str) -> Response:
    return await client.post(f"{path}/_search", content=body, headers=FORM | headers)


@pytest.mark.parametrize(
    ("path", "asked"),
    [*(("/periods", each) for each in PERIODS), *(("/events", each) for each in EVENTS)],
)
async def test_a_form_is_read_and_answered_as_the_same_words_in_an_address(
    client: AsyncClient, path: str, asked: Asked
) -> None:
    by_address = await client.get(f"{path}?{urlencode(asked)}")
    by_form = await search(client, path, urlencode(asked))

    assert by_form.status_code == by_address.status_code
    assert by_form.content == by_address.content
    assert by_form.headers.get(LAST_RECEIVED) == by_address.headers.get(LAST_RECEIVED)


@pytest.mark.parametrize(
    ("path", "name", "hint"),
    [
        ("/periods", "medication", "medication_name may be meant"),
        ("/periods", "From", "from may be meant"),
        (
            "/periods",
            "x",
            "there are patient_id, medication_name, from, to, at, merge_gap, explain, doubts, "
            "format",
        ),
        ("/events", "limits", "limit may be meant"),
        ("/events", "medication_name", "there are patient_id, limit, after"),
    ],
)
async def test_a_parameter_that_is_not_known_is_refused_with_the_one_that_may_be_meant(
    client: AsyncClient, path: str, name: str, hint: str
) -> None:
    asked = urlencode({"patient_id": "1", name: "Y"})
    for answer in (await client.get(f"{path}?{asked}"), await search(client, path, asked)):
        assert answer.status_code == 422
        (problem,) = answer.json()["detail"]
        reason = f"is not known: {hint}"
        assert problem == {"parameter": name, "reason": reason, "example": None}


@pytest.mark.parametrize("name", ["at", "from", "to"])
async def test_the_plus_of_an_offset_need_not_be_escaped(client: AsyncClient, name: str) -> None:
    escaped, plain = (
        f"patient_id=1&{name}=2021-01-01T03:00:00{plus}01:00" for plus in ("%2B", "+")
    )
    expected = await client.get(f"/periods?{escaped}")
    assert expected.status_code == 200
    for answer in (await client.get(f"/periods?{plain}"), await search(client, "/periods", plain)):
        assert (answer.status_code, answer.content) == (200, expected.content)


async def test_the_next_page_is_asked_for_by_a_form(client: AsyncClient) -> None:
    first = await search(client, "/events", urlencode({"patient_id": "Müller & 7", "limit": 3}))
    following = {"patient_id": "Müller & 7", "after": first.json()["next"]}
    rest = await search(client, "/events", urlencode(following))
    assert (len(first.json()["events"]), len(rest.json()["events"])) == (3, 1)


async def test_letters_that_are_not_escaped_are_utf_8(client: AsyncClient) -> None:
    answer = await search(client, "/periods", "patient_id=Müller+%26 7&medication_name=Heparin")
    assert len(answer.json()["periods"]) == 1


async def test_letters_of_another_encoding_are_refused_and_not_read_as_others(
    client: AsyncClient,
) -> None:
    answer = await search(client, "/periods", b"patient_id=M\xfcller")
    assert answer.status_code == 415
    assert answer.json() == {"detail": "the body: it is not UTF-8"}


@pytest.mark.parametrize("path", ["/periods", "/events"])
async def test_what_the_address_of_a_form_names_is_refused_rather_than_passed_over(
    client: AsyncClient, path: str
) -> None:
    answer = await client.post(f"{path}/_search?merge_gap=P30D&nonsense=1", data={"patient_id": 1})
    assert answer.status_code == 422
    assert [(each["parameter"], each["reason"]) for each in answer.json()["detail"]] == [
        (name, "stands in the address, where nothing of a form is read: put it into the form")
        for name in ("merge_gap", "nonsense")
    ]


@pytest.mark.parametrize("path", ["/periods", "/events"])
@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""]
)
async def test_another_type_is_refused_by_the_name_of_its_header(
    client: AsyncClient, path: str, kind: str
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await client.post(f"{path}/_search", content=b"patient_id=1", headers=headers)
    assert answer.status_code == 415
    expected = "the header Content-Type must be application/x-www-form-urlencoded"
    assert answer.json() == {"detail": expected}


async def test_a_form_is_as_long_as_an_address_may_be(client: AsyncClient) -> None:
    name = b"patient_id=1&medication_name="
    answer = await search(client, "/periods", name + b"x" * MAX_HEAD_BYTES)
    assert answer.status_code == 413
    names = b"&medication_name=".join([b"x" * 256] * (MAX_HEAD_BYTES // 300))
    assert (await search(client, "/periods", name + names)).status_code == 200


async def test_a_form_of_many_names_keeps_nobody_waiting(client: AsyncClient) -> None:
    names = b"".join(b"&%x=" % number for number in range(10_000))
    begun = time.process_time()
    answer = await search(client, "/periods", b"patient_id=1" + names)
    # What looks through all names for each takes several seconds.
    assert (answer.status_code, time.process_time() - begun < 1.5) == (422, True)
    assert len(answer.json()["detail"]) == 20


async def test_a_form_may_name_its_charset(client: AsyncClient) -> None:
    kind = {"Content-Type": "Application/x-www-form-urlencoded; charset=UTF-8"}
    assert (await search(client, "/periods", "patient_id=1", **kind)).status_code == 200


@pytest.mark.parametrize("access", [None, "open"])
async def test_a_form_of_another_site_s_page_is_not_answered(
    api: FastAPI, access: str | None
) -> None:
    settings = AccessSettings() if access is None else AccessSettings(access="open")
    gate = configured_access(settings, ROUTES).guard(FastAPI(), api)
    url = "http://127.0.0.1"
    async with AsyncClient(transport=ASGITransport(gate), base_url=url) as client:
        for site, status in (("cross-site", 503), ("same-site", 503), ("same-origin", 200)):
            headers = {"Sec-Fetch-Site": site, "Origin": "https://elsewhere.example.org"}
            answer = await search(client, "/periods", "patient_id=1", **headers)
            assert answer.status_code == status, site
        # Of a browser that does not know Sec-Fetch-Site, or over HTTP by another name.
        for origin, status in (
            ("https://elsewhere.example.org", 503),
            ("http://127.0.0.1:81", 503),
            ("null", 503),
            (url, 200),
        ):
            answer = await search(client, "/periods", "patient_id=1", Origin=origin)
            assert answer.status_code == status, origin


@pytest.mark.parametrize(("gap", "status"), [("P30D", 200), ("a day", 422)])
async def test_what_a_form_asks_is_recorded_like_what_an_address_asks(
    api: FastAPI, gap: str, status: int
) -> None:
    records: list[Record] = []

    async def keep(record: Record, _: int) -> None:
        records.append(record)

    gate = configured_access(AccessSettings(), ROUTES).guard(FastAPI(), api)
    recorded = RecordedAnswers(gate, ROUTES, keep)
    asked = {"patient_id": "Müller & 7", "medication_name": ["Heparin", "X"], "merge_gap": gap}
    async with AsyncClient(
        transport=ASGITransport(recorded), base_url="http://127.0.0.1"
    ) as client:
        answer = await client.post("/periods/_search", data=asked)
        assert answer.status_code == status
        assert (await client.get("/periods", params=asked)).status_code == status

    by_form, by_address = records
    assert (by_form.method, by_form.route) == ("POST", "/periods/_search")
    assert (by_form.patient, by_form.parameters) == (by_address.patient, by_address.parameters)
    assert by_form.patient == "Müller & 7"
    assert by_form.parameters == {"medication_name": ["Heparin", "X"], "merge_gap": [gap]}


def test_the_document_describes_the_form_by_the_parameters_of_the_address(api: FastAPI) -> None:
    paths = api.openapi()["paths"]
    for path in ("/periods", "/events"):
        parameters = {each["name"]: each for each in paths[path]["get"]["parameters"]}
        search = paths[f"{path}/_search"]["post"]
        assert "parameters" not in search
        assert {"408", "413", "415", "422"} <= search["responses"].keys()
        (form,) = search["requestBody"]["content"].values()
        assert form["schema"]["properties"].keys() == parameters.keys()
        assert form["schema"]["required"] == ["patient_id"]
        for name, described in form["schema"]["properties"].items():
            assert described["description"] == parameters[name]["description"]
            assert {"type": "null"} not in described.get("anyOf", [])
