"""Batches of coefficients for training: files of any kind, each with its own crop and color.

See `docs/augmentation.md` for the tensors of a batch, and `learning/ingest.py` for the module that
turns them into the network's input.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from jpegcompile.data.filling import ReadOptions
from jpegcompile.data.kept_images import PlacedFilling
from jpegcompile.data.placed_tensors import Arrays, Placing, tables_of
from jpegcompile.data.reading import coefficients_of_each
from jpegcompile.interface import CHROMA, LUMA, QUANTIZATION
from jpegcompile.jpeg.coefficients import Coefficients

# The components of each plane.
_COMPONENTS = {LUMA: range(1), CHROMA: range(1, 3)}


class PlacedCoefficientFilling(PlacedFilling[Coefficients]):
    """Coefficients, axis matrices, color and squares of the images of a batch."""

    def __init__(self, placing: Placing, reading: ReadOptions) -> None:
        """Create an empty batch.

        Args:
            placing: random changes of the images.
            reading: how files are read.
        """
        super().__init__(placing, coefficients_of_each, reading)

    def inputs(self) -> dict[str, Tensor]:
        """Return tensors by the names of inputs."""
        arrays = self._quantization()
        for name in _COMPONENTS:
            arrays |= self._plane(name) | self._placing.matrices(self._views, name)
        tensors = {name: torch.from_numpy(values) for name, values in arrays.items()}
        tensors |= self._placing.tensors(self._views, self._draws)
        if self._reading.pin:
            return {name: values.pin_memory() for name, values in tensors.items()}
        return tensors

    def _plane(self, name: str) -> Arrays:
        """Return the coefficients of a plane, padded with zeros to the largest image."""
        down, across = tables_of(self._views, name)
        components = _COMPONENTS[name]
        shape = (len(self._images), len(components), down.blocks, across.blocks, 8, 8)
        planes = np.zeros(shape, np.int16)
        for row, view, image in zip(planes, self._views, self._images, strict=True):
            if name == CHROMA and view.chroma is None:
                continue
            for place, component in enumerate(components):
                blocks = view.cut(image, component)
                row[place, : len(blocks), : blocks.shape[1]] = blocks
        return {name: planes}

    def _quantization(self) -> Arrays:
        tables = np.zeros((len(self._images), 3, 8, 8), np.uint16)
        for row, view, image in zip(tables, self._views, self._images, strict=True):
            row[: len(image.quantization)] = view.tables(image)
        return {QUANTIZATION: tables}
