"""Networks beside the residual families: U-Nets, and residual networks that move channels.

After Ronneberger et al. 2015, Zhang et al. 2018 (ShuffleNet) and Ma et al. 2018 (ShuffleNet v2),
small, with random weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from support.torch_zoo import Design, ResNet, build, calibrate
from torch import Tensor, nn
from torch.nn import functional

PaddingMode = Literal["zeros", "reflect"]

_CIFAR = Design(stem="cifar", widths=(16, 32, 64), depths=(1, 1, 1))


def double_conv(channels: int, out: int, padding_mode: PaddingMode) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (channels, out):
        layers += [
            nn.Conv2d(inputs, out, 3, padding=1, bias=False, padding_mode=padding_mode),
            nn.BatchNorm2d(out),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Three levels; up by a transposed convolution, and the map of the way down beside it."""

    def __init__(self, kernel: int = 2, padding_mode: PaddingMode = "zeros") -> None:
        super().__init__()
        widths = (16, 32, 48)
        self.down = nn.ModuleList(
            double_conv(channels, out, padding_mode)
            for channels, out in zip((3, *widths[:-1]), widths, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(wide, out, kernel, 2, (kernel - 2) // 2)
            for wide, out in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.join = nn.ModuleList(double_conv(2 * out, out, padding_mode) for out in widths[-2::-1])
        self.head = nn.Conv2d(widths[0], 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps: list[Tensor] = []
        for level, stage in enumerate(self.down):
            x = stage(functional.max_pool2d(x, 2) if level else x)
            maps.append(x)
        for skip, up, join in zip(maps[-2::-1], self.up, self.join, strict=True):
            x = join(torch.cat([skip, up(x)], 1))
        scores: Tensor = self.head(x)
        return scores


def shuffled(x: Tensor, groups: int) -> Tensor:
    count, channels, height, width = x.shape
    parts = x.view(count, groups, channels // groups, height, width).transpose(1, 2)
    return parts.reshape(count, channels, height, width)


class ShuffleUnit(nn.Module):
    """Grouped 1x1 convolutions around a depthwise one, channels shuffled between (v1)."""

    def __init__(self, channels: int, groups: int = 2) -> None:
        super().__init__()
        self.groups = groups
        self.first = nn.Sequential(
            nn.Conv2d(channels, channels, 1, groups=groups, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.rest = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, channels, 1, groups=groups, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.rest(shuffled(self.first(x), self.groups))
        return functional.relu(x + y)


class SplitUnit(nn.Module):
    """Half of the channels pass by; all are shuffled behind (v2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = torch.chunk(x, 2, 1)
        return shuffled(torch.cat([left, self.branch(right)], 1), 2)


class ShuffleNet(nn.Module):
    """A stem, units of both kinds and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            ShuffleUnit(32),
            SplitUnit(32),
            nn.MaxPool2d(2),
            ShuffleUnit(32),
            SplitUnit(32),
        )
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.body(x).mean((2, 3)))
        return scores


class Flipped(nn.Module):
    """A network for BGR, fed with RGB."""

    def __init__(self, network: ResNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.network(x[:, [2, 1, 0]])
        return scores


class FlatHead(nn.Module):
    """Pixels are flattened before their mean: x.flatten(2).mean(2)."""

    def __init__(self, network: ResNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        x = self.network.stem(x)
        for stage in self.network.stages:
            x = stage(x)
        scores: Tensor = self.network.classifier(x.flatten(2).mean(2))
        return scores


class SpelledSilu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x) * x


class SpelledHardSwish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.clamp(x + 3, 0, 6) / 6)


def _activated(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: build(replace(_CIFAR, activation=make), 32)


def _calibrated(make: Callable[[], nn.Module], size: int) -> nn.Module:
    torch.manual_seed(0)
    return calibrate(make(), size)


@dataclass(frozen=True)
class Network:
    """A network of the table.

    Attributes:
        make: it, in inference mode.
        size: height and width of its input.
        casts: that must be left, see `Family`.
    """

    make: Callable[[], nn.Module]
    size: int = 32
    casts: int = 1


NETWORKS: dict[str, Network] = {
    "U-Net, transposed convolutions 2x2": Network(
        lambda: _calibrated(lambda: UNet(2), 64), 64, casts=2
    ),
    "U-Net, transposed convolutions 4x4": Network(
        lambda: _calibrated(lambda: UNet(4), 64), 64, casts=2
    ),
    "U-Net, padded by reflection": Network(
        lambda: _calibrated(lambda: UNet(2, "reflect"), 64), 64, casts=2
    ),
    "ResNet for BGR, x[:, [2, 1, 0]]": Network(lambda: Flipped(build(_CIFAR, 32)).eval()),
    "ResNet, head of flatten(2).mean(2)": Network(lambda: FlatHead(build(_CIFAR, 32)).eval()),
    "ShuffleNet-like": Network(lambda: _calibrated(ShuffleNet, 32)),
    "activation SiLU as sigmoid(x) * x": Network(_activated(SpelledSilu)),
    "activation HardSwish by clamp": Network(_activated(SpelledHardSwish)),
}
