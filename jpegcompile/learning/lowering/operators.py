"""Modules of lowered graphs that have no counterpart in `torch.nn`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.learning.transforms import block_dct, block_of, inverse_block_dct, on_dc


class OnDc(nn.Module):
    """Adds one value to all pixels of a channel, on its DC coefficients."""

    def forward(self, maps: Tensor, values: Any) -> Tensor:
        """Return the sum of maps [N, C, H, W] and values, a number or [N, C, 1, 1]."""
        if not isinstance(values, Tensor):
            values = torch.full((1, 1), values, dtype=maps.dtype, device=maps.device)
        return on_dc(maps, values)


class MeanOfDc(nn.Module):
    """Computes the mean of the pixels of each channel from the DC coefficients."""

    def __init__(self, keepdim: bool) -> None:
        """Create the mean."""
        super().__init__()
        self.keepdim = keepdim

    def forward(self, maps: Tensor) -> Tensor:
        """Return the means [N, C] of maps [N, C, H, W], or [N, C, 1, 1] with `keepdim`."""
        block = block_of(maps)
        dc = maps[..., ::block, ::block]
        return dc.mean((-2, -1), keepdim=self.keepdim) / block


class ConvolutionOf(nn.Module):
    """Convolves by a weight that the graph computes."""

    def __init__(self, **arguments: Any) -> None:
        """Create the convolution; arguments as for `torch.nn.functional.conv2d`."""
        super().__init__()
        self.arguments = arguments

    def forward(self, maps: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return maps [N, O, P, Q] of maps [N, C, H, W]."""
        pixels = inverse_block_dct(maps)
        return block_dct(functional.conv2d(pixels, weight, bias, **self.arguments))


class JpegDropout(nn.Dropout):
    """Dropout of pixels; at evaluation it returns the coefficients."""

    def forward(self, input: Tensor) -> Tensor:
        """Return maps [N, C, H, W] without some pixels."""
        if not self.training or self.p == 0:
            return input
        return block_dct(functional.dropout(inverse_block_dct(input), self.p, True))
