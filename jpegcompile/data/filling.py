"""Fill a batch with images. Unusable images leave no gaps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.placed_images import PlacedImages
from jpegcompile.data.target import Target
from jpegcompile.errors import AccessError, ImageError
from jpegcompile.jpeg.failures import renamed
from jpegcompile.jpeg.packed import PackedBatch
from jpegcompile.jpeg.packed_images import PackedImages
from jpegcompile.jpeg.pixel_fallback import Fallback, PixelFallback
from jpegcompile.jpeg.pixel_image import PixelImage
from jpegcompile.jpeg.read import ImageSource, source_name
from jpegcompile.runtime.input_tensors import check_usable
from jpegcompile.runtime.pixel_input import network_tensor
from jpegcompile.runtime.preprocessor import Place, Preprocessor

Error = ImageError | AccessError
Errors = dict[int, Error]
Inputs = Tensor | dict[str, Tensor] | PackedBatch | PackedImages | PlacedImages


@dataclass(frozen=True)
class ReadOptions:
    """How images are read.

    Attributes:
        threads: number of threads per batch.
        tolerant: as for `read_coefficients`.
        fallback: as for `Session.run`.
        max_pixels: as for `read_coefficients`.
        dtype: type of tensors.
        pin: whether tensors are in page-locked memory.
    """

    threads: int
    tolerant: bool
    fallback: Fallback
    max_pixels: int
    dtype: torch.dtype
    pin: bool


class Filling(ABC):
    """A batch that is being filled.

    Attributes:
        pixel_fallbacks: number of added images that went through the pixel fallback.
    """

    pixel_fallbacks: int = 0

    @abstractmethod
    def add(self, sources: Sequence[ImageSource], draws: Sequence[Draws] = ()) -> Errors:
        """Read images and add the usable ones, in their order.

        Args:
            sources: paths and bytes.
            draws: random numbers of each image; only for batches with augmentation.

        Returns:
            Errors of unusable images by their index in `sources`. Messages name each source as if
            it were the only one.
        """

    @abstractmethod
    def inputs(self) -> Inputs:
        """Return the inputs of the added images."""


class TensorFilling(Filling):
    """Tensors from the native ingest, which writes to page-locked memory if requested."""

    def __init__(self, target: Target, preprocessor: Preprocessor, reading: ReadOptions, size: int):
        """Create an empty batch.

        Args:
            target: form of the batches.
            preprocessor: preprocessor for the target.
            reading: how files are read.
            size: largest number of images.
        """
        self._target, self._preprocessor, self._reading = target, preprocessor, reading
        color, _ = target.taken.from_pixels
        self._fallback = PixelFallback(reading.fallback, color, max_pixels=reading.max_pixels)
        shape = (size, *preprocessor.shape)
        self._memory = torch.empty(shape, dtype=reading.dtype, pin_memory=reading.pin)
        self._rows: NDArray[Any] = self._memory.numpy()
        self._count = 0

    def add(self, sources: Sequence[ImageSource], draws: Sequence[Draws] = ()) -> Errors:
        """See `Filling`."""
        start = self._count
        rows = self._rows[start : start + len(sources)]
        batch = self._preprocessor.read(sources, rows, self._placer(draws))
        errors: Errors = {}
        for place in range(len(sources)):
            error = batch.errors.get(place)
            if error is not None:
                try:
                    alone = by_itself(error, sources, place)
                    own = draws[place] if draws else None
                    self._rows[start + place] = self._instead(sources[place], alone, own)
                except (ImageError, AccessError) as refusal:
                    errors[place] = refusal
                    continue
                self.pixel_fallbacks += 1
            if self._count != start + place:
                self._rows[self._count] = self._rows[start + place]
            if draws:
                self._finish(self._rows[self._count], draws[place])
            self._count += 1
        return errors

    def inputs(self) -> Tensor:
        """Return the tensor [N, ...] in the form of the target."""
        return self._memory[: self._count]

    def _placer(self, draws: Sequence[Draws]) -> Place | None:
        """Return the placements of images by their index in `draws`; None for the geometry's."""
        return None

    def _finish(self, row: NDArray[Any], draws: Draws) -> None:
        """Change an image of the batch in place."""

    def _instead(
        self, source: ImageSource, error: Error, draws: Draws | None
    ) -> NDArray[np.float32]:
        if isinstance(error, AccessError):
            raise error
        image = self._fallback.instead(source, error)
        return self._from_pixels(image, source_name([source], 0), draws)

    def _from_pixels(
        self, image: PixelImage, name: str, draws: Draws | None
    ) -> NDArray[np.float32]:
        """Return an image whose pixels Pillow decoded.

        Args:
            image: the image.
            name: name of the image in messages.
            draws: random numbers of the image, if there is augmentation.

        Raises:
            ImageError: if the image cannot be brought to the network's size.
        """
        check_usable(image.frame, self._target.taken, None, name)
        return network_tensor(image, self._target.taken, self._target.block)


def by_itself(error: Error, sources: Sequence[ImageSource], place: int) -> Error:
    """Return an error whose message names its source as if it were the only source.

    Args:
        error: error of the source.
        sources: all sources.
        place: index of the source.
    """
    old, new = source_name(sources, place), source_name([sources[place]], 0)
    if isinstance(error, ImageError):
        return renamed(error, old, new)
    return renamed(error, old, new)
