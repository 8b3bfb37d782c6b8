"""Divide samples and shards among ranks, and each rank's part among its workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Reader:
    """One of the processes that read a dataset together.

    Attributes:
        rank: index of the training process.
        ranks: number of training processes.
        worker: index of the worker of that training process.
        workers: number of workers per training process.
    """

    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1

    @property
    def index(self) -> int:
        """Index among all readers."""
        return self.rank * self.workers + self.worker

    @property
    def count(self) -> int:
        """Number of readers."""
        return self.ranks * self.workers

    def items(self, items: Sequence[Item], batch_size: int) -> Iterator[Item]:
        """Yield the items of this reader from a list of all items.

        A rank reads every `ranks`-th item. Its workers read its batches in turn, as `DataLoader`
        requests them, so the order does not depend on the number of workers.

        Args:
            items: items of all readers.
            batch_size: items per batch.
        """
        own = items[self.rank :: self.ranks]
        step = batch_size * self.workers
        for start in range(self.worker * batch_size, len(own), step):
            yield from own[start : start + batch_size]

    def takes_whole(self, shards: Sequence[object]) -> bool:
        """Whether each reader can have at least one whole shard."""
        return len(shards) >= self.count

    def shards(self, shards: Sequence[Item]) -> Sequence[Item]:
        """Return the shards that this reader reads: its own, or all shards if they are too few."""
        return shards[self.index :: self.count] if self.takes_whole(shards) else shards

    def samples(self, samples: Iterable[Item], shards: Sequence[object]) -> Iterator[Item]:
        """Yield the samples of this reader.

        Args:
            samples: samples of `self.shards(shards)`.
            shards: all shards.
        """
        if self.takes_whole(shards):
            return iter(samples)
        return islice(samples, self.index, None, self.count)
