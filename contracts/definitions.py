"""RabbitMQ's exchanges and queues as it loads them itself: `python -m contracts.definitions`.

With users whose services declare nothing, a RabbitMQ that starts empty has them all the same.
"""

import json
from typing import Any

from faststream.rabbit import RabbitExchange, RabbitQueue

from contracts.topology import TOPOLOGY

_VIRTUAL_HOST = "/"


def definitions() -> dict[str, list[dict[str, Any]]]:
    """Give the topology in the form of RabbitMQ's definitions, without users."""
    return {
        "exchanges": [_exchange(exchange) for exchange, _ in TOPOLOGY],
        "queues": [_queue(queue) for _, queue in TOPOLOGY],
        "bindings": [_binding(exchange, queue) for exchange, queue in TOPOLOGY],
    }


def _exchange(exchange: RabbitExchange) -> dict[str, Any]:
    return {
        "name": exchange.name,
        "vhost": _VIRTUAL_HOST,
        "type": exchange.type.value,
        "durable": exchange.durable,
        "auto_delete": exchange.auto_delete,
        "internal": False,
        "arguments": {},
    }


def _queue(queue: RabbitQueue) -> dict[str, Any]:
    return {
        "name": queue.name,
        "vhost": _VIRTUAL_HOST,
        "durable": queue.durable,
        "auto_delete": queue.auto_delete,
        "arguments": queue.arguments,
    }


def _binding(exchange: RabbitExchange, queue: RabbitQueue) -> dict[str, Any]:
    return {
        "source": exchange.name,
        "vhost": _VIRTUAL_HOST,
        "destination": queue.name,
        "destination_type": "queue",
        "routing_key": queue.routing(),
        "arguments": {},
    }


if __name__ == "__main__":
    print(json.dumps(definitions(), indent=2))
