"""Send packed batches to a device: one copy, then a kernel that unpacks each plane."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.interface import QUANTIZATION
from jpegcompile.jpeg.packed import PackedBatch
from jpegcompile.kernels.unpack.launch import Unpack
from jpegcompile.runtime.triton.launching import inputs_of, launch_op, launch_text

# Alignment in bytes that kernels may assume for pointers.
_ALIGNMENT = 16


def unpacked_on(batch: PackedBatch, device: torch.device) -> dict[str, Tensor]:
    """Copy a packed batch to a device and unpack it there.

    Args:
        batch: packed batch on the host.
        device: a GPU, or the CPU if Triton interprets kernels.

    Returns:
        The result of `PackedBatch.unpack` as tensors on the device.
    """
    arrays: list[NDArray[Any]] = [batch.quantization]
    for plane in batch.planes.values():
        arrays += [plane.stream, plane.lengths, plane.offsets]
    quantization, *parts = copied(arrays, device)
    inputs = {}
    for index, (name, plane) in enumerate(batch.planes.items()):
        values = unpacked_blocks(plane.blocks, *parts[3 * index : 3 * index + 3])
        inputs[name] = values.view(plane.shape)
    return {**inputs, QUANTIZATION: quantization}


def copied(arrays: list[NDArray[Any]], device: torch.device) -> list[Tensor]:
    """Copy arrays to a device in one transfer, from page-locked memory if it is a GPU."""
    starts, total = [], 0
    for array in arrays:
        starts.append(total)
        total += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    host = torch.empty(total, dtype=torch.uint8, pin_memory=device.type == "cuda")
    content = host.numpy()
    for start, array in zip(starts, arrays, strict=True):
        content[start : start + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view("u1")
    there = host.to(device, non_blocking=True)
    return [
        there[start : start + array.nbytes].view(_dtype(array)).view(array.shape)
        for start, array in zip(starts, arrays, strict=True)
    ]


def _dtype(array: NDArray[Any]) -> torch.dtype:
    found: torch.dtype = getattr(torch, array.dtype.name)
    return found


def unpacked_blocks(blocks: int, stream: Tensor, lengths: Tensor, offsets: Tensor) -> Tensor:
    """Unpack a plane on a device, or whole groups of its blocks.

    Args:
        blocks: number of blocks, at least 1.
        stream: as in `PackedPlane`, on the device; the same for all groups.
        lengths: of these blocks.
        offsets: of their groups.

    Returns:
        int16 [blocks, 64].
    """
    launch = Unpack(blocks).launch()
    given = {"stream": stream, "lengths": lengths, "offsets": offsets}
    given["order"] = _order(stream.device)
    tensors = [given[name] for name in inputs_of(launch)]
    # Triton launches kernels on the current GPU.
    with torch.cuda.device_of(stream):  # type: ignore[no-untyped-call]
        values: Tensor = launch_op(tensors, launch_text(launch), [blocks, 64])
    return values


@cache
def _order(device: torch.device) -> Tensor:
    return torch.from_numpy(Unpack(1).tensors["order"].copy()).to(device)
