"""Files to batches of a network's input, with what is decided of files that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import ImageError
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
    """The network's input of the files that can be used, some at a time, in their order.

    Files are read ahead, while the caller works on those before them.

    Args:
        preprocessor: of the network.
        sources: paths and bytes.
        reader: says what becomes of files that cannot be used, and keeps what is wrong with them.
        size: files at a time.
        tensor_of: the network's input of an image that the reader falls back to.
        first: index of the first of the sources among all.

    Yields:
        Indices of the files among all, and their tensors [N, ...].

    Raises:
        ImageError, AccessError: of the first file that cannot be used, if that is to be raised.
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
    """Indices of the sources that can be used; tensors of those that fall back are put in place."""
    lost = set()
    for place, error in sorted(batch.errors.items()):
        index = batch.first + place
        lost.add(place)
        with reader.guarding(sources[index], first + index, source_name(sources, index, first)):
            if not isinstance(error, ImageError):
                raise error
            alone = _by_itself(error, sources, index)
            image = reader.instead(sources[index], first + index, alone)
            batch.tensor[place] = tensor_of(image)
            lost.remove(place)
    return [batch.first + place for place in range(len(batch.tensor)) if place not in lost]


def _by_itself(error: ImageError, sources: Sequence[ImageSource], index: int) -> ImageError:
    """The error of a file that is the only one."""
    reason = str(error).removeprefix(f"{source_name(sources, index)}: ")
    return ImageError(f"{source_name([sources[index]], 0)}: {reason}")
