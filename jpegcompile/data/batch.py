"""Batches of images with their labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.data.filling import Inputs
from jpegcompile.errors import UsageError
from jpegcompile.interface import SHARED_INPUTS
from jpegcompile.jpeg.packed import PackedBatch
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.whole_numbers import is_whole_number


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """Images that could be used, as a network takes them.

    Attributes:
        inputs: a tensor [N, ...]; of coefficients tensors by the names of inputs, of images of any
            size with the matrices of each, [N, ...]; or packed ones.
        labels: int64 [N]; `NO_LABEL`, which losses leave out, where an image has none.
        keys: of the images: paths of files, or keys of samples in shards.
        skipped: images that could not be used since the batch before, and why; they have no row.
        pixel_fallbacks: how many of the images went through the pixel fallback.
    """

    inputs: Inputs
    labels: Tensor
    keys: list[str]
    skipped: tuple[Skipped, ...] = ()
    pixel_fallbacks: int = 0

    def __len__(self) -> int:
        """Number of images."""
        return len(self.keys)

    def feeds(self, index: int) -> dict[str, NDArray[np.generic]]:
        """The inputs of one image of a batch of coefficients, for `Session.run_feeds`.

        Raises:
            UsageError: if the batch holds something else, or no such image.
        """
        if isinstance(self.inputs, PackedBatch):
            raise UsageError(
                "this batch is packed, for a device that unpacks it as a whole; ask for form"
                " coefficients, or unpack it by batch.inputs.unpack()"
            )
        if not isinstance(self.inputs, dict):
            raise UsageError(
                "this batch has no inputs by name; ask for form coefficients, or give batch.inputs"
                " to Session.run_image"
            )
        if not is_whole_number(index) or not 0 <= index < len(self):
            raise UsageError(
                f"index is {index!r}, and the batch has {len(self)} images; give a whole number"
                f" from 0 to {len(self) - 1}"
            )
        rows = slice(index, index + 1)
        return {
            name: values[index].numpy() if name in SHARED_INPUTS else values[rows].numpy()
            for name, values in self.inputs.items()
        }

    def pin_memory(self) -> ImageBatch:
        """The same in page-locked memory; `DataLoader` calls this with `pin_memory=True`."""
        inputs = self.inputs
        if isinstance(inputs, Tensor):
            inputs = inputs.pin_memory()
        elif not isinstance(inputs, PackedBatch):
            inputs = {name: values.pin_memory() for name, values in inputs.items()}
        return replace(self, inputs=inputs, labels=self.labels.pin_memory())
