"""Packed batches for training: files of any kind, each with its own crop and color.

Only the blocks that a crop depends on are kept, and nothing is unpacked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jpegcompile.data.filling import ReadOptions
from jpegcompile.data.kept_images import PlacedFilling
from jpegcompile.data.placed_images import PlacedImages
from jpegcompile.data.placed_tensors import Placing
from jpegcompile.data.placed_view import PlacedView
from jpegcompile.data.reading import packed_of_each
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.packed_images import PackedImages


class PlacedPackedFilling(PlacedFilling[PackedImage]):
    """Packed images, and what else `JpegIngest` needs."""

    def __init__(self, placing: Placing, reading: ReadOptions) -> None:
        """Create an empty batch.

        Args:
            placing: random changes of the images.
            reading: how files are read.
        """
        super().__init__(placing, packed_of_each, reading)

    def inputs(self) -> PlacedImages:
        """Return the added images."""
        views = self._views
        made = PlacedImages(
            PackedImages.of(self._images, _windows(views)),
            np.array([view.is_transposed for view in views], np.bool_),
            self._placing.bands(views),
            self._placing.tensors(views, self._draws),
            self._placing.target.block,
        )
        return made.pin_memory() if self._reading.pin else made


def _windows(views: Sequence[PlacedView]) -> NDArray[np.int64]:
    """Return the blocks that the matrices of each image read, as `PackedImages.of` takes them."""
    windows = np.zeros((len(views), 2, 4), np.int64)
    for row, view in zip(windows, views, strict=True):
        for plane, (_, (down, across)) in zip(row, view.parts(), strict=False):
            sides = (across, down) if view.is_transposed else (down, across)
            plane[:] = [end for side in sides for end in (side.blocks.start, side.blocks.stop)]
    return windows
