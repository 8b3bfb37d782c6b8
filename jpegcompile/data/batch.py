"""Batches of images with their labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.data.filling import Inputs
from jpegcompile.data.placed_images import PlacedImages
from jpegcompile.errors import UsageError
from jpegcompile.interface import SHARED_INPUTS
from jpegcompile.jpeg.packed import PackedBatch
from jpegcompile.jpeg.packed_images import PackedImages
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.messages import Message
from jpegcompile.whole_numbers import is_whole_number


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """A batch of usable images as input of a network.

    Attributes:
        inputs: a tensor [N, ...] for forms "tensor" and "pixels"; tensors [N, ...] by the names of
            inputs for form "coefficients"; for form "packed" a `PackedBatch` with a model,
            `PlacedImages` with a preprocessing, and `PackedImages` with neither. For models for
            images of any size, coefficients include the matrices of each image; without a model,
            tables of matrices (`docs/augmentation.md`).
        labels: class indices, int64 [N]. Images without a label have `NO_LABEL` (-100), which
            PyTorch's losses ignore.
        keys: paths of the files, or keys of the samples in shards.
        skipped: images that were unusable since the previous batch, with reasons. They have no row.
        pixel_fallbacks: number of images that went through the pixel fallback.
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
        """Return the inputs of one image of a batch of coefficients, for `Session.run_feeds`.

        Args:
            index: index of the image in the batch.

        Raises:
            UsageError: if the batch does not contain coefficients for a model, or `index` is out of
                range.
        """
        if isinstance(self.inputs, PackedBatch | PackedImages):
            raise UsageError(
                Message(
                    "batch-packed",
                    "this batch is packed and has no inputs of single images; use form"
                    " coefficients, or call batch.inputs.unpack()",
                )
            )
        if not isinstance(self.inputs, dict | PlacedImages):
            raise UsageError(
                Message(
                    "batch-without-feeds",
                    "this batch is a tensor and has no inputs by name; use form coefficients, or"
                    " pass batch.inputs to Session.run_image",
                )
            )
        if isinstance(self.inputs, PlacedImages) or "mixing" in self.inputs:
            raise UsageError(
                Message(
                    "batch-of-tables",
                    "this batch was made without a compiled model, and its images share tables of"
                    " matrices; give ImageDataset a model, or pass batch.inputs to JpegIngest",
                )
            )
        if not is_whole_number(index) or not 0 <= index < len(self):
            raise UsageError(
                Message(
                    "batch-index-out-of-range",
                    f"index is {index!r} but the batch has {len(self)} images; give a whole number"
                    f" from 0 to {len(self) - 1}",
                )
            )
        rows = slice(index, index + 1)
        return {
            name: values[index].numpy() if name in SHARED_INPUTS else values[rows].numpy()
            for name, values in self.inputs.items()
        }

    def pin_memory(self) -> ImageBatch:
        """Return the batch in page-locked memory, for `DataLoader(pin_memory=True)`."""
        inputs = self.inputs
        if isinstance(inputs, Tensor | PlacedImages):
            inputs = inputs.pin_memory()
        elif not isinstance(inputs, PackedBatch | PackedImages):
            inputs = {name: values.pin_memory() for name, values in inputs.items()}
        return replace(self, inputs=inputs, labels=self.labels.pin_memory())
