"""No route of either service is reached past the gate, whatever is added to them."""

from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fhir.resources.R4B.operationoutcome import OperationOutcome
from httpx import ASGITransport, AsyncClient
from starlette.routing import BaseRoute, Mount, Route

import consumer_app.access
import consumer_app.main
import publisher_app.access
import publisher_app.main
from consumer_app.settings import ConsumerSettings
from publisher_app.settings import PublisherSettings
from runtime.access.routes import OPEN
from runtime.access.token_file import Token
from runtime.http.app import HttpApp

WITHOUT_DATA = {
    "/",
    "/fhir/metadata",
    "/fhir/MedicationStatement/{key}",
    "/health/live",
    "/health/ready",
    "/health/receiving",
    "/docs",
    "/openapi.json",
    "/asyncapi",
    "/asyncapi.json",
    "/static/vendor/{path:path}",
    "/static/documentation/{path:path}",
    "/static/timeline/{path:path}",
}
WITH_DATA = {
    ("GET", "/periods"): "periods:read",
    ("POST", "/periods/_search"): "periods:read",
    ("GET", "/events"): "periods:read",
    ("POST", "/events/_search"): "periods:read",
    ("GET", "/fhir/MedicationStatement"): "periods:read",
    ("POST", "/fhir/MedicationStatement/_search"): "periods:read",
    ("GET", "/patients"): "patients:search",
    ("POST", "/patients/_search"): "patients:search",
    ("POST", "/events"): "events:write",
    ("POST", "/fhir"): "events:write",
    ("POST", "/fhir/MedicationAdministration"): "events:write",
    ("PUT", "/fhir/MedicationAdministration/{key}"): "events:write",
    ("DELETE", "/fhir/MedicationAdministration/{key}"): "events:write",
    ("POST", "/asyncapi/try"): "events:write",
}


class Service:
    """One that needs tokens, its API, and what each route of the API asks for."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        module = publisher_app.main if name == "publisher" else consumer_app.main
        apis: list[FastAPI] = []

        def make(**options: str) -> FastAPI:
            apis.append(FastAPI(**options))  # type: ignore[arg-type] # passed on
            return apis[0]

        monkeypatch.setattr(module, "FastAPI", make)
        self.app: HttpApp
        if name == "publisher":
            self.app = publisher_app.main.make_app(PublisherSettings(try_it_out=True))
            self.routes = publisher_app.access.ROUTES
        else:
            searches = name == "consumer that searches"
            self.app = consumer_app.main.make_app(ConsumerSettings(patient_search=searches))
            of_search = consumer_app.access.SEARCH if searches else {}
            self.routes = {**consumer_app.access.ROUTES, **of_search}
        self.api = apis[0]
        self.with_data = {"publisher": 6, "consumer": 6, "consumer that searches": 8}[name]


@pytest.fixture(params=["consumer", "consumer that searches", "publisher"])
def service(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Service:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("name,sha256,scopes,patient,expires\n")
    monkeypatch.setenv("ACCESS_TOKENS", str(tokens))
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/events.db")
    return Service(request.param, monkeypatch)


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(service.app), base_url="http://any") as client:
        yield client


def walk(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Yield the routes, those of included routers too, which FastAPI keeps as they are."""
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from walk(included.routes) if included else [route]


