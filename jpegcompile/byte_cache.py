"""Results of functions that make arrays, kept as long as they fit a number of bytes.

`functools.lru_cache` counts entries, and one array for a large image can be larger than a thousand
for small ones.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import update_wrapper
from typing import Generic, ParamSpec, Protocol, TypeVar


class Sized(Protocol):
    """An array, or what is made of arrays."""

    @property
    def nbytes(self) -> int:
        """Memory that it holds."""


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result", bound=Sized)


class ByteCache(Generic[Arguments, Result]):
    """A function that remembers its latest results; it may be called by several threads.

    A result that alone is larger than the bound is returned and not kept. Two threads that ask for
    the same missing result may both make it.
    """

    def __init__(self, make: Callable[Arguments, Result], most: int) -> None:
        """Remember up to `most` bytes of results of `make`, whose arguments must be hashable."""
        self._make = make
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Result] = OrderedDict()
        self._bytes = 0
        update_wrapper(self, make)

    @property
    def nbytes(self) -> int:
        """Bytes of the results that are kept."""
        return self._bytes

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """The result for these arguments."""
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
        """Forget every result."""
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
    """Decorate a function of hashable arguments to keep up to `most` bytes of its results."""
    return lambda make: ByteCache(make, most)
