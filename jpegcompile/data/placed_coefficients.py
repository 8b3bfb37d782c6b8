"""Batches of coefficients for training: files of any kind, each with its own crop and color.

See `docs/augmentation.md` for the tensors of a batch, and `learning/ingest.py` for the module that
turns them into the network's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.data.augmentation.color import ColorChange
from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.augmentation.placing import random_choice, random_square
from jpegcompile.data.augmentation.record import Augmentation
from jpegcompile.data.axis_tables import AxisTable
from jpegcompile.data.filling import Errors, Filling, ReadOptions
from jpegcompile.data.placed_view import PlacedView, placed_view
from jpegcompile.data.reading import read_each
from jpegcompile.data.target import Target
from jpegcompile.errors import ImageError
from jpegcompile.interface import AXIS_INPUTS, CHROMA, LEVEL, LUMA, QUANTIZATION
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.read import ImageSource, source_name
from jpegcompile.messages import Message

Doubles = NDArray[np.float64]
Arrays = dict[str, NDArray[np.generic]]


class _Placed(NamedTuple):
    """An image, how the network sees it, and its random numbers."""

    image: Coefficients
    view: PlacedView
    draws: Draws


class PlacedFilling(Filling):
    """Coefficients, axis matrices, color and squares of the images of a batch."""

    def __init__(self, target: Target, augmentation: Augmentation, reading: ReadOptions) -> None:
        """Create an empty batch.

        Args:
            target: form of the batches, without a compiled model.
            augmentation: random changes of the images.
            reading: how files are read.
        """
        self._target, self._augmentation, self._reading = target, augmentation, reading
        self._placed: list[_Placed] = []

    def add(self, sources: Sequence[ImageSource], draws: Sequence[Draws] = ()) -> Errors:
        """See `Filling`."""
        images, errors = read_each(sources, self._reading)
        for place, (image, source, own) in enumerate(zip(images, sources, draws, strict=True)):
            if image is None:
                continue
            try:
                self._placed.append(_Placed(image, self._view(image, own), own))
            except ImageError as error:
                name = source_name([source], 0)
                errors[place] = ImageError(Message(error.code, f"{name}: {error}"))
        return errors

    def inputs(self) -> dict[str, Tensor]:
        """Return tensors by the names of inputs."""
        luma = self._plane(LUMA, slice(0, 1))
        chroma = self._plane(CHROMA, slice(1, 3))
        arrays = luma | chroma | self._quantization() | self._colors() | self._squares()
        tensors = {name: torch.from_numpy(values) for name, values in arrays.items()}
        if self._reading.pin:
            return {name: values.pin_memory() for name, values in tensors.items()}
        return tensors

    def _view(self, image: Coefficients, draws: Draws) -> PlacedView:
        taken, frame = self._target.taken, image.frame
        color, _ = taken.from_pixels
        choice = random_choice(frame, taken.geometry, taken.size, self._augmentation, draws)
        return placed_view(frame, choice, taken.geometry, taken.size, color, self._target.block)

    def _plane(self, name: str, components: slice) -> Arrays:
        """Return the coefficients of some components, and their matrices."""
        matrices = [p.view.luma if name == LUMA else p.view.chroma for p in self._placed]
        rows, columns = (AxisTable([m and m[axis] for m in matrices]) for axis in (0, 1))
        count, taken = components.stop - components.start, self._target.taken
        shape = (len(self._placed), count, rows.blocks, columns.blocks, 8, 8)
        planes = np.zeros(shape, np.int16)
        for row, placed, own in zip(planes, self._placed, matrices, strict=True):
            for place in range(count if own is not None else 0):
                blocks = placed.view.cut(placed.image, components.start + place)
                row[place, : len(blocks), : blocks.shape[1]] = blocks
        row_name, column_name = AXIS_INPUTS[name]
        return {
            name: planes,
            row_name: rows.rows(taken.height),
            f"{row_name}_index": rows.index,
            column_name: columns.columns(taken.width),
            f"{column_name}_index": columns.index,
        }

    def _quantization(self) -> Arrays:
        tables = np.zeros((len(self._placed), 3, 8, 8), np.uint16)
        for row, placed in zip(tables, self._placed, strict=True):
            row[: len(placed.image.quantization)] = placed.view.tables(placed.image)
        return {QUANTIZATION: tables}

    def _colors(self) -> Arrays:
        """Return mixing and offset, and the addend of pixels that show the image."""
        taken, count = self._target.taken, len(self._placed)
        _, affine = taken.from_pixels
        channels = taken.channels
        fill = np.broadcast_to(np.asarray(taken.geometry.fill, np.float64), (channels,))
        mixing, outside = np.zeros((count, channels, 3)), np.full((count, channels), 128.0)
        for index, (_, view, _) in enumerate(self._placed):
            mixing[index, :, : view.mixing.shape[1]] = view.mixing
            if view.shown is not None:
                outside[index] = fill
        matrices, shifts = self._changes(fill)
        scaled = affine.scale[:, None] * matrices
        offset = np.einsum("nij,nj->ni", scaled, outside) + affine.scale * shifts + affine.shift
        arrays: Arrays = {"mixing": scaled @ mixing, "offset": offset}
        if any(placed.view.shown is not None for placed in self._placed):
            # Zero for images without fill.
            arrays[LEVEL] = np.einsum("nij,nj->ni", scaled, 128.0 - outside)
            arrays |= self._shown()
        return {name: values.astype(np.float32) for name, values in arrays.items()}

    def _changes(self, fill: Doubles) -> tuple[Doubles, Doubles]:
        """Return the change of color of each image, [N or 1, C, C] and [N or 1, C]."""
        color, affine = self._target.taken.from_pixels
        channels = len(affine.scale)
        if not self._augmentation.changes_color or not self._placed:
            return np.eye(channels)[None], np.zeros((1, channels))
        matrices, shifts = [], []
        for image, view, draws in self._placed:
            change = ColorChange.of(self._augmentation, draws)
            mean = view.mean(image, fill) if change.needs_mean else np.zeros(channels)
            matrix, shift = change.affine(color, mean)
            matrices.append(matrix)
            shifts.append(shift)
        return np.stack(matrices), np.stack(shifts)

    def _shown(self) -> Arrays:
        taken, count = self._target.taken, len(self._placed)
        rows, columns = np.zeros((count, taken.height)), np.zeros((count, taken.width))
        for index, (_, view, _) in enumerate(self._placed):
            if view.shown is not None:
                rows[index], columns[index] = view.shown
        return {"level_rows": rows, "level_columns": columns}

    def _squares(self) -> Arrays:
        if not self._augmentation.cutout:
            return {}
        taken, count = self._target.taken, len(self._placed)
        rows = np.zeros((count, taken.height), np.float32)
        columns = np.zeros((count, taken.width), np.float32)
        for index, placed in enumerate(self._placed):
            square = random_square(taken.size, self._augmentation, placed.draws)
            if square is not None:
                rows[index, square[0]], columns[index, square[1]] = 1.0, 1.0
        return {"cutout_rows": rows, "cutout_columns": columns}
