"""Packed batches for training: packed planes, with the matrices, colors and squares of each image.

A batch has few bytes until it is on the device where a network learns, and becomes dense there, in
strips if need be. `JpegIngest` turns it into the network's input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.data.bands import Bands
from jpegcompile.data.unpacking import Device, unpack_batch, unpacked_strips
from jpegcompile.interface import AXIS_INPUTS, LUMA, QUANTIZATION
from jpegcompile.jpeg.packed_images import PackedImages


@dataclass(frozen=True, eq=False)
class PlacedImages:
    """A batch of packed images, and how a network sees each.

    Attributes:
        packed: the blocks that the network's input depends on, as they are stored.
        is_transposed: whether stored rows become columns, bool [N].
        matrices: matrices of rows and columns on the host, by the inputs of `JpegIngest`.
        tensors: its other inputs by name, on the host, [N, ...] (`docs/augmentation.md`).
        block: block size of the network's input; 1 for pixels.
    """

    packed: PackedImages
    is_transposed: NDArray[np.bool_]
    matrices: dict[str, Bands]
    tensors: dict[str, Tensor]
    block: int

    def __len__(self) -> int:
        """Number of images."""
        return len(self.packed)

    @property
    def nbytes(self) -> int:
        """Bytes of the packed planes and all tensors."""
        matrices = sum(bands.nbytes for bands in self.matrices.values())
        return self.packed.nbytes + matrices + sum(one.nbytes for one in self.tensors.values())

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the network's input, [N, C, H, W]."""
        height, width = (self.matrices[name].outputs for name in AXIS_INPUTS[LUMA])
        return len(self), self.tensors["mixing"].shape[1], height, width

    def to(self, device: Device, *, threads: int | None = None) -> dict[str, Tensor]:
        """Return the inputs of `JpegIngest` on a device, with dense planes.

        Args:
            device: as for `unpack_batch`.
            threads: as for `unpack_batch`.

        Raises:
            ImageError: as `unpack_batch`.
        """
        dense = unpack_batch(self.packed, device, threads=threads)
        return self._moved(device)._inputs(dense, slice(0, len(self)))

    def strips(
        self,
        device: Device,
        *,
        images: int | None = None,
        max_bytes: int | None = None,
        threads: int | None = None,
    ) -> Iterator[tuple[slice, dict[str, Tensor]]]:
        """Return the inputs of `JpegIngest` in strips of images; each is dense only in its turn.

        Args:
            device: as for `unpack_batch`.
            images: as for `PackedImages.strips`.
            max_bytes: as for `PackedImages.strips`.
            threads: as for `unpack_batch`.

        Yields:
            The images of a strip, and its inputs.

        Raises:
            UsageError: if a limit is less than 1.
            ImageError: as `unpack_batch`.
        """
        made = unpacked_strips(
            self.packed, device, images=images, max_bytes=max_bytes, threads=threads
        )
        moved = self._moved(device)

        def inputs(part: tuple[slice, dict[str, Tensor]]) -> tuple[slice, dict[str, Tensor]]:
            return part[0], moved._inputs(part[1], part[0])

        # In contrast to a generator, `map` does not keep a strip while the next one is unpacked.
        return map(inputs, made)

    def pin_memory(self) -> PlacedImages:
        """Return the batch with tensors in page-locked memory."""
        return self._with(lambda one: one.pin_memory())

    def _moved(self, device: Device) -> PlacedImages:
        """Return the batch with matrices and tensors on a device."""
        return self._with(lambda one: one.to(device, non_blocking=True))

    def _with(self, change: Callable[[Tensor], Tensor]) -> PlacedImages:
        matrices = {name: bands.changed(change) for name, bands in self.matrices.items()}
        tensors = {name: change(values) for name, values in self.tensors.items()}
        return replace(self, matrices=matrices, tensors=tensors)

    def _inputs(self, dense: dict[str, Tensor], strip: slice) -> dict[str, Tensor]:
        """Return the inputs of a strip, whose matrices are on its device."""
        is_transposed = self.is_transposed[strip]
        planes = dense if not is_transposed.any() else self._turned(dense, is_transposed, strip)
        inputs = {**planes, **{name: values[strip] for name, values in self.tensors.items()}}
        for name, (rows, columns) in AXIS_INPUTS.items():
            high, wide = (8 * side for side in inputs[name].shape[2:4])
            inputs[rows] = self.matrices[rows].dense(high, strip)
            inputs[columns] = self.matrices[columns].dense(wide, strip).transpose(1, 2)
        return inputs

    def _turned(
        self, dense: dict[str, Tensor], is_transposed: NDArray[np.bool_], strip: slice
    ) -> dict[str, Tensor]:
        """Transpose the planes and quantization tables of some images of a strip."""
        device = dense[QUANTIZATION].device
        turned, others = (
            torch.from_numpy(np.flatnonzero(which)).to(device)
            for which in (is_transposed, ~is_transposed)
        )
        made = {}
        for name in AXIS_INPUTS:
            own = self.packed.extents[name][strip]
            (high, wide), (across, down) = (
                own[which].max(axis=0, initial=0).tolist()
                for which in (~is_transposed, is_transposed)
            )
            plane = dense[name]
            shape = (*plane.shape[:2], max(high, down), max(wide, across), 8, 8)
            made[name] = plane.new_zeros(shape)
            made[name][others, :, :high, :wide] = plane[others, :, :high, :wide]
            made[name][turned, :, :down, :across] = _swapped(plane[turned, :, :across, :down])
        # PyTorch has few operators for uint16.
        tables = dense[QUANTIZATION].view(torch.int16).clone()
        tables[turned] = tables[turned].transpose(2, 3)
        return {**made, QUANTIZATION: tables.view(torch.uint16)}


def _swapped(plane: Tensor) -> Tensor:
    """Exchange rows and columns of [N, components, block rows, block columns, 8, 8]."""
    return plane.transpose(2, 3).transpose(4, 5)
