"""Convolution in the JPEG domain.

    y = DCT(conv(inverse DCT(x)))

A 1x1 convolution without stride and padding commutes with the DCT: it mixes channels of
coefficients, and its bias goes to DC (Ehrlich and Davis, ICCV 2019, section 4.1).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.learning.transforms import block_dct, inverse_block_dct, on_dc


class JpegConv2d(nn.Conv2d):
    """Convolution of maps in the JPEG domain, the twin of `torch.nn.Conv2d`.

    `weight` is the ordinary spatial kernel.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return maps [N, O, P, Q] of maps [N, C, H, W], both in the JPEG domain."""
        if not self.is_pointwise:
            return block_dct(super().forward(inverse_block_dct(input)))
        mixed = functional.conv2d(input, self.weight, None, groups=self.groups)
        if self.bias is None:
            return mixed
        return on_dc(mixed, self.bias.to(mixed.dtype).view(-1, 1, 1))

    @property
    def is_pointwise(self) -> bool:
        """Whether the convolution reads one coefficient of each channel."""
        is_padded = self.padding not in ("valid", "same", (0, 0))
        return self.kernel_size == (1, 1) and self.stride == (1, 1) and not is_padded
