"""How often Python's garbage collector walks over what a program holds."""

import gc

_OBJECTS_A_COLLECTION = 10_000


def spare_what_is_loaded() -> None:
    """Spare the garbage collector what a program consists of: a walk over it takes 100 ms.

    Events that are held for a moment are walked over more seldom, too: 100,000 take 50 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_A_COLLECTION, *gc.get_threshold()[1:])
