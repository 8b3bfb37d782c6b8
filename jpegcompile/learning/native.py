"""Tiles of maps by C++ on processors (`kernels/learning/tiles.h`), without gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from jpegcompile import _core
from jpegcompile.learning.composed import HALVES, block_of
from jpegcompile.learning.threads import torch_team

_TYPES = (torch.float32, *HALVES)


def can_run(maps: Tensor) -> bool:
    """Return whether the kernels have the device and the type of maps."""
    return maps.device.type == "cpu" and maps.dtype in _TYPES


def transform(maps: Tensor, step: str, frequencies: int) -> Tensor:
    """Transform the tiles of maps; see `jpegcompile.learning.tiles.transform`."""
    return _run(step, maps, None, frequencies, 0.0)


def relu(maps: Tensor, frequencies: int, slope: float) -> tuple[Tensor, Tensor]:
    """Apply ReLU or LeakyReLU to maps; see `jpegcompile.learning.composed.relu`."""
    dense = _dense(maps)
    mask = torch.empty_like(dense, dtype=torch.bool)
    return _run("relu", dense, mask, frequencies, slope), mask


def masked(maps: Tensor, mask: Tensor, slope: float) -> Tensor:
    """Multiply the pixels of maps in the JPEG domain by `slope` where the mask is set."""
    return _run("masked", maps, mask, 2 * block_of(maps) - 1, slope)


def _run(step: str, maps: Tensor, mask: Tensor | None, frequencies: int, slope: float) -> Tensor:
    dense = _dense(maps).float()
    made = torch.empty_like(dense)
    if mask is not None and mask.stride() != dense.stride():
        mask = torch.empty_like(dense, dtype=torch.bool).copy_(mask)
    height, width = maps.shape[-2:]
    batch, channels = maps.shape[:2] if maps.dim() == 4 else (1, maps[..., 0, 0].numel())
    _core.run_tiles(
        step,  # type: ignore[arg-type]
        dense.data_ptr(),
        made.data_ptr(),
        0 if mask is None else mask.data_ptr(),
        (batch, channels, height, width),
        not dense.is_contiguous(),
        block_of(maps),
        frequencies,
        slope,
        torch.get_num_threads(),
        torch_team(),
    )
    return made.to(maps.dtype)


def _dense(maps: Tensor) -> Tensor:
    """Return maps whose elements fill their memory, with channels last if they are now."""
    if maps.dim() == 4 and maps.shape[1] > 1 and maps.stride(1) == 1:
        return maps.contiguous(memory_format=torch.channels_last)
    return maps.contiguous()
