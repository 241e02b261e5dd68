"""How often Python's garbage collector walks over what a program holds."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_OBJECTS_A_COLLECTION = 10_000


def spare_what_is_loaded() -> None:
    """Spare the garbage collector what a program consists of: a walk over it takes 100 ms.

    Events that are held for a moment are walked over more seldom, too: 100,000 take 50 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_A_COLLECTION, *gc.get_threshold()[1:])


@contextmanager
def no_collection() -> Iterator[None]:
    """Let no walk begin in any thread while very much is made that is no garbage.

    To walk over 10,000 rows, of whose values each lies elsewhere, takes 10 ms, in which nobody else
    has Python's lock.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
