"""Read the cache of a data set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import overload

from jpegcompile.data.cache.contents import opened
from jpegcompile.data.cache.fresh import change_of
from jpegcompile.data.cache.layout import IMAGE, UNUSABLE, damaged, hash_of
from jpegcompile.data.cache.meta import Meta
from jpegcompile.data.cache.origin import Origin, origin_of
from jpegcompile.data.cache.unusable import Error, error_of, problem_of
from jpegcompile.data.found import Images, Labels
from jpegcompile.data.sample import Sample
from jpegcompile.errors import AccessError, CheckFailedError, ImageError, UsageError
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.packed_images import PackedImages
from jpegcompile.jpeg.read import read_coefficients, source_name
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.messages import Message
from jpegcompile.progress import Progress, Steps


class CoefficientCache(Sequence[Sample]):
    """The packed coefficients of all images of a data set, in one file that is mapped into memory.

    A cache is a sequence of samples in the order of the files or shards. Several threads and forked
    processes may read it at once; a pickled cache opens the same file again.

    Attributes:
        path: path of the file.
        meta: the data set as a whole.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a cache, and check its header and its index; `verify` checks all of its bytes.

        Args:
            path: path of the file.

        Raises:
            AccessError: if the file cannot be read.
            ImageError: if it is not a cache, or is damaged.
        """
        self.path = os.fspath(path)
        self._name = source_name([self.path], 0)
        self._contents = opened(self.path)
        self.meta: Meta = self._contents.meta

    def __reduce__(self) -> tuple[object, ...]:
        """Return how to open the same cache in another process."""
        return _reopened, (self.path, self.fingerprint)

    @property
    def fingerprint(self) -> bytes:
        """Hash of the index, and so of everything in the cache."""
        return self._contents.header.index_hash

    @property
    def file_bytes(self) -> int:
        """Bytes of the file."""
        return self._contents.header.file_bytes

    @property
    def packed_bytes(self) -> int:
        """Bytes of the packed images."""
        entries = self._contents.entries
        return int(entries["size"][entries["kind"] == IMAGE].sum())

    @property
    def source_bytes(self) -> int:
        """Bytes of the files of usable images."""
        entries = self._contents.entries
        return int(entries["source_size"][entries["kind"] == IMAGE].sum())

    @property
    def table_count(self) -> int:
        """Number of different quantization tables."""
        return self._contents.header.table_count

    @cached_property
    def unusable(self) -> tuple[int, ...]:
        """Indices of the unusable samples."""
        return tuple((self._contents.entries["kind"] == UNUSABLE).nonzero()[0].tolist())

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """The unusable samples, with reasons."""
        return tuple(Skipped(name, reason) for _, reason, name in map(self._problem, self.unusable))

    def __len__(self) -> int:
        """Number of samples, including the unusable ones."""
        return len(self._contents.entries)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """Return the sample at an index, or the samples of a slice.

        Raises:
            IndexError: if there is no such sample.
            ImageError: if an unusable sample is damaged in the cache.
        """
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        row, key = self._contents.row(place), self._contents.key(place)
        if row.kind == UNUSABLE:
            kind, reason, name = self._problem(place)
            is_access = issubclass(kind, AccessError)
            return Sample(key, name, None, row.label, reason, is_access=is_access)
        name = self._name_of(key, row.shard)
        source = PackedImage(self._contents.payload(place), self._contents.tables, name)
        identity = key if self.meta.shards else str(place)
        return Sample(key, name, source, row.label, identity=identity)

    def of_shard(self, index: int) -> Iterator[Sample]:
        """Yield the samples of a shard, in its order."""
        shards = self._contents.entries["shard"]
        start, end = (int(shards.searchsorted(index + one)) for one in (0, 1))
        return (self[place] for place in range(start, end))

    def images(self, indices: Sequence[int]) -> PackedImages:
        """Return images as a packed batch.

        Args:
            indices: indices of usable samples whose two chroma components have the same size.

        Raises:
            ImageError: if one of them is unusable or damaged.
        """
        sources = []
        for index in indices:
            sample = self[index]
            if not isinstance(sample.source, PackedImage):
                raise self.error(index)
            sources.append(sample.source)
        return PackedImages.of(sources)

    def error(self, index: int) -> Error:
        """Return the error of an unusable sample."""
        self._problem(index)
        return error_of(bytes(self._contents.payload(index)))

    def verify(self, progress: Progress | None = None) -> None:
        """Check all bytes: hashes, and that every image can be unpacked.

        Args:
            progress: called with (samples done, samples in all).

        Raises:
            ImageError: for the first damaged sample.
        """
        steps = Steps(progress, len(self))
        for index in range(len(self)):
            if hash_of(self._contents.payload(index)) != self._contents.row(index).hash:
                key = self._contents.key(index)
                raise damaged(self._name, f"the sample {key!r} does not have its hash")
            source = self[index].source
            if source is not None:
                read_coefficients(source, max_pixels=self.meta.max_pixels)
            steps()

    def require_fresh(self, images: Images | None = None, labels: Labels = None) -> None:
        """Check that the images have not changed since the cache was built.

        Args:
            images: the images now. Default: the paths that the cache was built from.
            labels: as for `ImageDataset`.

        Raises:
            CheckFailedError: if they have.
            AccessError, UsageError: if the images are not found.
        """
        meta = self.meta
        if images is None:
            given: Images = meta.images[0] if len(meta.images) == 1 else meta.images
            images, labels = given, meta.labels
        origin = origin_of(images, labels, tolerant=meta.tolerant, max_pixels=meta.max_pixels)
        change = self.change_from(origin)
        if change is not None:
            raise CheckFailedError(
                Message(
                    "cache-stale",
                    f"{self._name}: is out of date: {change}; build it again with jpegcompile"
                    " cache",
                )
            )

    def change_from(self, origin: Origin) -> str | None:
        """Return how images differ from those of the cache; None if they do not."""
        return change_of(self._contents, origin)

    def _name_of(self, key: str, shard: int) -> str:
        if not self.meta.shards:
            return source_name([key], 0)
        return f"{source_name([self.meta.shards[shard].path], 0)}: {key}"

    def _problem(self, index: int) -> tuple[type[ImageError] | type[AccessError], Message, str]:
        try:
            return problem_of(bytes(self._contents.payload(index)))
        except (ValueError, RecursionError) as error:
            raise damaged(self._name, f"unusable sample {index} has no reason") from error


def _reopened(path: str, fingerprint: bytes) -> CoefficientCache:
    cache = CoefficientCache(path)
    if cache.fingerprint != fingerprint:
        raise UsageError(
            Message(
                "cache-replaced",
                f"{cache.path}: was replaced while processes read it; start them again",
            )
        )
    return cache
