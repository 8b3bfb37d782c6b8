"""Batches of coefficients of files of one size and sampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.filling import Inputs, ReadOptions
from jpegcompile.data.kept_images import KeptFilling
from jpegcompile.data.reading import coefficients_of_each
from jpegcompile.data.target import Target
from jpegcompile.errors import ImageError
from jpegcompile.interface import CHROMA, LUMA, QUANTIZATION
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.packed import PackedBatch
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.messages import Message
from jpegcompile.runtime.input_tensors import check_usable, coefficient_feeds, fits_inputs


class CoefficientFilling(KeptFilling[Coefficients]):
    """The inputs of a model for coefficients."""

    def __init__(self, target: Target, frame: Frame, reading: ReadOptions):
        """Create an empty batch.

        Args:
            target: form of the batches.
            frame: frame that the model is compiled for.
            reading: how files are read.
        """
        super().__init__(coefficients_of_each, reading)
        self._target, self._frame = target, frame

    def inputs(self) -> Inputs:
        """Return tensors by the names of inputs, or packed arrays."""
        feeds = _feeds(self._images, self._frame)
        if self._target.form == "packed":
            return PackedBatch.of(feeds, self._reading.threads)
        return self._pinned({name: torch.from_numpy(values) for name, values in feeds.items()})

    def _pinned(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Move tensors to page-locked memory if `ReadOptions.pin` is set."""
        if self._reading.pin:
            return {name: values.pin_memory() for name, values in tensors.items()}
        return tensors

    def _accept(self, image: Coefficients, name: str, draws: Draws | None) -> None:
        taken = self._target.taken
        check_usable(image.frame, taken, self._frame, name)
        if not fits_inputs(image.frame, self._frame, taken):
            found = subsampling_of(image.frame) or image.color_space
            raise ImageError(
                Message(
                    "dataset-subsampling-mismatch",
                    f"{name}: is {found} but the model is compiled for"
                    f" {subsampling_of(self._frame)}; use form tensor",
                )
            )


def _feeds(images: Sequence[Coefficients], frame: Frame) -> dict[str, NDArray[np.generic]]:
    if images:
        return coefficient_feeds(images, frame)
    empty: Mapping[str, tuple[int, int]] = {
        name: frame.block_counts(index)
        for index, name in enumerate((LUMA, CHROMA)[: len(frame.sampling)])
    }
    feeds: dict[str, NDArray[np.generic]] = {
        name: np.empty((0, 1 if name == LUMA else 2, *blocks, 8, 8), np.int16)
        for name, blocks in empty.items()
    }
    feeds[QUANTIZATION] = np.empty((0, len(frame.sampling), 8, 8), np.uint16)
    return feeds
