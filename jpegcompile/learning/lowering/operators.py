"""Modules of lowered graphs that have no counterpart in `torch.nn`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.learning.modules.batch_statistics import normalize
from jpegcompile.learning.modules.normalization import by_groups, scaled, update_statistics
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


class BatchNormOf(nn.Module):
    """Normalizes batches by statistics and weights that are operands."""

    def __init__(
        self, training: bool | None = None, momentum: float = 0.1, eps: float = 1e-5
    ) -> None:
        """Create the normalization.

        Args:
            training: whether to use the statistics of the batch; None for the mode of the module.
            momentum: share of the batch in the running statistics.
            eps: is added to the variance.
        """
        super().__init__()
        self.by_batch, self.momentum, self.eps = training, momentum, eps

    def forward(
        self,
        maps: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Return normalized maps [N, C, H, W]; the running statistics are updated.

        Raises:
            ValueError: if a channel has one value only.
        """
        by_batch = self.training if self.by_batch is None else self.by_batch
        if not by_batch and running_mean is not None and running_var is not None:
            return scaled(maps, running_mean, running_var, weight, bias, self.eps)
        functional._verify_batch_size(maps.size())  # type: ignore[attr-defined]
        made = normalize(maps, weight, bias, self.eps)
        if running_mean is not None and running_var is not None:
            update_statistics(made, running_mean, running_var, self.momentum)
        return made.maps


class GroupNormOf(nn.Module):
    """Normalizes groups of channels, by weights that are operands."""

    def __init__(self, num_groups: int, eps: float = 1e-5) -> None:
        """Create the normalization; arguments as for `torch.nn.functional.group_norm`."""
        super().__init__()
        self.num_groups, self.eps = num_groups, eps

    def forward(
        self, maps: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
    ) -> Tensor:
        """Return normalized maps [N, C, H, W]."""
        return by_groups(maps, self.num_groups, weight, bias, self.eps)[0]


class ByMode(nn.Module):
    """Calls a function that behaves in another way while training, such as dropout."""

    def __init__(self, function: Any, argument: str) -> None:
        """Create a call; `argument` is the name of the argument for the mode."""
        super().__init__()
        self.function, self.argument = function, argument

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        """Return the result of the function in the mode of the module."""
        return self.function(*arguments, **keywords, **{self.argument: self.training})

    def extra_repr(self) -> str:
        """Return the arguments for `repr`."""
        return str(self.function.__name__)


class WhileTraining(nn.Module):
    """Changes a tensor in place by a method of `torch.Tensor`, in training only."""

    # fx removes other modules whose results are not read as dead code.
    _is_impure = True

    def __init__(self, method: str) -> None:
        """Create the change; `method` is a name such as "add_"."""
        super().__init__()
        self.method = method

    def forward(self, changed: Tensor, *arguments: Any, **keywords: Any) -> None:
        """Change a tensor; arguments as for the method."""
        if self.training:
            getattr(changed, self.method)(*arguments, **keywords)

    def extra_repr(self) -> str:
        """Return the arguments for `repr`."""
        return self.method
