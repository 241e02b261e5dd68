"""With nothing configured this machine is answered, and nobody else."""

import pytest

from tests.unit.access.gates import guarded


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1"),
        ("http://localhost:8000", "127.0.0.1"),
        ("http://[::1]:8000", "::1"),
        ("http://127.0.0.2", "127.0.0.2"),
        ("http://127.0.0.1", "::ffff:127.0.0.1"),
    ],
)
async def test_this_machine_is_answered_without_a_setting(url: str, address: str) -> None:
    async with guarded(url=url, server=(address, 8000)) as client:
        answer = await client.get("/periods")
    assert (answer.status_code, answer.text) == (200, "local")


@pytest.mark.parametrize(
    ("url", "address", "headers"),
    [
        ("http://127.0.0.1", "10.0.0.5", {}),
        ("http://127.0.0.1", "::ffff:10.0.0.5", {}),
        ("http://10.0.0.5", "10.0.0.5", {}),
        ("http://ward.example.org", "127.0.0.1", {}),
        ("http://localhost.example.org", "127.0.0.1", {}),
        ("http://127.0.0.1", "127.0.0.1", {"Forwarded": "for=10.0.0.9"}),
        ("http://127.0.0.1", "127.0.0.1", {"X-Forwarded-For": "10.0.0.9"}),
        ("http://127.0.0.1", "127.0.0.1", {"X-Real-IP": "10.0.0.9"}),
        ("http://127.0.0.1", "127.0.0.1", {"Via": "1.1 proxy"}),
        ("http://127.0.0.1", "127.0.0.1", {"X-Forwarded-Proto": "https"}),
        ("http://127.0.0.1", "127.0.0.1", {"X-Forwarded-Host": "localhost"}),
        ("http://127.0.0.1", "127.0.0.1", {"True-Client-IP": "10.0.0.9"}),
        ("http://127.0.0.1", "127.0.0.1", {"Host": "[::1]evil.example.org"}),
        ("http://127.0.0.1", "127.0.0.1", {"Host": "localhost:1@evil.example.org"}),
        ("http://127.0.0.1", "127.0.0.1", {"Host": ""}),
        ("http://127.0.0.1", "127.0.0.1", {"Sec-Fetch-Site": "cross-site"}),
        ("http://127.0.0.1", "127.0.0.1", {"Sec-Fetch-Site": "same-site"}),
    ],
)
async def test_whatever_may_come_from_elsewhere_is_told_what_to_set(
    url: str, address: str, headers: dict[str, str]
) -> None:
    async with guarded(url=url, server=(address, 8000)) as client:
        answer = await client.get("/periods", headers=headers)
        alive = await client.get("/health/live", headers=headers)
    assert answer.status_code == 503
    assert "ACCESS_TOKENS" in answer.json()["detail"]
    assert alive.status_code == 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_the_service_s_own_page_is_answered(site: str) -> None:
    async with guarded() as client:
        answer = await client.get("/periods", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "as_a_forwarder_does",
    [{"client": ("10.0.0.9", 5000)}, {"client": None}, {"http_version": "1.0"}],
)
async def test_what_is_handed_on_to_the_loopback_address_is_not_of_this_machine(
    as_a_forwarder_does: dict[str, object],
) -> None:
    async with guarded(scope=as_a_forwarder_does) as client:
        assert (await client.get("/periods")).status_code == 503


async def test_a_socket_of_no_address_is_not_this_machine() -> None:
    async with guarded(server=("localhost", 0)) as client:
        assert (await client.get("/periods")).status_code == 503
