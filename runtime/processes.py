"""How a service's processes end: together, on every signal that asks for it, with a status.

FastStream starts uvicorn, which with ``--workers`` is a parent and its children, and gives an app
no say in how. So what the parent does differently here is put into uvicorn's class.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

logger = logging.getLogger(__name__)

CAN_NOT_START = STARTUP_FAILURE
"""The status of a start that can't go on. uvicorn's parent starts no child anew that ends so."""

# A shell's `&` ignores SIGQUIT, too, without anybody's wish.
_UNDER_NOHUP = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def end_as_told() -> None:
    """End on SIGHUP and SIGQUIT as on SIGTERM, and when the parent process is gone.

    Under nohup SIGHUP stays ignored. Call it in the event loop of a service's process.
    """
    signal.signal(signal.SIGQUIT, _terminate)
    if not _UNDER_NOHUP:
        signal.signal(signal.SIGHUP, _terminate)
    parent = multiprocessing.parent_process()
    if parent is not None:
        asyncio.get_running_loop().add_reader(parent.sentinel, _parent_is_gone, parent.sentinel)


def _terminate(*_: object) -> None:
    signal.raise_signal(signal.SIGTERM)


def _parent_is_gone(sentinel: int) -> None:
    asyncio.get_running_loop().remove_reader(sentinel)
    logger.warning("the parent process is gone")
    _terminate()


def can_not_start(reason: object) -> None:
    """End the process with one line, whatever else it does: nothing is in work yet."""
    logger.error("the start can't go on: %s", reason)
    logging.shutdown()
    os._exit(CAN_NOT_START)


_run = Multiprocess.run


def _run_and_tell(self: Multiprocess) -> None:
    if _UNDER_NOHUP:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _run(self)
    if any(child.exitcode == CAN_NOT_START for child in self.processes):
        sys.exit(CAN_NOT_START)


def _end(self: Multiprocess) -> None:
    self.should_exit.set()


Multiprocess.run = _run_and_tell  # type: ignore[method-assign]
Multiprocess.handle_hup = _end  # type: ignore[method-assign]
Multiprocess.handle_quit = _end  # type: ignore[attr-defined]
