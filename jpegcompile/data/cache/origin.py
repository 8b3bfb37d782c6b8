"""The images that a cache is built from, and whether they have changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from jpegcompile.data.cache.meta import Meta, Shard
from jpegcompile.data.found import Images, Labels, listed
from jpegcompile.data.sample import Sample
from jpegcompile.data.shards import shard_samples
from jpegcompile.jpeg.read import DEFAULT_MAX_PIXELS

_NO_FILE = (0, 0)


@dataclass(frozen=True)
class Origin:
    """The samples of a data set, in their order.

    Attributes:
        meta: what the cache stores of the data set as a whole.
        files: samples of files; empty for shards.
    """

    meta: Meta
    files: Sequence[Sample] = field(default_factory=tuple)

    def samples(self) -> Iterator[tuple[int, Sample]]:
        """Yield all samples with the index of their shard, which is 0 without shards."""
        if not self.meta.shards:
            return ((0, sample) for sample in self.files)
        return chain.from_iterable(map(self.of_shard, range(len(self.meta.shards))))

    def of_shard(self, index: int) -> Iterator[tuple[int, Sample]]:
        """Yield the samples of a shard with its index."""
        return ((index, one) for one in shard_samples(self.meta.shards[index].path, "none"))


def origin_of(
    images: Images,
    labels: Labels = None,
    *,
    tolerant: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Origin:
    """Find the images of a data set, by the rules of `ImageDataset`.

    Args:
        images: as for `ImageDataset`.
        labels: as for `ImageDataset`.
        tolerant: as for `read_coefficients`.
        max_pixels: as for `read_coefficients`.

    Raises:
        UsageError, AccessError: as `ImageDataset`.
    """
    given = [images] if isinstance(images, str | os.PathLike) else list(images)
    found = listed(images, labels, "none")
    shards = tuple(Shard(path, *identity_of(path)) for path in found.shards)
    meta = Meta(
        tuple(os.fspath(path) for path in given),
        None if labels is None else os.fspath(labels),
        tolerant,
        max_pixels,
        shards,
        dict(found.classes),
        dict(found.ignored),
    )
    return Origin(meta, found.samples or ())


def identity_of(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return size and time of a regular file; zeros if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return _NO_FILE
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else _NO_FILE


def content_of(path: str | os.PathLike[str]) -> bytes | None:
    """Return the content of a regular file; None if it cannot be read, as reading it will say."""
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        with os.fdopen(handle, "rb") as file:
            return file.read() if stat.S_ISREG(os.fstat(handle).st_mode) else None
    except OSError:
        return None
