"""Convert between maps in the layouts of kernels and tensors of the graph."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.dct.frequencies import band, full
from jpegcompile.gpu.layout import MapLayout


def pixels(
    channels: int, height: int, width: int, *, block: int = 1, kept: int = 0, thin: int = 0
) -> MapLayout:
    """Return the layout of a map that is stored as pixels [N, H, W, C].

    Args:
        channels: channels of the map; padded to a multiple of 16 in memory.
        height: height in pixels.
        width: width in pixels.
        block: block size of the map in the JPEG domain.
        kept: number of kept frequencies; 0 for all.
        thin: number of channels in memory, if they are not padded to 16.
    """
    return MapLayout(channels, height, width, block, kept or full(block), False, thin)


def rows(channels: int, height: int, width: int, *, block: int, kept: int = 0) -> MapLayout:
    """Return the layout of a map that is stored as kept coefficients [N, tiles, K, C].

    Args:
        channels: number of channels.
        height: height in pixels.
        width: width in pixels.
        block: block size of the map in the JPEG domain.
        kept: number of kept frequencies; 0 for all.
    """
    return MapLayout(channels, height, width, block, kept or full(block), True)


@cache
def _axis(block: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(dct_matrix(block), dtype=dtype, device=device)


def _tiles(values: Tensor, block: int) -> Tensor:
    """Split [N, C, H, W] into tiles [N, C, rows, columns, b, b]."""
    images, channels, height, width = values.shape
    split = values.reshape(images, channels, height // block, block, width // block, block)
    return split.transpose(3, 4)


def _raster(tiles: Tensor) -> Tensor:
    images, channels, down, across, block, _ = tiles.shape
    return tiles.transpose(3, 4).reshape(images, channels, down * block, across * block)


def to_jpeg(values: Tensor, block: int) -> Tensor:
    """Transform pixels [N, C, H, W] to coefficients [N, C, H, W], tile by tile."""
    axis = _axis(block, values.dtype, values.device)
    return _raster(axis @ _tiles(values, block) @ axis.T)


def to_spatial(values: Tensor, block: int) -> Tensor:
    """Transform coefficients [N, C, H, W] to pixels [N, C, H, W], tile by tile."""
    axis = _axis(block, values.dtype, values.device)
    return _raster(axis.T @ _tiles(values, block) @ axis)


@cache
def _band(block: int, kept: int, device: torch.device) -> Tensor:
    """Mask of the kept coefficients of a tile, bool [b, b]."""
    return torch.from_numpy(band(block, kept).copy()).to(device)


@cache
def _places(block: int, kept: int, device: torch.device) -> Tensor:
    """Indices of the kept coefficients [K]. Indexing by a mask would synchronize with the GPU."""
    return torch.from_numpy(np.flatnonzero(band(block, kept))).to(device)


def to_graph(values: Tensor, layout: MapLayout, *, coefficients: bool = False) -> Tensor:
    """Convert a stored map to a tensor of the graph.

    Args:
        values: the stored map [N, *layout.shape].
        layout: layout of `values`.
        coefficients: whether to return coefficients instead of pixels.

    Returns:
        float32 [N, C, H, W].
    """
    values = values[..., : layout.channels].float()
    if not layout.is_rows:
        result = values.permute(0, 3, 1, 2)
        return to_jpeg(result, layout.block) if coefficients else result
    down, across = layout.tiles
    places = _places(layout.block, layout.frequencies, values.device)
    in_tiles = values.permute(0, 3, 1, 2).reshape(len(values), -1, down, across, layout.kept)
    tiles = values.new_zeros((*in_tiles.shape[:4], layout.block**2))
    tiles[..., places] = in_tiles
    raster = _raster(tiles.reshape(*in_tiles.shape[:4], layout.block, layout.block))
    return raster if coefficients else to_spatial(raster, layout.block)


def from_graph(
    values: Tensor, layout: MapLayout, dtype: torch.dtype, *, coefficients: bool = False
) -> Tensor:
    """Convert a tensor of the graph to a stored map.

    Args:
        values: pixels, or coefficients if `coefficients` is set, [N, C, H, W].
        layout: layout of the result.
        dtype: type of the result.
        coefficients: whether `values` contains coefficients.

    Returns:
        [N, *layout.shape].
    """
    values = values.float()
    if layout.is_truncated or layout.is_rows:
        raster = values if coefficients else to_jpeg(values, layout.block)
        tiles = _tiles(raster, layout.block)
        if layout.is_rows:
            places = _places(layout.block, layout.frequencies, values.device)
            in_rows = tiles.flatten(-2)[..., places].flatten(2, 3)
            return _padded(in_rows.permute(0, 2, 3, 1), layout, dtype)
        kept = _band(layout.block, layout.frequencies, values.device)
        values = to_spatial(_raster(tiles * kept), layout.block)
    elif coefficients:
        values = to_spatial(values, layout.block)
    return _padded(values.permute(0, 2, 3, 1), layout, dtype)


def _padded(values: Tensor, layout: MapLayout, dtype: torch.dtype) -> Tensor:
    missing = layout.stored_channels - layout.channels
    return functional.pad(values, (0, missing)).to(dtype).contiguous()
