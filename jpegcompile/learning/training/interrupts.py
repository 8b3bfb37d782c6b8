"""Interrupts that wait for the end of a step, so that a checkpoint can be written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """The signals that arrived since the loop began.

    Attributes:
        number: number of the first signal; 0 if there was none.
        is_agreed: whether all processes stop, because one of them got a signal.
    """

    number: int = 0
    is_agreed: bool = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remember a signal. A second signal acts at once."""
        if self.number:
            raise KeyboardInterrupt
        self.number = number


@contextmanager
def delayed(*, is_wanted: bool) -> Iterator[Interrupts]:
    """Delay Ctrl-C and termination until the loop looks at them.

    Python delivers signals to the main thread, so in other threads nothing is delayed.

    Args:
        is_wanted: whether to delay anything.
    """
    interrupts = Interrupts()
    if not is_wanted or threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    earlier = {number: signal.signal(number, interrupts.note) for number in _SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
