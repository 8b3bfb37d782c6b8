"""Modules between the spatial and the JPEG domain, and truncation."""

from __future__ import annotations

from torch import Tensor, nn

from jpegcompile.dct.frequencies import ALL
from jpegcompile.learning.modules.domain import Domain, check_frequencies
from jpegcompile.learning.transforms import (
    block_dct,
    inverse_block_dct,
    keep_band,
    low_frequencies,
)


class ToJpeg(nn.Module):
    """Transforms pixels [N, C, H, W] to the JPEG domain."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the block DCT, of the same shape."""
        return block_dct(pixels)


class ToSpatial(nn.Module):
    """Transforms maps [N, C, H, W] in the JPEG domain to pixels."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return the pixels, of the same shape."""
        return inverse_block_dct(maps)


class Truncate(nn.Module):
    """Keeps the low frequencies of maps.

    Attributes:
        frequencies: number of kept frequencies of an 8x8 tile, 1 to 15.
        domain: domain of the maps and of the result.
    """

    def __init__(self, frequencies: int = ALL, domain: Domain = "jpeg") -> None:
        """Create a truncation.

        Raises:
            UsageError: if there is no such number of frequencies.
        """
        super().__init__()
        self.frequencies, self.domain = check_frequencies(frequencies), domain

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps [N, C, H, W] without high frequencies."""
        if self.domain == "spatial":
            return low_frequencies(maps, self.frequencies)
        return keep_band(maps, self.frequencies)

    def extra_repr(self) -> str:
        """Return the arguments for `repr`."""
        return f"frequencies={self.frequencies}, domain={self.domain!r}"
