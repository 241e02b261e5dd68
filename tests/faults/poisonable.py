"""The consumer, but for one message that ends each process that reads it, as a crash would.

`python -m tests.faults.poisonable` is the process that reads what came often.
"""

import os
import sys
from types import ModuleType

import consumer_app.handlers
import consumer_app.trial
from contracts import ReadMessage, read_message

_POISON = b'"poison"'


def _read_or_die(body: bytes) -> ReadMessage:
    if body == _POISON:
        os._exit(9)
    return read_message(body)


def _poison(reader: ModuleType) -> None:
    reader.read_message = _read_or_die  # type: ignore[attr-defined]


if __name__ == "__main__":
    _poison(consumer_app.trial)
    consumer_app.trial.main()
else:
    _poison(consumer_app.handlers)
    consumer_app.trial.COMMAND = (sys.executable, "-m", "tests.faults.poisonable")
    from consumer_app.main import app

    __all__ = ["app"]
