"""Block size, precision and memory of maps, which all computations on tiles need."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from jpegcompile.dct.blocks import BLOCK_SIZES

HALVES = (torch.float16, torch.bfloat16)


def block_of(maps: Tensor) -> int:
    """Return the block size of maps [..., H, W]: the largest of 8, 4, 2, 1 that divides H and W."""
    height, width = maps.shape[-2:]
    for block in BLOCK_SIZES:
        if height % block == 0 and width % block == 0:
            return block
    return 1


def widened(maps: Tensor) -> Tensor:
    """Return maps of half precision as float32, and other maps as they are."""
    return maps.float() if maps.dtype in HALVES else maps


def without_autocast(maps: Tensor) -> AbstractContextManager[object]:
    """Return a context in which products keep the type of their factors."""
    # The device "meta" has no autocast.
    kind = maps.device.type
    return nullcontext() if kind == "meta" else torch.autocast(kind, enabled=False)


def is_channels_last(maps: Tensor) -> bool:
    """Return whether the channels of maps [N, C, H, W] are adjacent in memory."""
    return maps.dim() == 4 and maps.shape[1] > 1 and maps.stride(1) == 1


def dense(maps: Tensor) -> Tensor:
    """Return maps whose elements fill their memory, with channels last if they are now."""
    if is_channels_last(maps):
        return maps.contiguous(memory_format=torch.channels_last)
    return maps.contiguous()


def with_strides_of(maps: Tensor, mask: Tensor) -> Tensor:
    """Return a boolean mask of dense maps with the strides of the maps."""
    if mask.stride() == maps.stride():
        return mask
    return torch.empty_like(maps, dtype=torch.bool).copy_(mask)


def planes_of(maps: Tensor) -> tuple[int, int]:
    """Return the numbers of images and channels of maps; maps [..., H, W] are one image."""
    if maps.dim() == 4:
        return maps.shape[0], maps.shape[1]
    return 1, maps.shape[:-2].numel()
