"""Matrices of axes without most of their zeros, as they travel to a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Bands:
    """The matrices of one axis of a batch: nearby outputs read nearby inputs.

    Attributes:
        values: float32 [U, tiles, outputs of a tile, reach], the distinct matrices of the batch.
        starts: int64 [U, tiles], the first input that each tile reads.
        index: int64 [N], the matrix of each image.
        outputs: length of the axis in the network's input.
    """

    values: Tensor
    starts: Tensor
    index: Tensor
    outputs: int

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.values.nbytes + self.starts.nbytes + self.index.nbytes

    def changed(self, change: Callable[[Tensor], Tensor]) -> Bands:
        """Return the matrices with a change of every tensor, such as a copy to a device."""
        values, starts, index = (change(one) for one in (self.values, self.starts, self.index))
        return Bands(values, starts, index, self.outputs)

    def dense(self, inputs: int, images: slice) -> Tensor:
        """Return the dense matrices of some images, [images or 1, outputs, inputs].

        Args:
            inputs: number of inputs; at least as many as these images have.
            images: the images. If all have the same matrix, there is only one.
        """
        values, starts = self.values, self.starts
        if len(values) != 1:
            values, starts = values[self.index[images]], starts[self.index[images]]
        count, tiles, rows, reach = values.shape
        # Bands of other images may be longer: zeros after the last input.
        made = values.new_zeros((count, tiles, rows, inputs + reach))
        places = starts[:, :, None, None] + torch.arange(reach, device=values.device)
        made.scatter_(3, places.expand(values.shape), values)
        return made.flatten(1, 2)[:, : self.outputs, :inputs]
