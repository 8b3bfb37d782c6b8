"""Who reads what: samples and shards are divided among ranks, and those of a rank among workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Reader:
    """One of the processes that read a data set together.

    Attributes:
        rank, ranks: of the processes that train, and how many they are.
        worker, workers: of the processes that read for that one, and how many they are.
    """

    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1

    @property
    def index(self) -> int:
        """Place among all that read."""
        return self.rank * self.workers + self.worker

    @property
    def count(self) -> int:
        """How many read."""
        return self.ranks * self.workers

    def items(self, items: Sequence[Item], batch_size: int) -> Iterator[Item]:
        """The items of this reader, where all are known.

        A rank takes every `ranks`-th item. Workers take its batches in turn, as `DataLoader` asks
        for them, so that their order is the same with any number of workers.
        """
        own = items[self.rank :: self.ranks]
        step = batch_size * self.workers
        for start in range(self.worker * batch_size, len(own), step):
            yield from own[start : start + batch_size]

    def takes_whole(self, shards: Sequence[object]) -> bool:
        """Whether there are shards enough for each reader to read its own."""
        return len(shards) >= self.count

    def shards(self, shards: Sequence[Item]) -> Sequence[Item]:
        """The shards that this reader reads: its own, or all where they are too few."""
        return shards[self.index :: self.count] if self.takes_whole(shards) else shards

    def samples(self, samples: Iterable[Item], shards: Sequence[object]) -> Iterator[Item]:
        """Of the samples of `self.shards(shards)` those of this reader."""
        if self.takes_whole(shards):
            return iter(samples)
        return islice(samples, self.index, None, self.count)
