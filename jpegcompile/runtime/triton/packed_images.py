"""Unpack batches of images of any size on a GPU, in strips of images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.interface import QUANTIZATION
from jpegcompile.jpeg.packed import GROUP
from jpegcompile.jpeg.packed_images import PLANES, PackedImages
from jpegcompile.runtime.triton.packed import copied, unpacked_blocks

_ARRAYS = ("stream", "lengths", "offsets", "extents")


def unpacked_strips_on(
    packed: PackedImages, device: torch.device, strips: Iterator[slice]
) -> Iterator[tuple[slice, dict[str, Tensor]]]:
    """Copy a packed batch to a device once, and unpack its strips there.

    Args:
        packed: batch on the host.
        device: a GPU, or the CPU if Triton interprets kernels.
        strips: consecutive images of each strip.
    """
    arrays: list[NDArray[Any]] = [packed.quantization]
    for name, plane in packed.planes.items():
        arrays += [plane.stream, plane.lengths, plane.offsets, packed.extents[name]]
    quantization, *parts = copied(arrays, device)
    there = {
        name: dict(zip(_ARRAYS, parts[4 * index : 4 * index + 4], strict=True))
        for index, name in enumerate(packed.planes)
    }
    # No variable keeps a strip in memory while the next one is unpacked.
    for strip in strips:
        yield (
            strip,
            {
                **{name: _strip(packed, name, there[name], strip) for name in PLANES},
                QUANTIZATION: quantization[strip],
            },
        )


def _strip(packed: PackedImages, name: str, arrays: dict[str, Tensor], strip: slice) -> Tensor:
    first, last = (packed.blocks_before(name, image) for image in (strip.start, strip.stop))
    shape = packed.shape(name, strip)
    device = arrays["stream"].device
    if first == last:
        return torch.zeros(shape, dtype=torch.int16, device=device)
    # Programs unpack whole groups, which begin before the strip.
    start = first // GROUP * GROUP
    groups = slice(first // GROUP, -(-last // GROUP))
    blocks = unpacked_blocks(
        last - start,
        arrays["stream"],
        arrays["lengths"][GROUP * groups.start : GROUP * groups.stop],
        arrays["offsets"][groups],
    )[first - start :]
    sizes = packed.extents[name][strip]
    if (sizes == sizes[0]).all():
        return blocks.view(shape)
    return _padded(blocks, arrays["extents"][strip], shape)


def _padded(blocks: Tensor, extents: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Put the blocks of planes of several sizes into their places.

    Args:
        blocks: int16 [blocks, 64].
        extents: block rows and columns of each image, int64 [N, 2].
        shape: shape of the result, [N, planes, rows, columns, 8, 8].
    """
    _, planes, rows, columns = shape[:4]
    own = extents.repeat_interleave(planes, dim=0)
    counts = own.prod(dim=1)
    number = torch.arange(len(own), device=blocks.device)
    plane = number.repeat_interleave(counts, output_size=len(blocks))
    starts = counts.cumsum(0) - counts
    within = torch.arange(len(blocks), device=blocks.device) - starts[plane]
    width = own[plane, 1]
    place = (plane * rows + within // width) * columns + within % width
    made = blocks.new_zeros((len(own) * rows * columns, 64))
    made.index_copy_(0, place, blocks)
    return made.view(shape)
