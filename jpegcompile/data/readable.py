"""Samples of a data set, from files, from shards, or from a cache of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from jpegcompile.data.cache.layout import SUFFIX
from jpegcompile.data.cache.open import CoefficientCache
from jpegcompile.data.found import Images, Labels, listed
from jpegcompile.data.sample import Sample
from jpegcompile.data.shards import sample_keys, shard_samples
from jpegcompile.errors import UsageError
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.messages import Message


@dataclass(frozen=True)
class Readable:
    """The samples of a data set.

    Attributes:
        shards: indices of the shards; empty for files.
        samples: samples of files; None for shards.
        paths: paths of the shards.
        cache: cache that contains the samples.
        fallback: as for `ImageDataset`.
        classes: class index of every folder that has a class.
    """

    shards: Sequence[int]
    samples: Sequence[Sample] | None
    paths: Sequence[str] = ()
    cache: CoefficientCache | None = None
    fallback: Fallback = "none"
    classes: Mapping[str, int] = field(default_factory=dict)

    def of_shard(self, index: int) -> Iterator[Sample]:
        """Yield the samples of a shard, in its order."""
        if self.cache is not None:
            return self.cache.of_shard(index)
        return shard_samples(self.paths[index], self.fallback)

    def keys_of_shard(self, index: int) -> Iterator[Sample]:
        """Yield the samples of a shard; without contents, unless they come from a cache."""
        if self.cache is not None:
            return self.cache.of_shard(index)
        return sample_keys(self.paths[index])


def readable(
    images: Images | CoefficientCache,
    cache: str | os.PathLike[str] | None,
    labels: Labels,
    fallback: Fallback,
    *,
    tolerant: bool,
) -> Readable:
    """Find the samples of a data set; the arguments are as for `ImageDataset`.

    Raises:
        UsageError: if the arguments contradict each other.
        AccessError: if images or the cache cannot be read.
        CheckFailedError: if the cache is out of date.
        ImageError: if the cache is damaged.
    """
    if isinstance(images, CoefficientCache) or _is_cache(images):
        if cache is not None or labels is not None:
            name = "cache" if cache is not None else "labels"
            raise UsageError(
                Message(
                    "dataset-cache-with-more",
                    f"{name} is given, but the images come from a cache; leave it out",
                )
            )
        found = images if isinstance(images, CoefficientCache) else CoefficientCache(images)
        return _from_cache(found, fallback, tolerant=tolerant)
    if cache is not None:
        made = _from_cache(CoefficientCache(cache), fallback, tolerant=tolerant)
        assert made.cache is not None
        made.cache.require_fresh(images, labels)
        return made
    listing = listed(images, labels, fallback)
    paths = listing.shards
    return Readable(range(len(paths)), listing.samples, paths, None, fallback, listing.classes)


def _is_cache(images: Images) -> TypeGuard[str | os.PathLike[str]]:
    if not isinstance(images, str | os.PathLike):
        return False
    return os.fspath(images).lower().endswith(SUFFIX)


def _from_cache(cache: CoefficientCache, fallback: Fallback, *, tolerant: bool) -> Readable:
    if fallback != "none":
        raise UsageError(
            Message(
                "dataset-cache-with-fallback",
                f"{cache.path}: contains coefficients only, so no pixels can be decoded instead;"
                " leave fallback out",
            )
        )
    if tolerant != cache.meta.tolerant:
        how = "with" if cache.meta.tolerant else "without"
        raise UsageError(
            Message(
                "dataset-cache-tolerant",
                f"{cache.path}: was built {how} --tolerant, but tolerant is {tolerant}; pass the"
                " other value, or build the cache again",
            )
        )
    if cache.meta.shards:
        return Readable(range(len(cache.meta.shards)), None, (), cache)
    return Readable((), cache, (), cache, classes=cache.meta.classes)