def asked(api: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield each method and template of an API; HEAD is asked for as GET."""
    for route in walk(api.routes):
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/{{path:path}}"
        else:
            assert isinstance(route, Route | APIRoute)
            yield from ((each, route.path) for each in (route.methods or set()) - {"HEAD"})


def test_the_table_lists_every_route_with_the_scope_that_it_needs(service: Service) -> None:
    # FastStream would serve its own before the gate.
    assert not service.app.routes
    needed = {
        each: OPEN if each[1] in WITHOUT_DATA else WITH_DATA[each] for each in asked(service.api)
    }
    assert needed == service.routes


async def test_no_route_with_data_is_reached_without_a_token(
    service: Service, client: AsyncClient
) -> None:
    guarded = [each for each in asked(service.api) if each in WITH_DATA]
    assert len(guarded) == service.with_data
    for method, path in guarded:
        for each in {method, "HEAD"} if method == "GET" else {method}:
            answer = await client.request(each, path)
            assert answer.status_code == 401, f"{each} {path}"
            assert answer.headers["www-authenticate"] == 'Bearer realm="medication-periods"'


@pytest.mark.parametrize("path", ["/new", "/periods/", "/periods%2f", "/periods/x", "/PERIODS"])
async def test_what_the_table_does_not_list_is_not_reached(
    service: Service, client: AsyncClient, path: str
) -> None:
    reached: list[str] = []

    @service.api.get(path)
    def new() -> None:
        reached.append(path)

    answer = await client.get(path)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    assert reached == []


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("POST", "/fhir/MedicationRequest", 404, "Not Found"),
        ("GET", "/fhir", 405, "Method Not Allowed"),
        ("GET", "/fhir/MedicationAdministration/b1", 405, "Method Not Allowed"),
    ],
)
@pytest.mark.parametrize("service", ["publisher"], indirect=True)
@pytest.mark.usefixtures("service")
async def test_what_is_not_there_of_fhir_is_told_as_fhir_tells_it(
    client: AsyncClient, method: str, path: str, status: int, told: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/fhir+json"
    [issue] = OperationOutcome.model_validate_json(answer.content).issue
    assert (issue.severity, issue.code) == ("error", "not-supported")
    assert issue.diagnostics == f"{told}: GET /fhir/metadata says what is understood"
    assert ("allow" in answer.headers) == (status == 405)


async def test_a_new_method_of_a_listed_address_is_not_reached(
    service: Service, client: AsyncClient
) -> None:
    reached: list[str] = []

    @service.api.delete("/events")
    def forget() -> None:
        reached.append("/events")

    answer = await client.delete("/events")
    assert answer.status_code == 405
    assert reached == []


async def test_a_token_for_one_patient_reads_of_no_other_on_any_route(
    service: Service, client: AsyncClient, tmp_path: Path
) -> None:
    token, text = Token.new("one", ["periods:read"], "2", None)
    with (tmp_path / "tokens.csv").open("a") as file:
        file.write(f"{','.join(token.row())}\n")
    for method, path in asked(service.api):
        if WITH_DATA.get((method, path)) == "periods:read":
            other = {"patient" if path.startswith("/fhir") else "patient_id": "3"}
            answer = await client.request(
                method,
                path,
                params=other if method == "GET" else None,
                data=other if method == "POST" else None,
                headers={"Authorization": f"Bearer {text}"},
            )
            assert answer.status_code == 403, path
            assert "the token is limited to another patient" in answer.text


@pytest.mark.parametrize("service", ["consumer that searches"], indirect=True)
@pytest.mark.usefixtures("service")
async def test_nor_does_it_search_whatever_its_scopes(client: AsyncClient, tmp_path: Path) -> None:
    token, text = Token.new("one", ["periods:read", "patients:search"], "2", None)
    with (tmp_path / "tokens.csv").open("a") as file:
        file.write(f"{','.join(token.row())}\n")
    bearer, prefix = {"Authorization": f"Bearer {text}"}, {"prefix": "22"}
    for answer in (
        await client.get("/patients", params=prefix, headers=bearer),
        await client.post("/patients/_search", data=prefix, headers=bearer),
    ):
        assert answer.status_code == 403
        assert "limited to one patient" in answer.text


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("service", ["consumer"], indirect=True)
async def test_where_nobody_may_search_there_is_nothing_to_ask(client: AsyncClient) -> None:
    assert (await client.get("/patients?prefix=22")).status_code == 404
    assert (await client.post("/patients/_search", data={"prefix": "22"})).status_code == 404
