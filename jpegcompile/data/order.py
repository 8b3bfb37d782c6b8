"""Shuffle samples, and prepare items ahead in a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")

_END = object()


def permuted(items: Sequence[Item], generator: np.random.Generator) -> list[Item]:
    """Return all items in random order."""
    return [items[index] for index in generator.permutation(len(items))]


def shuffled(items: Iterable[Item], size: int, generator: np.random.Generator) -> Iterator[Item]:
    """Yield all items, shuffled within a buffer.

    Args:
        items: the items.
        size: number of items in the buffer.
        generator: chooses the item of the buffer that is yielded next.
    """
    held: list[Item] = []
    for item in items:
        if len(held) < size:
            held.append(item)
            continue
        place = int(generator.integers(size))
        yield held[place]
        held[place] = item
    yield from permuted(held, generator)


def made_ahead(items: Iterator[Item], most: int, name: str) -> Generator[Item, None, None]:
    """Yield items that a thread prepares while the caller works on an earlier item.

    Args:
        items: iterator that runs in the thread.
        most: number of items to prepare ahead, at least 1.
        name: name of the thread.
    """
    pending: deque[Future[Item | object]] = deque()
    with ThreadPoolExecutor(1, name) as executor:
        try:
            pending.extend(executor.submit(next, items, _END) for _ in range(most))
            while True:
                item = pending.popleft().result()
                if item is _END:
                    return
                pending.append(executor.submit(next, items, _END))
                yield item  # type: ignore[misc]
        finally:
            for future in pending:
                future.cancel()
