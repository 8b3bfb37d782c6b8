"""Tiles of maps by C++ on processors (`kernels/learning/tiles.h`), without gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from jpegcompile import _core
from jpegcompile.dct.frequencies import full
from jpegcompile.learning.maps import (
    HALVES,
    block_of,
    dense,
    planes_of,
    with_strides_of,
)
from jpegcompile.learning.threads import torch_team

_TYPES = (torch.float32, *HALVES)


def can_run(maps: Tensor) -> bool:
    """Return whether the kernels have the device and the type of maps."""
    return maps.device.type == "cpu" and maps.dtype in _TYPES


def transform(maps: Tensor, step: str, frequencies: int) -> Tensor:
    """Transform the tiles of maps; see `jpegcompile.learning.tiles.transform`."""
    return _run(step, dense(maps).float(), None, frequencies, 0.0).to(maps.dtype)


def relu(maps: Tensor, frequencies: int, slope: float) -> tuple[Tensor, Tensor]:
    """Apply ReLU or LeakyReLU to maps; see `jpegcompile.learning.composed.relu`."""
    wide = dense(maps).float()
    mask = torch.empty_like(wide, dtype=torch.bool)
    return _run("relu", wide, mask, frequencies, slope).to(maps.dtype), mask


def masked(maps: Tensor, mask: Tensor, slope: float) -> Tensor:
    """Multiply the pixels of maps in the JPEG domain by `slope` where the mask is set."""
    wide = dense(maps).float()
    made = _run("masked", wide, with_strides_of(wide, mask), full(block_of(maps)), slope)
    return made.to(maps.dtype)


def _run(step: str, maps: Tensor, mask: Tensor | None, frequencies: int, slope: float) -> Tensor:
    """Run a step on dense float32 maps; the mask has their strides."""
    made = torch.empty_like(maps)
    _core.run_tiles(
        step,  # type: ignore[arg-type]
        maps.data_ptr(),
        made.data_ptr(),
        0 if mask is None else mask.data_ptr(),
        (*planes_of(maps), *maps.shape[-2:]),
        not maps.is_contiguous(),
        block_of(maps),
        frequencies,
        slope,
        torch.get_num_threads(),
        torch_team(),
    )
    return made
