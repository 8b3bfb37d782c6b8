"""What a batch of coefficients has besides its planes: matrices, color, fill and squares.

Planes travel dense or packed, with these tensors next to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.data.augmentation.color import ColorChange
from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.augmentation.placing import random_choice, random_square
from jpegcompile.data.augmentation.record import Augmentation
from jpegcompile.data.axis_tables import AxisTable
from jpegcompile.data.bands import Bands
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

    def tensors(self, views: Sequence[PlacedView], draws: Sequence[Draws]) -> dict[str, Tensor]:
        """Return the inputs of `JpegIngest` that are neither planes nor matrices.

        Args:
            views: views of the images.
            draws: random numbers of each image.
        """
        arrays = self.colors(views, draws) | self.squares(draws)
        return {name: torch.from_numpy(values) for name, values in arrays.items()}

    def bands(self, views: Sequence[PlacedView]) -> dict[str, Bands]:
        """Return the matrices of rows and columns of all planes, by the name of the input.

        Args:
            views: views of the images.
        """
        made = {}
        for name, inputs in AXIS_INPUTS.items():
            tables = tables_of(views, name)
            for axis, table, outputs in zip(inputs, tables, self.target.taken.size, strict=True):
                values, starts, index = (
                    torch.from_numpy(array) for array in (*table.bands(outputs), table.index)
                )
                made[axis] = Bands(values, starts, index, outputs)
        return made

    def matrices(self, views: Sequence[PlacedView], name: str) -> Arrays:
        """Return the tables and indices of the matrices of a plane.

        They apply to the blocks that a view reads.

        Args:
            views: views of the images.
            name: LUMA or CHROMA.
        """
        taken, (rows, columns) = self.target.taken, AXIS_INPUTS[name]
        down, across = tables_of(views, name)
        return {
            rows: down.rows(taken.height),
            f"{rows}_index": down.index,
            columns: across.columns(taken.width),
            f"{columns}_index": across.index,
        }

    def colors(self, views: Sequence[PlacedView], draws: Sequence[Draws]) -> Arrays:
        """Return mixing and offset, the addend of pixels that show the image, and contrast.

        Args:
            views: views of the images.
            draws: random numbers of each image.
        """
        taken, count = self.target.taken, len(views)
        _, affine = taken.from_pixels
        mixing = np.zeros((count, taken.channels, 3))
        # Pixels without the coefficients: where nothing of the image is shown, and their mean.
        outside, means = (np.full((count, taken.channels), 128.0) for _ in range(2))
        for index, view in enumerate(views):
            mixing[index, :, : view.mixing.shape[1]] = view.mixing
            if view.shown is not None:
                outside[index] = self.fill
                means[index] += (1.0 - view.share) * (self.fill - 128.0)
        matrices, shifts, of_means = self._changes(draws)
        scaled = affine.scale[:, None] * matrices
        by_mean = affine.scale[:, None] * of_means
        offset = np.einsum("nij,nj->ni", scaled, outside) + affine.scale * shifts + affine.shift
        offset = offset + np.einsum("nij,nj->ni", by_mean, means)
        arrays: Arrays = {"mixing": scaled @ mixing, "offset": offset}
        if self.augmentation.contrast:
            arrays["contrast"] = by_mean @ mixing
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

    def _changes(self, draws: Sequence[Draws]) -> tuple[Doubles, Doubles, Doubles]:
        """Return the change of color of each image, as `ColorChange.parts`, [N or 1, ...]."""
        color, affine = self.target.taken.from_pixels
        channels = len(affine.scale)
        if not self.augmentation.changes_color or not draws:
            square = (1, channels, channels)
            return np.eye(channels)[None], np.zeros((1, channels)), np.zeros(square)
        changes = [ColorChange.of(self.augmentation, own).parts(color) for own in draws]
        matrix, shift, of_mean = (np.stack(part) for part in zip(*changes, strict=True))
        return matrix, shift, of_mean

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
