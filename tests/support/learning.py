"""Networks of spatial modules and of their twins in the JPEG domain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import jpegcompile.learning as learning

Make = Callable[..., nn.Module]


@dataclass(frozen=True)
class Modules:
    """The modules that a network is made of."""

    conv: Make
    norm: Make
    relu: Make
    pool: Make


SPATIAL = Modules(nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.AdaptiveAvgPool2d)
JPEG = Modules(
    learning.JpegConv2d,
    learning.JpegBatchNorm2d,
    learning.JpegReLU,
    learning.JpegAdaptiveAvgPool2d,
)


def jpeg_modules(frequencies: int) -> Modules:
    """Return modules whose masks have few frequencies."""
    relu = partial(learning.JpegReLU, frequencies=frequencies)
    return Modules(JPEG.conv, JPEG.norm, relu, JPEG.pool)


class Block(nn.Module):
    """A basic residual block."""

    def __init__(self, use: Modules, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = use.conv(channels, out, 3, stride=stride, padding=1, bias=False)
        self.bn1, self.relu1 = use.norm(out), use.relu()
        self.conv2 = use.conv(out, out, 3, padding=1, bias=False)
        self.bn2, self.relu2 = use.norm(out), use.relu()
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != out:
            conv = use.conv(channels, out, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(conv, use.norm(out))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu1(self.bn1(self.conv1(x)))
        made: Tensor = self.relu2(self.bn2(self.conv2(inner)) + self.shortcut(x))
        return made


class ResNet(nn.Module):
    """A residual network for small images: 6 * depth + 2 layers."""

    def __init__(
        self, use: Modules, depth: int = 1, widths: tuple[int, ...] = (16, 32, 64)
    ) -> None:
        super().__init__()
        channels = widths[0]
        self.stem = nn.Sequential(
            use.conv(3, channels, 3, padding=1, bias=False), use.norm(channels), use.relu()
        )
        blocks = []
        for stage, out in enumerate(widths):
            for index in range(depth):
                stride = 2 if stage and not index else 1
                blocks.append(Block(use, channels, out, stride))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.pool = use.pool(1)
        self.classifier = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.classifier(self.pool(self.blocks(self.stem(x))).flatten(1))
        return made


def twin_networks(**design: Any) -> tuple[ResNet, ResNet]:
    """Return a spatial network, and one in the JPEG domain with its weights."""
    torch.manual_seed(0)
    spatial, jpeg = ResNet(SPATIAL, **design), ResNet(JPEG, **design)
    jpeg.load_state_dict(spatial.state_dict())
    return spatial, jpeg


def largest(*pairs: tuple[Tensor, Tensor]) -> float:
    """Return the largest difference of pairs of tensors; NaN if one has a NaN."""
    # Python's `max` would pass over a NaN.
    return float(
        torch.stack([(a.detach() - b.detach()).abs().max().double() for a, b in pairs]).max()
    )
