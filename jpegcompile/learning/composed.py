"""Tiles of maps by PyTorch operators: on every device, for every type, and while compiling.

Products round to float32 if the maps have half precision. Under autocast they keep their type.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jpegcompile.dct.blocks import BLOCK_SIZES, dct_matrix
from jpegcompile.dct.frequencies import band, full
from jpegcompile.learning.maps import block_of, is_channels_last, widened, without_autocast

# As nested tuples, which `torch.compile` treats as constants.
_MATRICES = {b: tuple(map(tuple, dct_matrix(b).tolist())) for b in BLOCK_SIZES}
_BANDS = {
    (b, n): tuple(map(tuple, band(b, n).astype(float).tolist()))
    for b in BLOCK_SIZES
    for n in range(1, full(b) + 1)
}


def band_of(maps: Tensor, block: int, frequencies: int) -> Tensor:
    """Return 1 in the band of every tile of maps [..., H, W] and 0 elsewhere, as [H, W]."""
    height, width = maps.shape[-2:]
    return constant(_BANDS[block, frequencies], maps).repeat(height // block, width // block)


def constant(values: tuple[tuple[float, ...], ...], maps: Tensor) -> Tensor:
    """Return a matrix of the type and on the device of maps."""
    return torch.tensor(values, dtype=maps.dtype, device=maps.device)


def transform(maps: Tensor, step: str, frequencies: int) -> Tensor:
    """Transform the tiles of maps; see `jpegcompile.learning.tiles.transform`."""
    # The matrix is not a parameter, so no operator keeps the maps for the gradient.
    block = block_of(maps)
    with without_autocast(maps):
        wide = widened(maps)
        matrix = constant(_MATRICES[block], wide)
        made = wide
        if step != "inverse":
            made = _on_tiles(made, matrix)
        if frequencies < full(block):
            made = made * band_of(made, block, frequencies)
        if step != "forward":
            made = _on_tiles(made, matrix.T)
        return made.to(maps.dtype)


def relu(maps: Tensor, frequencies: int, slope: float) -> tuple[Tensor, Tensor]:
    """Apply ReLU or LeakyReLU to maps; see `jpegcompile.learning.tiles.relu`.

    Returns:
        The maps, and a boolean tensor of their shape: where pixels are multiplied by the slope.
    """
    everything = full(block_of(maps))
    wide = widened(maps)
    pixels = transform(wide, "inverse", everything)
    is_exact = frequencies == everything
    rough = pixels if is_exact else transform(wide.detach(), "inverse", frequencies)
    mask = rough.detach() <= 0
    made = torch.where(mask, slope * pixels if slope else 0, pixels)
    return transform(made, "forward", everything).to(maps.dtype), mask


def masked(maps: Tensor, mask: Tensor, slope: float) -> Tensor:
    """Multiply the pixels of maps in the JPEG domain by `slope` where the mask is set."""
    everything = full(block_of(maps))
    pixels = transform(widened(maps), "inverse", everything)
    made = torch.where(mask, slope * pixels if slope else 0, pixels)
    return transform(made, "forward", everything).to(maps.dtype)


def _on_tiles(maps: Tensor, matrix: Tensor) -> Tensor:
    """Compute M X M^T for every tile X of maps [..., H, W], in their memory format."""
    block, (height, width) = len(matrix), maps.shape[-2:]
    if is_channels_last(maps):
        batch, channels = maps.shape[:2]
        last = maps.permute(0, 2, 3, 1)
        columns = matrix @ last.reshape(-1, block, width * channels)
        tiles = matrix @ columns.reshape(-1, block, channels)
        return tiles.reshape(batch, height, width, channels).permute(0, 3, 1, 2)
    rows = maps.reshape(-1, block) @ matrix.T
    return (matrix @ rows.reshape(-1, block, width)).reshape(maps.shape)
