"""What goes on in a thread of its own until it is ended, and what went wrong with it."""

import threading
from collections.abc import Callable


class UntilEnded(threading.Thread):
    """Does the same again and again, with a pause before each time."""

    def __init__(self, act: Callable[[], None], pause: float, longest: float, late: str) -> None:
        """``act`` takes at most ``longest``; else ``late`` says what is wrong."""
        super().__init__(daemon=True)
        self._act = act
        self._pause = pause
        self._longest = longest
        self._late = late
        self._ended = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._ended.wait(self._pause):
                self._act()
        except BaseException as error:  # noqa: BLE001 - end() raises it
            self._error = error

    def end(self) -> None:
        """Return once the last time is over; raise what went wrong, if anything did."""
        self._ended.set()
        self.join(self._longest)
        assert not self.is_alive(), self._late
        if self._error is not None:
            raise self._error
