"""Interrupts that wait for the end of a step, so that a checkpoint can be written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """The signals that arrived since the loop began.

    Attributes:
        number: number of the first signal; 0 if there was none.
        is_agreed: whether all processes stop, because one of them got a signal.
        earlier: handlers of the signals before the loop, by number.
    """

    def __init__(self) -> None:
        """Begin without signals."""
        self.number = 0
        self.is_agreed = False
        self.earlier: dict[int, Any] = {}

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remember a signal. A second signal acts at once, as it would have before the loop."""
        if self.number:
            signal.signal(number, self.earlier[number])
            signal.raise_signal(number)
        self.number = self.number or number


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
    try:
        for number in _SIGNALS:
            interrupts.earlier[number] = signal.getsignal(number)
            signal.signal(number, interrupts.note)
        yield interrupts
    finally:
        for one, handler in interrupts.earlier.items():
            signal.signal(one, handler)
