"""Batches of coefficients for training: files of any kind, each with its own crop and color.

See `docs/augmentation.md` for the tensors of a batch, and `learning/ingest.py` for the module that
turns them into the network's input.
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
from jpegcompile.data.augmentation.placing import augmented_placement, random_square
from jpegcompile.data.augmentation.record import Augmentation
from jpegcompile.data.axis_tables import AxisKey, AxisTable, axis_matrix, component_keys
from jpegcompile.data.filling import Errors, Filling, ReadOptions
from jpegcompile.data.reading import read_each
from jpegcompile.data.target import Target
from jpegcompile.dct.blocks import axis_dct
from jpegcompile.dct.color import Color, check_chroma_sampling, mixing_matrix
from jpegcompile.dct.filters import taps_of
from jpegcompile.errors import ImageError
from jpegcompile.interface import AXIS_INPUTS, CHROMA, LUMA, QUANTIZATION
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.read import ImageSource, source_name
from jpegcompile.messages import Message
from jpegcompile.preprocessing.geometry import Placement

Doubles = NDArray[np.float64]
Blocks = NDArray[np.int16]
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class _Keys:
    """Keys of the matrices of an image: (rows, columns) of luma, and of chroma if it is used."""

    luma: tuple[AxisKey, AxisKey]
    chroma: tuple[AxisKey, AxisKey] | None


@dataclass(frozen=True, eq=False)
class _Placed:
    """An image and how the network sees it."""

    image: Coefficients
    placement: Placement
    keys: _Keys
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
                self._placed.append(self._place(image, own))
            except ImageError as error:
                name = source_name([source], 0)
                errors[place] = ImageError(Message(error.code, f"{name}: {error}"))
        return errors

    def inputs(self) -> dict[str, Tensor]:
        """Return tensors by the names of inputs."""
        arrays = {**self._tables(), **self._coefficients(), **self._colors(), **self._squares()}
        tensors = {name: torch.from_numpy(values) for name, values in arrays.items()}
        if self._reading.pin:
            return {name: values.pin_memory() for name, values in tensors.items()}
        return tensors

    def _place(self, image: Coefficients, draws: Draws) -> _Placed:
        taken, frame = self._target.taken, image.frame
        placement = augmented_placement(
            frame, taken.geometry, taken.size, self._augmentation, draws
        )
        return _Placed(image, placement, self._keys_of(frame, placement), draws)

    def _keys_of(self, frame: Frame, placement: Placement) -> _Keys:
        _check_sampling(frame)
        color, _ = self._target.taken.from_pixels
        block = self._target.block
        luma = component_keys(frame, placement, 0, block)
        if not mixing_matrix(frame.color_space, color)[:, 1:].any():
            return _Keys(luma, None)
        return _Keys(luma, component_keys(frame, placement, 1, block))

    def _tables(self) -> Arrays:
        arrays: Arrays = {}
        taken = self._target.taken
        for plane, names in AXIS_INPUTS.items():
            tables = AxisTable(), AxisTable()
            for placed in self._placed:
                keys = placed.keys.luma if plane == LUMA else placed.keys.chroma
                for table, key in zip(tables, keys or (None, None), strict=True):
                    table.add(key)
            (rows, columns) = names
            arrays[rows] = tables[0].rows(taken.height)
            arrays[columns] = tables[1].columns(taken.width)
            for name, table in zip(names, tables, strict=True):
                arrays[f"{name}_index"] = table.index
        return arrays

    def _coefficients(self) -> Arrays:
        luma = [_cut(placed, placed.keys.luma, slice(0, 1)) for placed in self._placed]
        chroma = [_cut(placed, placed.keys.chroma, slice(1, 3)) for placed in self._placed]
        tables = np.zeros((len(self._placed), 3, 8, 8), np.uint16)
        for row, placed in zip(tables, self._placed, strict=True):
            own = placed.image.quantization
            row[: len(own)] = own.swapaxes(1, 2) if placed.placement.is_transposed else own
        return {LUMA: _stacked(luma, 1), CHROMA: _stacked(chroma, 2), QUANTIZATION: tables}

    def _colors(self) -> Arrays:
        """Return mixing and offset, and the addend of pixels that show the image."""
        taken, block, count = self._target.taken, self._target.block, len(self._placed)
        color, affine = taken.from_pixels
        channels = taken.channels
        fill = np.broadcast_to(np.asarray(taken.geometry.fill, np.float64), (channels,))
        mixing = np.zeros((count, channels, 3))
        offset, level = np.zeros((count, channels)), np.zeros((count, channels))
        shown = np.zeros((count, taken.height)), np.zeros((count, taken.width))
        for index, placed in enumerate(self._placed):
            change = ColorChange.of(self._augmentation, placed.draws)
            levels = _shown(placed.placement)
            mean = _mean(placed, color, fill, levels) if change.needs_mean else np.zeros(channels)
            matrix, shift = change.affine(color, mean)
            scaled = affine.scale[:, None] * matrix
            own = scaled @ mixing_matrix(placed.image.color_space, color)
            mixing[index, :, : own.shape[1]] = own
            outside = fill if levels else np.full(channels, 128.0)
            offset[index] = scaled @ outside + affine.scale * shift + affine.shift
            if levels is None:
                continue
            level[index] = scaled @ (128.0 - fill)
            for rows, axis in zip(shown, levels, strict=True):
                rows[index] = axis_dct(len(axis), block) @ axis
        arrays = {"mixing": mixing, "offset": offset}
        if level.any():
            arrays |= {"level": level, "level_rows": shown[0], "level_columns": shown[1]}
        return {name: values.astype(np.float32) for name, values in arrays.items()}

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


def _check_sampling(frame: Frame) -> None:
    """Raise an error if the second and third component have different matrices.

    Raises:
        ImageError: if they have different sampling factors.
    """
    check_chroma_sampling(frame)
    if frame.color_space == "rgb" and frame.sampling[1] != frame.sampling[2]:
        raise ImageError(
            Message(
                "dataset-rgb-sampled-differently",
                "green and blue are sampled differently; save the image with one sampling",
            )
        )


def _shown(placement: Placement) -> tuple[Doubles, Doubles] | None:
    """Return which rows and columns show the image; None if all do."""
    if placement.is_inside:
        return None
    return taps_of(placement.rows).level, taps_of(placement.columns).level


def _cut(placed: _Placed, keys: tuple[AxisKey, AxisKey] | None, components: slice) -> Blocks:
    """Return the blocks [components, rows, columns, 8, 8] that the network's input depends on."""
    if keys is None:
        return np.zeros((components.stop - components.start, 1, 1, 8, 8), np.int16)
    rows, columns = (axis_matrix(key).blocks for key in keys)
    planes = placed.image.planes[components]
    if placed.placement.is_transposed:
        return np.stack([plane[columns, rows].transpose(1, 0, 3, 2) for plane in planes])
    return np.stack([plane[rows, columns] for plane in planes])


