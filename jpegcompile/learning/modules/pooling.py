"""Pooling in the JPEG domain.

Average pooling is linear and exact. Max pooling by ASM takes the position of the maximum from few
frequencies, and the value from the exact pixels; the position is a constant of the gradient.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.learning.maps import is_channels_last
from jpegcompile.learning.modules.domain import (
    Domain,
    check_frequencies,
    maps_of,
    pixels_of,
    rough_pixels,
)
from jpegcompile.learning.transforms import block_dct, block_of, inverse_block_dct
from jpegcompile.messages import Message


class JpegMaxPool2d(nn.MaxPool2d):
    """Max pooling in the JPEG domain, the twin of `torch.nn.MaxPool2d`.

    Attributes:
        frequencies: number of frequencies of an 8x8 tile that choose the position; 15 is exact.
        domain: domain of the maps and of the result.
    """

    def __init__(
        self, *args: Any, frequencies: int = ALL, domain: Domain = "jpeg", **kwargs: Any
    ) -> None:
        """Create the pool; other arguments as for `torch.nn.MaxPool2d`.

        Raises:
            UsageError: if there is no such number of frequencies, or indices are to be returned.
        """
        super().__init__(*args, **kwargs)
        if self.return_indices:
            raise UsageError(
                Message(
                    "learning-pool-indices",
                    "a max pool in the JPEG domain returns no indices; leave return_indices out",
                )
            )
        self.frequencies, self.domain = check_frequencies(frequencies), domain

    def forward(self, input: Tensor) -> Tensor:
        """Return maps [N, C, P, Q] of maps [N, C, H, W]."""
        pixels = self._padded(pixels_of(input, self.domain))
        rough = rough_pixels(input.detach(), self.domain, self.frequencies)
        window = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        if rough is None:
            return maps_of(functional.max_pool2d(pixels, *window), self.domain)
        _, places = functional.max_pool2d(self._padded(rough), *window, return_indices=True)
        return maps_of(_values_at(pixels, places), self.domain)

    def _padded(self, pixels: Tensor) -> Tensor:
        """Return pixels with the padding that the pool itself does not have."""
        return pixels

    def extra_repr(self) -> str:
        """Return the arguments for `repr`."""
        return f"{super().extra_repr()}, frequencies={self.frequencies}, domain={self.domain!r}"


def _values_at(pixels: Tensor, places: Tensor) -> Tensor:
    """Return the pixels [..., H, W] at places [..., P, Q] of the flattened map, in its format."""
    if is_channels_last(pixels):
        last, at = (tensor.permute(0, 2, 3, 1) for tensor in (pixels, places))
        return last.flatten(1, 2).gather(1, at.flatten(1, 2)).view(at.shape).permute(0, 3, 1, 2)
    return pixels.flatten(-2).gather(-1, places.flatten(-2)).view(places.shape)


class JpegAvgPool2d(nn.AvgPool2d):
    """Average pooling in the JPEG domain, the twin of `torch.nn.AvgPool2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """Return maps [N, C, P, Q] of maps [N, C, H, W]."""
        return block_dct(super().forward(inverse_block_dct(input)))


class JpegAdaptiveAvgPool2d(nn.AdaptiveAvgPool2d):
    """Adaptive average pooling in the JPEG domain, the twin of `torch.nn.AdaptiveAvgPool2d`.

    The global pool is the mean of the DC coefficients over the block size.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return maps [N, C, P, Q] of maps [N, C, H, W]."""
        if self.output_size in (1, (1, 1), [1, 1]):
            block = block_of(input)
            return input[..., ::block, ::block].mean((-2, -1), keepdim=True) / block
        return block_dct(super().forward(inverse_block_dct(input)))
