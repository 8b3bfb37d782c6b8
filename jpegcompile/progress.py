"""Progress of long work: functions that are called as the work advances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Called with (done, total): numbers of finished inputs or steps, and of all inputs or steps.
Progress = Callable[[int, int], None]
# Called with the number of inputs or steps that were finished since the last call.
Advance = Callable[[int], None]


def no_progress(done: int, total: int) -> None:
    """Ignore the progress; the default of functions that report it."""


@dataclass
class Steps:
    """An `Advance` that reports to a `Progress`.

    Attributes:
        progress: function to report to; None to report nothing.
        total: number of all steps.
        done: number of finished steps.
    """

    progress: Progress | None
    total: int
    done: int = 0

    def __call__(self, count: int = 1) -> None:
        """Report that `count` more steps are finished."""
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total)
