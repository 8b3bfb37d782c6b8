"""Batch and group normalization in the JPEG domain.

By the DCT mean-variance theorem (Ehrlich and Davis, ICCV 2019, section 4.3) the mean of pixels is
the mean of the DC coefficients over the block size. After the mean is subtracted, the variance is
the mean of all squared coefficients, since the DCT is orthonormal. The mean is subtracted first,
because E[x^2] - E[x]^2 cancels in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from jpegcompile.learning.transforms import block_of, on_dc


class JpegBatchNorm2d(_NormBase):
    """Batch normalization of maps in the JPEG domain, the twin of `torch.nn.BatchNorm2d`.

    Parameters, running statistics and their names are those of the twin. The class does not derive
    from `torch.nn.BatchNorm2d`, because `SyncBatchNorm.convert_sync_batchnorm` would replace it by
    a module for pixels.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return normalized maps [N, C, H, W], with statistics of the batch while training.

        Raises:
            ValueError: if the maps do not have four dimensions, or training maps have one value for
                each channel.
        """
        if input.dim() != 4:
            raise ValueError(f"expected 4D input (got {input.dim()}D input)")
        maps = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        if self.training or self.running_mean is None or self.running_var is None:
            mean, centered, variance = _statistics(maps)
            if self.training and self.track_running_stats:
                self._update(mean, variance, maps.numel() // maps.shape[1])
        else:
            mean, variance = self.running_mean, self.running_var
            centered = on_dc(maps, -mean.to(maps.dtype).view(-1, 1, 1))
        factor = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            factor = factor * self.weight
        made = centered * factor.to(maps.dtype).view(-1, 1, 1)
        if self.bias is not None:
            made = on_dc(made, self.bias.to(maps.dtype).view(-1, 1, 1))
        return made.to(input.dtype)

    @torch.no_grad()
    def _update(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics, with the unbiased variance as `torch.nn.BatchNorm2d`."""
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:
            share = 1.0 / float(self.num_batches_tracked)
        unbiased = variance * (count / (count - 1))
        self.running_mean.lerp_(mean.detach().to(self.running_mean.dtype), share)
        self.running_var.lerp_(unbiased.detach().to(self.running_var.dtype), share)


def _statistics(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean [C], maps without it, and biased variance [C] of the pixels of maps."""
    if maps.numel() // maps.shape[1] < 2:
        raise ValueError(
            f"expected more than 1 value per channel when training, got input size {maps.shape}"
        )
    block = block_of(maps)
    mean = maps[..., ::block, ::block].mean((0, 2, 3)) / block
    centered = on_dc(maps, -mean.view(-1, 1, 1))
    return mean, centered, centered.square().mean((0, 2, 3))


class JpegGroupNorm(nn.GroupNorm):
    """Group normalization of maps in the JPEG domain, the twin of `torch.nn.GroupNorm`."""

    def forward(self, input: Tensor) -> Tensor:
        """Return normalized maps [N, C, H, W]."""
        maps = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        block, (batch, channels) = block_of(maps), maps.shape[:2]
        dc = maps[..., ::block, ::block].mean((2, 3)) / block
        mean = dc.view(batch, self.num_groups, -1).mean(2)
        each = channels // self.num_groups
        centered = on_dc(maps, -mean.repeat_interleave(each, 1).view(batch, channels, 1, 1))
        squares = centered.square().mean((2, 3)).view(batch, self.num_groups, each).mean(2)
        factor = torch.rsqrt(squares + self.eps).repeat_interleave(each, 1)
        if self.weight is not None:
            factor = factor * self.weight
        made = centered * factor.to(maps.dtype).view(batch, channels, 1, 1)
        if self.bias is not None:
            made = on_dc(made, self.bias.to(maps.dtype).view(-1, 1, 1))
        return made.to(input.dtype)
