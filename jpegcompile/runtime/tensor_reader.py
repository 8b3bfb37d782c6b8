"""Read files into batches of a network's input, and handle unusable files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import ImageError
from jpegcompile.jpeg.failures import renamed
from jpegcompile.jpeg.pixel_image import PixelImage
from jpegcompile.jpeg.read import ImageSource, source_name
from jpegcompile.jpeg.unusable import ImageReader
from jpegcompile.runtime.preprocessor import Batch, Preprocessor


def usable_tensors(
    preprocessor: Preprocessor,
    sources: Sequence[ImageSource],
    reader: ImageReader,
    size: int,
    tensor_of: Callable[[PixelImage], NDArray[np.float32]],
    first: int = 0,
) -> Iterator[tuple[list[int], NDArray[Any]]]:
    """Read the usable files in batches, in their order.

    Files are read ahead while the caller works on earlier ones.

    Args:
        preprocessor: preprocessor of the network.
        sources: paths and bytes.
        reader: handles unusable files and records the reasons.
        size: number of files per batch.
        tensor_of: returns the network's input for an image from the pixel fallback.
        first: index of `sources[0]` among all sources.

    Yields:
        Indices of the usable files of a batch among all sources, and their tensor [N, ...].

    Raises:
        ImageError, AccessError: for the first unusable file, if the reader's `on_error` is "stop".
    """
    for batch in preprocessor.stream(sources, size):
        used = _used(batch, sources, reader, tensor_of, first)
        indices = [first + index for index in used]
        if len(used) == len(batch.tensor):
            yield indices, batch.tensor
        elif used:
            yield indices, batch.tensor[np.asarray(used) - batch.first]


def _used(
    batch: Batch,
    sources: Sequence[ImageSource],
    reader: ImageReader,
    tensor_of: Callable[[PixelImage], NDArray[np.float32]],
    first: int,
) -> list[int]:
    """Return indices of usable sources; write the tensors of the pixel fallback into the batch."""
    lost = set()
    for place, error in sorted(batch.errors.items()):
        index = batch.first + place
        lost.add(place)
        with reader.guarding(sources[index], first + index, source_name(sources, index, first)):
            if not isinstance(error, ImageError):
                raise error
            name = source_name(sources, index)
            alone = renamed(error, name, source_name([sources[index]], 0))
            image = reader.instead(sources[index], first + index, alone)
            batch.tensor[place] = tensor_of(image)
            lost.remove(place)
    return [batch.first + place for place in range(len(batch.tensor)) if place not in lost]
