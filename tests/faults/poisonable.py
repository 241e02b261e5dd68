"""The consumer, but for one message that ends each process that reads it, as a crash would.

`python -m tests.faults.poisonable` is the process that reads what came often.
"""

import os
import sys
from types import ModuleType

import consumer_app.handlers
import consumer_app.trial

_POISON = b'"poison"'


def _poison(module: ModuleType, name: str) -> None:
    """Let a function of a module that reads a message end the process where it is the poison."""
    read = getattr(module, name)

    def read_or_die(body: bytes) -> object:
        if body == _POISON:
            os._exit(9)
        return read(body)

    setattr(module, name, read_or_die)


if __name__ == "__main__":
    _poison(consumer_app.trial, "read_message")
    consumer_app.trial.main()
else:
    _poison(consumer_app.handlers, "canonical_message")
    consumer_app.trial.COMMAND = (sys.executable, "-m", "tests.faults.poisonable")
    from consumer_app.main import app

    __all__ = ["app"]
