"""Piecewise linear functions in the JPEG domain: exact, by ASM or by APX.

A function is y = a_k x + c_k on its piece k. ASM (Ehrlich and Davis, ICCV 2019, section 4.2) reads
the piece of each pixel from the inverse DCT of few frequencies and applies it to the exact pixel.
The piece is a constant of the gradient, so the gradient of ASM uses the same mask. APX applies the
function to the approximation. With all frequencies both are the exact function.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.dct.frequencies import ALL, resolve
from jpegcompile.learning.modules.domain import (
    Domain,
    Masking,
    check_frequencies,
    check_masking,
    maps_of,
    pixels_of,
    rough_pixels,
)
from jpegcompile.learning.tiles import relu
from jpegcompile.learning.transforms import block_of, keep_band


class _Masked(nn.Module):
    """A piecewise linear function of maps [N, C, H, W].

    Attributes:
        frequencies: number of mask frequencies of an 8x8 tile, 1 to 15; 15 is exact.
        masking: "asm" or "apx".
        domain: domain of the maps and of the result.
    """

    frequencies: int
    masking: Masking
    domain: Domain

    def set_masks(
        self, frequencies: int = ALL, masking: Masking = "asm", domain: Domain = "jpeg"
    ) -> None:
        """Set how the masks are computed.

        Raises:
            UsageError: if there is no such number of frequencies or masking.
        """
        self.frequencies = check_frequencies(frequencies)
        self.masking, self.domain = check_masking(masking), domain

    def forward(self, maps: Tensor) -> Tensor:
        """Return the function of the pixels of maps [N, C, H, W], in the domain of the maps."""
        is_asm = self.masking == "asm"
        seen = maps.detach() if is_asm else maps
        rough = rough_pixels(seen, self.domain, self.frequencies)
        if rough is None:
            pixels = self._exact(pixels_of(maps, self.domain))
        elif is_asm:
            pixels = self._piece(pixels_of(maps, self.domain), rough)
        else:
            pixels = self._exact(rough)
        return maps_of(pixels, self.domain)

    def extra_repr(self) -> str:
        """Return the arguments for `repr`."""
        own = super().extra_repr()
        masks = f"frequencies={self.frequencies}, masking={self.masking!r}, domain={self.domain!r}"
        return f"{own}, {masks}" if own else masks

    def _exact(self, pixels: Tensor) -> Tensor:
        """Return the function of pixels."""
        raise NotImplementedError

    def _piece(self, pixels: Tensor, rough: Tensor) -> Tensor:
        """Return pixels after the pieces of their approximation; NaN stays NaN."""
        raise NotImplementedError


class _Rectified(_Masked):
    """ReLU or LeakyReLU: one step from coefficients to coefficients, which keeps only the mask."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return the function of the pixels of maps [N, C, H, W], in the domain of the maps."""
        if self.domain == "spatial" or maps.dim() < 3 or block_of(maps) == 1:
            return super().forward(maps)
        frequencies = self.frequencies
        if self.masking == "apx":
            maps, frequencies = keep_band(maps, frequencies), ALL
        return relu(maps, resolve(frequencies, block_of(maps)), self._slope)

    @property
    def _slope(self) -> float:
        """Factor of pixels that are not positive."""
        return 0.0

    def _piece(self, pixels: Tensor, rough: Tensor) -> Tensor:
        slope = self._slope
        return torch.where(rough <= 0, slope * pixels if slope else 0, pixels)


class JpegReLU(_Rectified, nn.ReLU):
    """ReLU in the JPEG domain, the twin of `torch.nn.ReLU`; see `_Masked` for its arguments."""

    def __init__(self, inplace: bool = False, **masks: Any) -> None:
        """Create the function; `inplace` is accepted and has no effect."""
        nn.ReLU.__init__(self, inplace)
        self.set_masks(**masks)

    def _exact(self, pixels: Tensor) -> Tensor:
        return torch.relu(pixels)


class JpegLeakyReLU(_Rectified, nn.LeakyReLU):
    """LeakyReLU in the JPEG domain, the twin of `torch.nn.LeakyReLU`."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False, **masks: Any) -> None:
        """Create the function; `inplace` is accepted and has no effect."""
        nn.LeakyReLU.__init__(self, negative_slope, inplace)
        self.set_masks(**masks)

    @property
    def _slope(self) -> float:
        return self.negative_slope

    def _exact(self, pixels: Tensor) -> Tensor:
        return functional.leaky_relu(pixels, self.negative_slope)


class JpegPReLU(_Masked, nn.PReLU):
    """PReLU in the JPEG domain, the twin of `torch.nn.PReLU`; `weight` [1] or [C] is learned.

    As there, the second dimension has the channels, also without a batch.
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **masks: Any,
    ) -> None:
        """Create the function."""
        nn.PReLU.__init__(self, num_parameters, init, device, dtype)
        self.set_masks(**masks)

    def _exact(self, pixels: Tensor) -> Tensor:
        return functional.prelu(pixels, self.weight)

    def _piece(self, pixels: Tensor, rough: Tensor) -> Tensor:
        slope = self.weight.to(pixels.dtype).view(-1, *(1,) * (pixels.dim() - 2))
        return torch.where(rough <= 0, slope * pixels, pixels)


class JpegClip(_Masked, nn.Hardtanh):
    """Clip in the JPEG domain, the twin of `torch.nn.Hardtanh`."""

    def __init__(
        self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False, **masks: Any
    ) -> None:
        """Create the function; `inplace` is accepted and has no effect."""
        nn.Hardtanh.__init__(self, min_val, max_val, inplace)
        self.set_masks(**masks)

    def _exact(self, pixels: Tensor) -> Tensor:
        return functional.hardtanh(pixels, self.min_val, self.max_val)

    def _piece(self, pixels: Tensor, rough: Tensor) -> Tensor:
        below = torch.where(rough <= self.min_val, self.min_val, pixels)
        return torch.where(rough > self.max_val, self.max_val, below)


class JpegReLU6(JpegClip, nn.ReLU6):
    """ReLU6 in the JPEG domain, the twin of `torch.nn.ReLU6`."""

    def __init__(self, inplace: bool = False, **masks: Any) -> None:
        """Create the function; `inplace` is accepted and has no effect."""
        nn.ReLU6.__init__(self, inplace)
        self.set_masks(**masks)
