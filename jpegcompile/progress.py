"""Progress of long work: a function that is called as the work advances."""

from __future__ import annotations

from collections.abc import Callable

# Called with (done, total): inputs or steps that are finished, and all of them.
Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Ignore the progress; the default of functions that report it."""
