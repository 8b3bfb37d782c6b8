"""Progress of long work."""

from __future__ import annotations

from collections.abc import Callable

# Called with (done, total), of inputs or steps.
Progress = Callable[[int, int], None]


def unseen(done: int, total: int) -> None:
    """Ignore progress."""
