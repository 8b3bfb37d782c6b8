"""Batch, group and instance normalization in the JPEG domain.

By the DCT mean-variance theorem (Ehrlich and Davis, ICCV 2019, section 4.3) the mean of pixels is
the mean of the DC coefficients over the block size. After the mean is subtracted, the variance is
the mean of all squared coefficients, since the DCT is orthonormal. The mean is subtracted first,
because E[x^2] - E[x]^2 cancels in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _NormBase

from jpegcompile.learning.maps import widened
from jpegcompile.learning.modules.batch_statistics import Normalized, normalize, on_channels
from jpegcompile.learning.transforms import block_of, on_dc, ones_map


class JpegBatchNorm2d(_NormBase):
    """Batch normalization of maps in the JPEG domain, the twin of `torch.nn.BatchNorm2d`.

    Parameters, running statistics and their names are those of the twin. The class does not derive
    from `torch.nn.BatchNorm2d`, because `SyncBatchNorm.convert_sync_batchnorm` would replace it by
    a module for pixels; `JpegSyncBatchNorm2d` is the module for several processes.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return normalized maps [N, C, H, W], with statistics of the batch while training.

        Half precision is normalized as float32.

        Raises:
            ValueError: if the maps do not have four dimensions, or training maps have one value for
                each channel, as for the twin.
        """
        self._check_input_dim(input)
        if not self.training and self.running_mean is not None and self.running_var is not None:
            return scaled(
                input, self.running_mean, self.running_var, self.weight, self.bias, self.eps
            )
        self._check_count(input)
        made = self._normalized(input)
        if self.training and self.track_running_stats:
            self._update(made)
        return made.maps

    def _check_input_dim(self, input: Tensor) -> None:
        nn.BatchNorm2d._check_input_dim(self, input)  # type: ignore[arg-type]

    def _check_count(self, maps: Tensor) -> None:
        functional._verify_batch_size(maps.size())  # type: ignore[attr-defined]

    def _normalized(self, maps: Tensor) -> Normalized:
        """Return maps that are normalized by the statistics of the batch."""
        return normalize(maps, self.weight, self.bias, self.eps)

    @torch.no_grad()
    def _update(self, made: Normalized) -> None:
        """Update the running statistics."""
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked.add_(1)
        momentum: Any = self.momentum
        if momentum is None:
            # A tensor, which `torch.compile` does not have to read.
            momentum = self.num_batches_tracked.to(self.running_mean.dtype).reciprocal()
        update_statistics(made, self.running_mean, self.running_var, momentum)


class JpegGroupNorm(nn.GroupNorm):
    """Group normalization of maps in the JPEG domain, the twin of `torch.nn.GroupNorm`."""

    def forward(self, input: Tensor) -> Tensor:
        """Return normalized maps [N, C, H, W]; half precision is normalized as float32.

        Raises:
            ValueError: if the maps do not have four dimensions.
        """
        nn.BatchNorm2d._check_input_dim(self, input)  # type: ignore[arg-type]
        return by_groups(input, self.num_groups, self.weight, self.bias, self.eps)[0]


class JpegInstanceNorm2d(nn.InstanceNorm2d):
    """Instance normalization in the JPEG domain, the twin of `torch.nn.InstanceNorm2d`."""

    def _apply_instance_norm(self, input: Tensor) -> Tensor:
        mean, variance = self.running_mean, self.running_var
        if not self.training and mean is not None and variance is not None:
            return scaled(input, mean, variance, self.weight, self.bias, self.eps)
        functional._verify_spatial_size(input.size())  # type: ignore[attr-defined]
        groups = input.shape[1]
        made, means, variances = by_groups(input, groups, self.weight, self.bias, self.eps)
        if mean is not None and variance is not None:
            values = input.shape[2] * input.shape[3]
            share: float = self.momentum or 0.0
            with torch.no_grad():
                mean.lerp_(means.mean(0).to(mean.dtype), share)
                unbiased = variances.mean(0) * (values / (values - 1))
                variance.lerp_(unbiased.to(variance.dtype), share)
        return made


@torch.no_grad()
def update_statistics(
    made: Normalized, mean: Tensor, variance: Tensor, momentum: float | Tensor
) -> None:
    """Update running statistics [C] in place, with the unbiased variance as PyTorch does."""
    unbiased = made.variance * (made.values / (made.values - 1))
    share: Any = momentum
    mean.lerp_(made.mean.to(mean.dtype), share)
    variance.lerp_(unbiased.to(variance.dtype), share)


def scaled(
    maps: Tensor,
    mean: Tensor,
    variance: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    """Return maps [N, C, H, W] that are normalized by given statistics [C]."""
    wide = widened(maps)
    factor = torch.rsqrt(variance + eps)
    if weight is not None:
        factor = factor * weight
    shift = -mean * factor
    if bias is not None:
        shift = shift + bias
    factor, shift = (on_channels(part, wide) for part in (factor, shift))
    return torch.addcmul(shift * ones_map(wide, block_of(wide)), wide, factor).to(maps.dtype)


def by_groups(
    given: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return normalized maps, and the means and biased variances [N, G] of groups of channels."""
    maps = widened(given)
    block, (batch, channels) = block_of(maps), maps.shape[:2]
    dc = maps[..., ::block, ::block].mean((2, 3)) / block
    each = channels // groups
    mean = dc.view(batch, groups, each).mean(2)
    centered = on_dc(maps, -mean.repeat_interleave(each, 1).view(batch, channels, 1, 1))
    variance = centered.square().mean((2, 3)).view(batch, groups, each).mean(2)
    factor = torch.rsqrt(variance + eps).repeat_interleave(each, 1)
    if weight is not None:
        factor = factor * weight
    made = centered * factor.to(maps.dtype).view(batch, channels, 1, 1)
    if bias is not None:
        made = on_dc(made, on_channels(bias, maps))
    return made.to(given.dtype), mean, variance
