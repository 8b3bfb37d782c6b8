"""Layers that residual networks of the zoo have beside those of PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as functional
from torch import Tensor, nn


class PadChannels(nn.Module):
    """Shortcut of option A: every other pixel, and zeros for the channels that are new."""

    def __init__(self, channels: int, out: int, stride: int, symmetric: bool) -> None:
        super().__init__()
        spare = out - channels
        before = spare // 2 if symmetric else 0
        self.pads = (0, 0, 0, 0, before, spare - before)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[:, :, :: self.stride, :: self.stride], self.pads)


class BlurPool(nn.Module):
    """A fixed binomial filter of each channel, with stride (Zhang 2019)."""

    def __init__(self, channels: int, stride: int = 2) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("kernel", (line[:, None] * line).repeat(channels, 1, 1, 1))
        self.stride = stride

    kernel: Tensor

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.kernel
        return functional.conv2d(x, kernel, stride=self.stride, padding=1, groups=len(kernel))


class SpaceToDepth(nn.Module):
    """Tiles of pixels to channels, as TResNet's stem writes it."""

    def __init__(self, size: int = 4) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        b = self.size
        x = x.view(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4)
        return x.reshape(n, c * b * b, h // b, w // b)


class SqueezeExcite(nn.Module):
    """Channel factors from the means of the map, by 1x1 convolutions or by linear layers."""

    def __init__(self, channels: int, gate: Callable[[], nn.Module], linear: bool = False) -> None:
        super().__init__()
        hidden = max(channels // 4, 4)
        self.linear = linear
        if linear:
            self.reduce: nn.Module = nn.Linear(channels, hidden)
            self.expand: nn.Module = nn.Linear(hidden, channels)
        else:
            self.reduce = nn.Conv2d(channels, hidden, 1)
            self.expand = nn.Conv2d(hidden, channels, 1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        n, c, _, _ = x.shape
        if self.linear:
            mean = functional.adaptive_avg_pool2d(x, 1).view(n, c)
        else:
            mean = x.mean((2, 3), keepdim=True)
        factor = self.gate(self.expand(functional.relu(self.reduce(mean))))
        scaled: Tensor = x * (factor.view(n, c, 1, 1) if self.linear else factor)
        return scaled


class EfficientChannelAttention(nn.Module):
    """Channel factors from a convolution along the channels (Wang et al. 2020)."""

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__()
        del channels
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = x.mean((2, 3)).unsqueeze(1)
        y = torch.sigmoid(self.conv(y)).transpose(1, 2).unsqueeze(-1)
        return x * y.expand_as(x)


class DropPath(nn.Module):
    """Stochastic depth: whole branches are left out in training, none at inference."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return x * 1.0
        keep = torch.rand(len(x), 1, 1, 1) < 1 - self.rate
        return x * keep / (1 - self.rate)


class StandardizedConv(nn.Module):
    """A convolution by weights of mean 0 and variance 1 (Qiao et al. 2019), as BiT writes it."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor) -> Tensor:
        conv = self.convolution
        variance, mean = torch.var_mean(conv.weight, dim=(1, 2, 3), keepdim=True, unbiased=False)
        weight = (conv.weight - mean) / torch.sqrt(variance + 1e-10)
        return functional.conv2d(x, weight, conv.bias, conv.stride, conv.padding)
