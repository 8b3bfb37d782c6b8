"""What a batch of coefficients has besides its planes: matrices, color, fill and squares.

Planes may travel in another form, as packed ones, with these tensors next to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile.data.augmentation.color import ColorChange
from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.augmentation.placing import random_choice, random_square
from jpegcompile.data.augmentation.record import Augmentation
from jpegcompile.data.axis_tables import AxisTable
from jpegcompile.data.placed_view import Matrices, PlacedView, placed_view
from jpegcompile.data.target import Target
from jpegcompile.interface import AXIS_INPUTS, LEVEL, LUMA
from jpegcompile.jpeg.frame import Frame

Doubles = NDArray[np.float64]
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Placing:
    """The random changes of the images of a data set without a compiled model.

    Attributes:
        target: form of the batches.
        augmentation: random changes of the images.
    """

    target: Target
    augmentation: Augmentation

    def view(self, frame: Frame, draws: Draws) -> PlacedView:
        """Return how the network sees an image.

        Args:
            frame: frame of the image's file.
            draws: random numbers of the image.

        Raises:
            ImageError: as `placed_view`.
        """
        taken = self.target.taken
        color, _ = taken.from_pixels
        choice = random_choice(frame, taken.geometry, taken.size, self.augmentation, draws)
        return placed_view(frame, choice, taken.geometry, taken.size, color, self.target.block)

    @property
    def fill(self) -> Doubles:
        """Pixel value outside of images, by channel."""
        taken = self.target.taken
        return np.broadcast_to(np.asarray(taken.geometry.fill, np.float64), (taken.channels,))

    def matrices(self, views: Sequence[PlacedView], name: str, *, is_whole: bool = False) -> Arrays:
        """Return the tables and indices of the matrices of a plane.

        Args:
            views: views of the images.
            name: LUMA or CHROMA.
            is_whole: whether matrices apply to all blocks of an image. Otherwise they apply to
                those of `PlacedView.cut`.
        """
        taken, (rows, columns) = self.target.taken, AXIS_INPUTS[name]
        down, across = tables_of(views, name)
        return {
            rows: down.rows(taken.height, is_whole=is_whole),
            f"{rows}_index": down.index,
            columns: across.columns(taken.width, is_whole=is_whole),
            f"{columns}_index": across.index,
        }

    def colors(
        self, views: Sequence[PlacedView], draws: Sequence[Draws], means: Sequence[Doubles]
    ) -> Arrays:
        """Return mixing and offset, and the addend of pixels that show the image.

        Args:
            views: views of the images.
            draws: random numbers of each image.
            means: mean of each image (`PlacedView.mean`), if the contrast changes; else empty.
        """
        taken, count, fill = self.target.taken, len(views), self.fill
        _, affine = taken.from_pixels
        mixing = np.zeros((count, taken.channels, 3))
        outside = np.full((count, taken.channels), 128.0)
        for index, view in enumerate(views):
            mixing[index, :, : view.mixing.shape[1]] = view.mixing
            if view.shown is not None:
                outside[index] = fill
        matrices, shifts = self._changes(draws, means)
        scaled = affine.scale[:, None] * matrices
        offset = np.einsum("nij,nj->ni", scaled, outside) + affine.scale * shifts + affine.shift
        arrays: Arrays = {"mixing": scaled @ mixing, "offset": offset}
        if any(view.shown is not None for view in views):
            # Zero for images without fill.
            arrays[LEVEL] = np.einsum("nij,nj->ni", scaled, 128.0 - outside)
            arrays |= self._shown(views)
        return {name: values.astype(np.float32) for name, values in arrays.items()}

    def squares(self, draws: Sequence[Draws]) -> Arrays:
        """Return the rows and columns of squares that are cut out, if there are any.

        Args:
            draws: random numbers of each image.
        """
        if not self.augmentation.cutout:
            return {}
        size, count = self.target.taken.size, len(draws)
        rows, columns = (np.zeros((count, side), np.float32) for side in size)
        for index, own in enumerate(draws):
            square = random_square(size, self.augmentation, own)
            if square is not None:
                rows[index, square[0]], columns[index, square[1]] = 1.0, 1.0
        return {"cutout_rows": rows, "cutout_columns": columns}

    def _changes(self, draws: Sequence[Draws], means: Sequence[Doubles]) -> tuple[Doubles, Doubles]:
        """Return the change of color of each image, [N or 1, C, C] and [N or 1, C]."""
        color, affine = self.target.taken.from_pixels
        channels = len(affine.scale)
        if not self.augmentation.changes_color or not draws:
            return np.eye(channels)[None], np.zeros((1, channels))
        pairs = []
        for own, mean in zip(draws, means or [np.zeros(channels)] * len(draws), strict=True):
            pairs.append(ColorChange.of(self.augmentation, own).affine(color, mean))
        return np.stack([matrix for matrix, _ in pairs]), np.stack([shift for _, shift in pairs])

    def _shown(self, views: Sequence[PlacedView]) -> Arrays:
        rows, columns = (np.zeros((len(views), side)) for side in self.target.taken.size)
        for index, view in enumerate(views):
            if view.shown is not None:
                rows[index], columns[index] = view.shown
        return {"level_rows": rows, "level_columns": columns}


def tables_of(views: Sequence[PlacedView], name: str) -> tuple[AxisTable, AxisTable]:
    """Return the tables of rows and columns of a plane.

    Args:
        views: views of the images.
        name: LUMA or CHROMA.
    """
    pairs: list[Matrices | None] = [view.luma if name == LUMA else view.chroma for view in views]
    rows, columns = (AxisTable([pair and pair[axis] for pair in pairs]) for axis in (0, 1))
    return rows, columns
