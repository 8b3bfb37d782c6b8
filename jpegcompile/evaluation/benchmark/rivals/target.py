"""The network input that every reader computes from a file: geometry and normalization."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.color import Color
from jpegcompile.jpeg.frame import Frame
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Placement
from jpegcompile.preprocessing.preprocess import Preprocess

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]
# Pixels, or float values if the image is padded with a fill, which may be fractional.
Seen = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Target:
    """The input of the original model and its preprocessing.

    Attributes:
        taken: image input of the original.
        preprocess: preprocessing from pixels to this input.
    """

    taken: NetworkInput
    preprocess: Preprocess

    @cached_property
    def color(self) -> Color:
        """Order of the channels."""
        return self.preprocess.color_for(self.taken.channels)

    @cached_property
    def factors(self) -> tuple[Values, Values]:
        """(scale, shift), each float32 [C], with input = pixels * scale + shift."""
        affine = self.preprocess.affine(self.taken.channels)
        return affine.scale.astype(np.float32), affine.shift.astype(np.float32)

    @cached_property
    def views(self) -> tuple[Target, ...]:
        """Targets of the views of an image."""
        preprocess = self.preprocess
        return tuple(
            Target(self.taken, replace(preprocess, geometry=view))
            for view in preprocess.geometry.each_view()
        )

    def each_view(self, make: Callable[[Target], Values]) -> Values:
        """Return the result of one view, or the results of several along a new first axis."""
        if len(self.views) == 1:
            return make(self)
        return np.stack([make(view) for view in self.views])

    @lru_cache(maxsize=1024)  # noqa: B019 - a target lives as long as its process
    def place(self, height: int, width: int) -> Placement:
        """Return the placement of an image. All views of an image are parts of one resized image.

        Args:
            height: height of the image after its EXIF orientation is applied.
            width: width of the image after its EXIF orientation is applied.

        Raises:
            ImageError: if preprocessing does not bring the image to the network's size.
        """
        frame = Frame(height, width, ((1, 1),), "gray")
        return self.preprocess.geometry.place(frame, self.taken.size)

    def seen(self, resized: Pixels, placement: Placement) -> Seen:
        """Return the part of a resized image [H, W, C] that the network sees."""
        rows, columns = placement.rows, placement.columns
        if placement.is_inside:
            part = resized[rows.start : rows.start + rows.length]
            seen: Seen = part[:, columns.start : columns.start + columns.length]
        else:
            seen = self._filled(resized, placement)
        return self.turned(seen, placement)

    def turned(self, seen: Seen, placement: Placement) -> Seen:
        """Return the mirror image if the placement is flipped."""
        return seen[:, ::-1] if placement.columns.is_flipped else seen

    def _filled(self, resized: Pixels, placement: Placement) -> NDArray[np.float32]:
        """Return the part that the network sees, with the fill around the image."""
        rows, columns = placement.rows, placement.columns
        filled = np.empty((rows.length, columns.length, resized.shape[2]), np.float32)
        filled[...] = self.preprocess.geometry.fill
        top, left = max(rows.start, 0), max(columns.start, 0)
        part = resized[top : rows.start + rows.length, left : columns.start + columns.length]
        above, before = top - rows.start, left - columns.start
        filled[above : above + part.shape[0], before : before + part.shape[1]] = part
        return filled

    def normalized(self, seen: Seen) -> Values:
        """Return the network input of pixels [H, W, C], in the fewest passes of NumPy."""
        scale, shift = self.factors
        if self.taken.layout == "NHWC":
            values = seen.astype(np.float32)
            values *= scale
            values += shift
            return values
        values = seen.transpose(2, 0, 1).astype(np.float32, order="C")
        values *= scale[:, None, None]
        values += shift[:, None, None]
        return values