def _stacked(images: Sequence[Blocks], components: int) -> Blocks:
    """Join the blocks of images, padded with zeros to the largest image."""
    sides = np.max([(1, 1), *(blocks.shape[1:3] for blocks in images)], axis=0)
    made = np.zeros((len(images), components, *sides, 8, 8), np.int16)
    for row, blocks in zip(made, images, strict=True):
        row[:, : blocks.shape[1], : blocks.shape[2]] = blocks
    return made


def _mean(
    placed: _Placed, color: Color, fill: Doubles, levels: tuple[Doubles, Doubles] | None
) -> Doubles:
    """Return the mean of each channel over what the network sees, on the 0..255 scale."""
    mixing = mixing_matrix(placed.image.color_space, color)
    share = 1.0 if levels is None else float(levels[0].mean() * levels[1].mean())
    mean = 128.0 * share + fill * (1.0 - share)
    for components, keys in ((slice(0, 1), placed.keys.luma), (slice(1, 3), placed.keys.chroma)):
        if keys is None:
            continue
        rows, columns = (axis_matrix(key).mean.reshape(-1, 8) for key in keys)
        blocks = _cut(placed, keys, components)
        tables = placed.image.quantization[components].astype(np.float64)
        if placed.placement.is_transposed:
            tables = tables.swapaxes(1, 2)
        means = np.einsum("crsuv,cuv,ru,sv->c", blocks, tables, rows, columns, optimize=True)
        mean = mean + mixing[:, components] @ means
    return np.asarray(mean)
