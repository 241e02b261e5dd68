"""Publishing a message by hand from the AsyncAPI page, where a setting switches it on."""

from aio_pika.exceptions import AMQPError
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from faststream.rabbit import RabbitBroker

from contracts import MAX_MESSAGE_BYTES
from contracts.topology import EVENTS_EXCHANGE, ROUTING_KEY
from runtime.http.bodies import Bodies, BodyRefused

ADDRESS = "asyncapi/try"


def offer_try_it_out(api: FastAPI, broker: RabbitBroker) -> None:
    """Add the route that publishes what is posted, as it is: the consumer judges it."""
    bodies = Bodies(MAX_MESSAGE_BYTES)

    @api.post(f"/{ADDRESS}", include_in_schema=False)
    async def publish(request: Request) -> JSONResponse:
        # Another site's page can post forms here unseen, but no JSON.
        if request.headers.get("content-type") != "application/json":
            return JSONResponse({"detail": "Post JSON."}, status_code=415)
        try:
            async with bodies.of(request) as body:
                await broker.publish(
                    body,
                    exchange=EVENTS_EXCHANGE,
                    routing_key=ROUTING_KEY,
                    content_type="application/json",
                    persist=True,
                    timeout=5,
                )
        except BodyRefused as error:
            detail = f"The message is not taken: {error}."
            return JSONResponse({"detail": detail}, status_code=error.status)
        except (AMQPError, OSError, RuntimeError, TimeoutError) as error:
            detail = f"RabbitMQ has not confirmed: {type(error).__name__}."
            return JSONResponse({"detail": detail}, status_code=503)
        return JSONResponse({"detail": "Published."}, status_code=202)
