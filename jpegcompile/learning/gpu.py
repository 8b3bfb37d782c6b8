"""Tiles of maps by Triton kernels (`kernels/learning/triton.py`), without gradients."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from jpegcompile.dct.frequencies import full
from jpegcompile.gpu.matrices import TileMatrix, Transform
from jpegcompile.kernels.learning.triton import tiles
from jpegcompile.learning.maps import block_of, dense, planes_of, with_strides_of
from jpegcompile.precision import FLOAT32

_ROWS, _CHANNELS = 64, 32


def transform(maps: Tensor, step: Transform, frequencies: int) -> Tensor:
    """Transform the tiles of maps; see `jpegcompile.learning.tiles.transform`."""
    return _run(dense(maps), step, frequencies)


def relu(maps: Tensor, frequencies: int, slope: float) -> tuple[Tensor, Tensor]:
    """Apply ReLU or LeakyReLU to maps; see `jpegcompile.learning.composed.relu`."""
    given = dense(maps)
    mask = torch.empty_like(given, dtype=torch.bool)
    return _run(given, "inverse", frequencies, mask, slope, writes=True), mask


def masked(maps: Tensor, mask: Tensor, slope: float) -> Tensor:
    """Multiply the pixels of maps in the JPEG domain by `slope` where the mask is set."""
    given = dense(maps)
    return _run(given, "inverse", full(block_of(maps)), with_strides_of(given, mask), slope)


def _run(
    maps: Tensor,
    first: Transform,
    frequencies: int,
    mask: Tensor | None = None,
    slope: float = 0.0,
    *,
    writes: bool = False,
) -> Tensor:
    """Run the kernel on dense maps: a transform by `first`, or a masked one if there is a mask."""
    made = torch.empty_like(maps)
    if maps.numel() == 0:
        return made
    height, width = maps.shape[-2:]
    block, everything = block_of(maps), full(block_of(maps))
    batch, channels = planes_of(maps)
    strides = maps.stride() if maps.dim() == 4 else (0, height * width, width, 1)
    rows = batch * height * width
    kept = frequencies if mask is None else everything
    # Triton launches kernels on the current GPU.
    with torch.cuda.device_of(maps):  # type: ignore[no-untyped-call]
        tiles[(-(-rows // _ROWS), -(-channels // _CHANNELS))](
            maps,
            maps if mask is None else mask.view(torch.int8),
            made,
            _matrix(first, block, kept, maps.device),
            _matrix(first, block, frequencies, maps.device),
            _matrix("forward", block, everything, maps.device),
            rows,
            channels,
            int(math.log2(block)),
            height // block,
            width // block,
            *strides,
            slope,
            WRITES=writes,
            READS=mask is not None and not writes,
            APPROXIMATE=frequencies < kept,
            BM=_ROWS,
            BN=_CHANNELS,
            PRECISION=FLOAT32.product,
        )
    return made


@cache
def _matrix(transform: Transform, block: int, frequencies: int, device: torch.device) -> Tensor:
    """Return a matrix [64, 64] on a device; copying it would wait for the device."""
    values = TileMatrix(transform, block, frequencies).values()
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=torch.float32, device=device)
