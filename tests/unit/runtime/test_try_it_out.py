"""A message is published by hand as it is, and only as JSON, which other sites can't post."""

from unittest.mock import Mock, create_autospec

import pytest
from aio_pika.exceptions import AMQPError
from fastapi import FastAPI
from faststream.rabbit import RabbitBroker
from httpx import ASGITransport, AsyncClient, Response

from contracts import MAX_MESSAGE_BYTES
from contracts.topology import EVENTS_EXCHANGE, ROUTING_KEY
from runtime.http.try_it_out import ADDRESS, offer_try_it_out

JSON = "application/json"


@pytest.fixture
def broker() -> Mock:
    stand_in: Mock = create_autospec(RabbitBroker, instance=True)
    return stand_in


async def post(broker: Mock, body: bytes, content_type: str = JSON) -> Response:
    api = FastAPI()
    offer_try_it_out(api, broker)
    async with AsyncClient(transport=ASGITransport(api), base_url="http://service") as client:
        headers = {"content-type": content_type}
        return await client.post(f"/{ADDRESS}", content=body, headers=headers)


async def test_what_is_posted_is_published_as_it_is(broker: Mock) -> None:
    answer = await post(broker, b'{"no": event}')

    assert (answer.status_code, answer.json()) == (202, {"detail": "Published."})
    broker.publish.assert_awaited_once()
    published = broker.publish.await_args
    assert published.args == (b'{"no": event}',)
    assert published.kwargs["exchange"] == EVENTS_EXCHANGE
    assert published.kwargs["routing_key"] == ROUTING_KEY
    assert published.kwargs["persist"] is True


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_what_a_form_of_another_site_can_post_is_refused(
    broker: Mock, content_type: str
) -> None:
    answer = await post(broker, b"{}", content_type)

    assert (answer.status_code, answer.json()) == (415, {"detail": "Post JSON."})
    broker.publish.assert_not_awaited()


async def test_a_message_may_be_as_long_as_the_contract_allows(broker: Mock) -> None:
    assert (await post(broker, b" " * MAX_MESSAGE_BYTES)).status_code == 202


async def test_a_message_that_is_too_long_is_refused(broker: Mock) -> None:
    answer = await post(broker, b" " * (MAX_MESSAGE_BYTES + 1))

    told = {"detail": "The message is not taken: it is too long."}
    assert (answer.status_code, answer.json()) == (413, told)
    broker.publish.assert_not_awaited()


@pytest.mark.parametrize("error", [AMQPError(), ConnectionResetError(), TimeoutError()])
async def test_what_rabbitmq_does_not_confirm_is_said_not_to_be_published(
    broker: Mock, error: Exception
) -> None:
    broker.publish.side_effect = error
    answer = await post(broker, b"{}")

    detail = f"RabbitMQ has not confirmed: {type(error).__name__}."
    assert (answer.status_code, answer.json()) == (503, {"detail": detail})
