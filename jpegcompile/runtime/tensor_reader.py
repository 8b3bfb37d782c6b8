"""Files to batches of a network's input, with what is decided of files that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.jpeg.read import ImageSource, source_name
from jpegcompile.jpeg.unusable import ImageReader
from jpegcompile.runtime.preprocessor import Batch, Preprocessor


def usable_tensors(
    preprocessor: Preprocessor,
    sources: Sequence[ImageSource],
    reader: ImageReader,
    size: int,
    first: int = 0,
) -> Iterator[tuple[list[int], NDArray[Any]]]:
    """The network's input of the files that can be used, some at a time, in their order.

    Files are read ahead, while the caller works on those before them.

    Args:
        preprocessor: of the network.
        sources: paths and bytes.
        reader: says what becomes of files that cannot be used, and keeps what is wrong with them.
        size: files at a time.
        first: index of the first of the sources among all.

    Yields:
        Indices of the files among all, and their tensors [N, ...].

    Raises:
        ImageError, AccessError: of the first file that cannot be used, if that is to be raised.
    """
    for batch in preprocessor.stream(sources, size):
        used = _used(batch, sources, reader, first)
        indices = [first + index for index in used]
        if len(used) == len(batch.tensor):
            yield indices, batch.tensor
        elif used:
            yield indices, batch.tensor[np.asarray(used) - batch.first]


def _used(
    batch: Batch, sources: Sequence[ImageSource], reader: ImageReader, first: int
) -> list[int]:
    """Indices of the sources that can be used; the reader is told of the others."""
    indices = range(batch.first, batch.first + len(batch.tensor))
    for place, error in sorted(batch.errors.items()):
        index = batch.first + place
        name = source_name(sources, index, first)
        with reader.guarding(sources[index], first + index, name):
            raise error
    return [index for index in indices if index - batch.first not in batch.errors]
