"""Batches of coefficients of images of any size.

Each image has its own blocks, and matrices that bring the blocks to the network's size
(`docs/any_size.md`). Arrays are padded with zeros to the largest image of the batch. Padded blocks
are multiplied by padded matrix columns, so padding does not change the result.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.coefficients import CoefficientFilling
from jpegcompile.data.filling import ReadOptions
from jpegcompile.data.target import Target
from jpegcompile.errors import ImageError
from jpegcompile.interface import (
    AXIS_INPUTS,
    CHROMA,
    LEVEL,
    LUMA,
    QUANTIZATION,
    SHARED_INPUTS,
)
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.network_input import NetworkInput
from jpegcompile.runtime.input_tensors import check_usable
from jpegcompile.runtime.placed import Feeds, placed_feeds


class AnySizeFilling(CoefficientFilling):
    """The inputs of a model for images of any size, with matrices for each image."""

    def __init__(self, target: Target, info: CompiledInfo, frame: Frame, reading: ReadOptions):
        """Create an empty batch for a compiled model.

        Args:
            target: form of the batches.
            info: metadata of the model.
            frame: frame that the model is compiled for.
            reading: how files are read.
        """
        super().__init__(target, frame, reading)
        self._info = info

    def inputs(self) -> dict[str, Tensor]:
        """Return tensors [N, ...] by the names of inputs, including the matrices."""
        made = [placed_feeds([image], self._info, [b""]) for image in self._images]
        batch = padded(made) if made else _empty(self._target.taken, len(self._frame.sampling))
        return self._pinned({name: torch.from_numpy(values) for name, values in batch.items()})

    def _accept(self, image: Coefficients, name: str, draws: Draws | None) -> None:
        check_usable(image.frame, self._target.taken, self._frame, name)
        if image.color_space == "rgb":
            raise ImageError(
                Message(
                    "dataset-rgb-file",
                    f"{name}: contains RGB but the model reads luma and chroma; use form tensor",
                )
            )


def padded(images: Sequence[Feeds]) -> Feeds:
    """Join the inputs of images into one batch, padded with zeros.

    Args:
        images: inputs of each image, as a batch of one.
    """
    return {name: _padded([_of_one(name, feeds[name]) for feeds in images]) for name in images[0]}


def _of_one(name: str, values: NDArray[np.generic]) -> NDArray[np.generic]:
    return values if name in SHARED_INPUTS else values[0]


def _padded(arrays: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    largest = np.max([values.shape for values in arrays], axis=0)
    made = np.zeros((len(arrays), *largest), arrays[0].dtype)
    for row, values in zip(made, arrays, strict=True):
        row[tuple(map(slice, values.shape))] = values
    return made


def _empty(taken: NetworkInput, components: int) -> Feeds:
    """Return a batch without images."""
    made: Feeds = {}
    for name, planes in ((LUMA, 1), (CHROMA, 2))[: min(components, 2)]:
        rows, columns = AXIS_INPUTS[name]
        made[name] = np.empty((0, planes, 0, 0, 8, 8), np.int16)
        made[rows] = np.empty((0, taken.height, 0), np.float32)
        made[columns] = np.empty((0, 0, taken.width), np.float32)
    made[QUANTIZATION] = np.empty((0, components, 8, 8), np.uint16)
    if taken.geometry.may_fill(taken.size):
        made[LEVEL] = np.empty((0, taken.channels, *taken.size), np.float32)
    return made
