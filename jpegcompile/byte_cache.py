"""Cache results of functions that return arrays, up to a number of bytes.

`functools.lru_cache` limits the number of entries, but one array for a large image can be larger
than a thousand arrays for small images.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import update_wrapper
from typing import Generic, ParamSpec, Protocol, TypeVar


class Sized(Protocol):
    """An array, or an object that consists of arrays."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result", bound=Sized)


class ByteCache(Generic[Arguments, Result]):
    """A function that caches its most recent results. Several threads may call it.

    A result that is larger than the limit is not cached. Two threads that request the same missing
    result may both compute it.
    """

    def __init__(self, make: Callable[Arguments, Result], most: int) -> None:
        """Cache a function.

        Args:
            make: the function; its arguments must be hashable.
            most: largest total size of cached results in bytes.
        """
        self._make = make
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Result] = OrderedDict()
        self._bytes = 0
        update_wrapper(self, make)

    @property
    def nbytes(self) -> int:
        """Total size of the cached results in bytes."""
        return self._bytes

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Return the result for these arguments."""
        key: Hashable = (args, tuple(sorted(kwargs.items()))) if kwargs else args
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = self._make(*args, **kwargs)
        with self._lock:
            return self._keep(key, made)

    def clear(self) -> None:
        """Remove all results."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _keep(self, key: Hashable, made: Result) -> Result:
        other = self._kept.get(key)
        if other is not None:
            return other
        if made.nbytes <= self._most:
            self._kept[key] = made
            self._bytes += made.nbytes
            while self._bytes > self._most:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= dropped.nbytes
        return made


def cached(
    most: int,
) -> Callable[[Callable[Arguments, Result]], ByteCache[Arguments, Result]]:
    """Decorate a function to cache up to `most` bytes of its results; see `ByteCache`."""
    return lambda make: ByteCache(make, most)
