"""Packed batches for training: files of any kind, each with its own crop and color.

Only the blocks that a crop depends on are kept, and nothing is unpacked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.filling import Errors, Filling, ReadOptions
from jpegcompile.data.placed_images import PlacedImages
from jpegcompile.data.placed_tensors import Placing
from jpegcompile.data.placed_view import PlacedView
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.pack_images import pack_images
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.packed_images import PackedImages
from jpegcompile.jpeg.read import ImageSource
from jpegcompile.messages import Message


class PlacedPackedFilling(Filling):
    """Packed images, and what else `JpegIngest` needs."""

    def __init__(self, placing: Placing, reading: ReadOptions) -> None:
        """Create an empty batch.

        Args:
            placing: random changes of the images.
            reading: how files are read.
        """
        self._placing, self._reading = placing, reading
        self._images: list[PackedImage] = []
        self._views: list[PlacedView] = []
        self._draws: list[Draws] = []

    def add(self, sources: Sequence[ImageSource], draws: Sequence[Draws] = ()) -> Errors:
        """See `Filling`."""
        reading = self._reading
        made = pack_images(
            sources,
            threads=reading.threads,
            tolerant=reading.tolerant,
            max_pixels=reading.max_pixels,
        )
        errors: Errors = {}
        for place, (image, own) in enumerate(zip(made, draws, strict=True)):
            if not isinstance(image, PackedImage):
                errors[place] = image
                continue
            try:
                self._views.append(self._placing.view(image.frame, own))
            except ImageError as error:
                errors[place] = ImageError(Message(error.code, f"{image.name}: {error}"))
                continue
            self._images.append(image)
            self._draws.append(own)
        return errors

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
