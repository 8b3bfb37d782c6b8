"""Batches of tensors or pixels with augmentation.

The native preprocessor crops and flips, and decodes only the rows that an image needs. Color and
squares are affine maps of its result, in the JPEG domain as well as on pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.data.augmentation.color import ColorChange
from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.augmentation.placing import (
    chosen_placement,
    random_choice,
    random_square,
)
from jpegcompile.data.augmentation.record import Augmentation
from jpegcompile.data.filling import ReadOptions, TensorFilling
from jpegcompile.data.target import Target
from jpegcompile.dct.blocks import axis_dct, to_jpeg
from jpegcompile.dct.resampled import resampled
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.pixel_image import PixelImage
from jpegcompile.messages import Message
from jpegcompile.preprocessing.geometry import Placement
from jpegcompile.runtime.preprocessor import Place, Preprocessor


class AugmentedFilling(TensorFilling):
    """Tensors of images with random changes."""

    def __init__(
        self,
        target: Target,
        augmentation: Augmentation,
        preprocessor: Preprocessor,
        reading: ReadOptions,
        size: int,
    ) -> None:
        """Create an empty batch.

        Args:
            target: form of the batches.
            augmentation: random changes of the images.
            preprocessor: preprocessor for the target.
            reading: how images are read.
            size: largest number of images.
        """
        super().__init__(target, preprocessor, reading, size)
        self._augmentation = augmentation

    def _placer(self, draws: Sequence[Draws]) -> Place:
        return lambda index, frame: self._placement(frame, draws[index])

    def _placement(self, frame: Frame, draws: Draws) -> Placement:
        geometry, size = self._target.taken.geometry, self._target.taken.size
        choice = random_choice(frame, geometry, size, self._augmentation, draws)
        return chosen_placement(frame, geometry, size, choice)

    def _from_pixels(
        self, image: PixelImage, name: str, draws: Draws | None
    ) -> NDArray[np.float32]:
        assert draws is not None
        taken = self._target.taken
        _, affine = taken.from_pixels
        try:
            placement = self._placement(image.frame, draws)
        except ImageError as error:
            raise ImageError(Message(error.code, f"{name}: {error}")) from error
        pixels = resampled(image.pixels.astype(np.float64), placement, taken.geometry.fill)
        channels = np.moveaxis(pixels * affine.scale + affine.shift, -1, 0)
        tensor = to_jpeg(np.ascontiguousarray(channels), self._target.block).astype(np.float32)
        return np.moveaxis(tensor, 0, -1) if taken.layout == "NHWC" else tensor

    def _finish(self, row: NDArray[Any], draws: Draws) -> None:
        channels = np.moveaxis(row, -1, 0) if self._target.taken.layout == "NHWC" else row
        if self._augmentation.changes_color:
            self._recolor(channels, draws)
        square = random_square(self._target.taken.size, self._augmentation, draws)
        if square is not None:
            cut_out(channels, square, self._target.block)

    def _recolor(self, x: NDArray[Any], draws: Draws) -> None:
        """Change the color of a normalized image [C, H, W] in place."""
        color, affine = self._target.taken.from_pixels
        block = self._target.block
        # A constant c is a DC coefficient c * block.
        means = x[:, ::block, ::block].mean(axis=(1, 2), dtype=np.float64) / block
        pixels = (means - affine.shift) / affine.scale
        matrix, shift = ColorChange.of(self._augmentation, draws).affine(color, pixels)
        mixing = matrix * affine.scale[:, None] / affine.scale
        constant = affine.scale * shift + affine.shift - mixing @ affine.shift
        made = np.tensordot(mixing.astype(np.float32), x, 1)
        made[:, ::block, ::block] += (block * constant).astype(np.float32)[:, None, None]
        x[...] = made


def cut_out(x: NDArray[Any], square: tuple[slice, slice], block: int) -> None:
    """Set the pixels of a square to zero in place, in the JPEG domain by harmonic mixing.

    Args:
        x: image [C, H, W] with block size `block`.
        square: rows and columns of the square, in pixels.
        block: block size; 1 for pixels.
    """
    if any(side.start >= side.stop for side in square):
        return
    tiles, masks = [], []
    for side in square:
        first, last = side.start // block * block, -(-side.stop // block) * block
        mask = np.zeros(last - first)
        mask[side.start - first : side.stop - first] = 1.0
        transform = axis_dct(last - first, block)
        tiles.append(slice(first, last))
        masks.append(((transform * mask) @ transform.T).astype(np.float32))
    part = x[:, tiles[0], tiles[1]]
    part -= masks[0] @ part.astype(np.float32) @ masks[1]
