"""Batch normalization in the JPEG domain with the statistics of all processes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn

from jpegcompile.learning.maps import widened
from jpegcompile.learning.modules.batch_statistics import Normalized, affine, on_channels
from jpegcompile.learning.modules.normalization import JpegBatchNorm2d
from jpegcompile.learning.tiles import applied
from jpegcompile.learning.transforms import block_of, on_dc


class JpegSyncBatchNorm2d(JpegBatchNorm2d):
    """The twin of `torch.nn.SyncBatchNorm` for maps in the JPEG domain, on any device.

    Processes may have batches of different sizes. Without `torch.distributed` the module is
    `JpegBatchNorm2d`.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Create the module; the arguments are those of `torch.nn.SyncBatchNorm`."""
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)
        self.process_group = process_group

    @classmethod
    def convert_sync_batchnorm(cls, module: nn.Module, process_group: Any = None) -> nn.Module:
        """Return a module whose `JpegBatchNorm2d` are replaced; its tensors stay the same.

        A module with several names stays one module.
        """
        if type(module) is JpegBatchNorm2d:
            return cls._of(module, process_group)
        made: dict[nn.Module, nn.Module] = {}
        for parent in list(module.modules()):
            for name, child in parent._modules.items():
                if child is not None and type(child) is JpegBatchNorm2d:
                    if child not in made:
                        made[child] = cls._of(child, process_group)
                    parent._modules[name] = made[child]
        return module

    @classmethod
    def _of(cls, module: JpegBatchNorm2d, process_group: Any) -> JpegSyncBatchNorm2d:
        """Return the module that replaces another one, with its tensors and its mode."""
        made = cls(
            module.num_features,
            module.eps,
            module.momentum,
            module.affine,
            module.track_running_stats,
            process_group,
        )
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            setattr(made, name, getattr(module, name))
        return made.train(module.training)

    def _check_count(self, maps: Tensor) -> None:
        if not self._is_shared:
            super()._check_count(maps)

    @property
    def _is_shared(self) -> bool:
        return (
            self.training
            and distributed.is_available()
            and distributed.is_initialized()
            and distributed.get_world_size(self.process_group) > 1
        )

    def _normalized(self, maps: Tensor) -> Normalized:
        if not self._is_shared:
            return super()._normalized(maps)
        wide = widened(maps)
        block = block_of(wide)
        counts = wide.new_full((1,), wide.numel() // wide.shape[1])
        # The sum of pixels is the sum of the DCs times the block size.
        sums = block * wide[..., ::block, ::block].sum((0, 2, 3))
        together = self._sum(torch.cat([sums, counts]))
        count = together[-1]
        mean = together[:-1] / count
        centered = on_dc(wide, -on_channels(mean, wide))
        variance = self._sum(centered.square().sum((0, 2, 3))) / count
        made = affine(centered, variance, self.weight, self.bias, self.eps)
        return Normalized(made.to(maps.dtype), mean, variance, count)

    def _sum(self, values: Tensor) -> Tensor:
        summed: Tensor = applied(_Sum, values, self.process_group)
        return summed


class _Sum(torch.autograd.Function):
    """The sum over processes. Every process needs the gradients of all others."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, group: Any) -> Tensor:
        ctx.group = group
        summed = values.detach().clone()
        distributed.all_reduce(summed, group=group)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return applied(_Sum, gradient, ctx.group), None
