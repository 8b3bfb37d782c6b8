"""Networks of many branches, as PyTorch modules: an OSNet and a YOLOX, smaller than published.

After Zhou et al. 2019 (omni-scale feature learning) and Ge et al. 2021 (YOLOX), with random weights
and calibrated batch normalization.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from support.torch_zoo import RESIDUAL_SCALE, calibrate
from torch import Tensor, nn


def _unit(
    channels: int, out: int, kernel: int, activation: nn.Module, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution, normalization, activation."""
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), activation)


class Stream(nn.Sequential):
    """Depthwise separable convolutions in a row: the more, the larger what a pixel sees."""

    def __init__(self, channels: int, depth: int) -> None:
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers.append(nn.Conv2d(channels, channels, 1, bias=False))
            layers.append(_unit(channels, channels, 3, nn.ReLU(), groups=channels))
        super().__init__(*layers)


class OmniScaleBlock(nn.Module):
    """Streams of 1 to 4 convolutions, each weighed by one shared gate, and their sum."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        inner = out // 4
        self.reduce = _unit(channels, inner, 1, nn.ReLU())
        self.streams = nn.ModuleList(Stream(inner, depth) for depth in range(1, 5))
        squeezed = max(inner // 4, 2)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(inner, squeezed, 1),
            nn.ReLU(),
            nn.Conv2d(squeezed, inner, 1),
            nn.Sigmoid(),
        )
        self.expand = _unit(inner, out, 1, nn.Identity())
        self.shortcut = nn.Identity() if channels == out else _unit(channels, out, 1, nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        y = self.reduce(x)
        total = torch.zeros(())
        for stream in self.streams:
            seen = stream(y)
            total = total + seen * self.gate(seen)
        return functional.relu(self.expand(total) + self.shortcut(x))


class OmniScale(nn.Module):
    """An OSNet: stem, stages of two blocks with average pooling between, an embedding."""

    def __init__(self, widths: tuple[int, ...] = (64, 96, 128), blocks: int = 2) -> None:
        super().__init__()
        layers: list[nn.Module] = [_unit(3, 32, 7, nn.ReLU(), 2), nn.MaxPool2d(3, 2, 1)]
        channels = 32
        for index, width in enumerate(widths):
            for _ in range(blocks):
                layers.append(OmniScaleBlock(channels, width))
                channels = width
            if index + 1 < len(widths):
                layers += [_unit(channels, channels, 1, nn.ReLU()), nn.AvgPool2d(2)]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 64)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class CrossStage(nn.Module):
    """Half of the channels goes through bottlenecks, half around them."""

    def __init__(self, channels: int, out: int, count: int, shortcut: bool = True) -> None:
        super().__init__()
        inner = out // 2
        self.around = _unit(channels, inner, 1, nn.SiLU())
        self.into = _unit(channels, inner, 1, nn.SiLU())
        second = [_unit(inner, inner, 3, nn.SiLU()) for _ in range(count)]
        for unit in second if shortcut else ():
            nn.init.constant_(unit.get_parameter("1.weight"), RESIDUAL_SCALE)
        self.bottlenecks = nn.ModuleList(
            nn.Sequential(_unit(inner, inner, 1, nn.SiLU()), unit) for unit in second
        )
        self.shortcut = shortcut
        self.merge = _unit(2 * inner, out, 1, nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        y = self.into(x)
        for bottleneck in self.bottlenecks:
            y = y + bottleneck(y) if self.shortcut else bottleneck(y)
        merged: Tensor = self.merge(torch.cat([y, self.around(x)], 1))
        return merged


class PyramidPools(nn.Module):
    """Spatial pyramid pooling: maxima over windows of three sizes, beside the map itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before = _unit(channels, channels // 2, 1, nn.SiLU())
        self.pools = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in (5, 9, 13))
        self.after = _unit(2 * channels, channels, 1, nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        y = self.before(x)
        pooled: Tensor = self.after(torch.cat([y, *(pool(y) for pool in self.pools)], 1))
        return pooled


class Head(nn.Module):
    """What a level says of each cell: box, objectness and classes, by two towers."""

    def __init__(self, channels: int, width: int, classes: int) -> None:
        super().__init__()
        self.stem = _unit(channels, width, 1, nn.SiLU())
        self.of_classes, self.of_boxes = (
            nn.Sequential(_unit(width, width, 3, nn.SiLU()), _unit(width, width, 3, nn.SiLU()))
            for _ in range(2)
        )
        self.classes = nn.Conv2d(width, classes, 1)
        self.box = nn.Conv2d(width, 4, 1)
        self.objectness = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        boxes = self.of_boxes(y)
        scores = self.classes(self.of_classes(y)).sigmoid()
        parts = [self.box(boxes), self.objectness(boxes).sigmoid(), scores]
        return torch.cat(parts, 1).flatten(2)


class Detector(nn.Module):
    """A YOLOX: slices of the image, a cross-stage backbone, a pyramid, a decoupled head."""

    def __init__(self, width: int = 16, classes: int = 5) -> None:
        super().__init__()
        w = width
        self.stem = _unit(12, w, 3, nn.SiLU())
        self.dark2 = nn.Sequential(_unit(w, 2 * w, 3, nn.SiLU(), 2), CrossStage(2 * w, 2 * w, 1))
        self.dark3 = nn.Sequential(
            _unit(2 * w, 4 * w, 3, nn.SiLU(), 2), CrossStage(4 * w, 4 * w, 3)
        )
        self.dark4 = nn.Sequential(
            _unit(4 * w, 8 * w, 3, nn.SiLU(), 2),
            PyramidPools(8 * w),
            CrossStage(8 * w, 8 * w, 1, shortcut=False),
        )
        self.lateral = _unit(8 * w, 4 * w, 1, nn.SiLU())
        self.top_down = CrossStage(8 * w, 4 * w, 1, shortcut=False)
        self.down = _unit(4 * w, 4 * w, 3, nn.SiLU(), 2)
        self.bottom_up = CrossStage(8 * w, 8 * w, 1, shortcut=False)
        self.heads = nn.ModuleList(Head(c * w, 4 * w, classes) for c in (4, 8))

    def forward(self, x: Tensor) -> Tensor:
        slices = [x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)]
        fine = self.dark3(self.dark2(self.stem(torch.cat(slices, 1))))
        coarse = self.lateral(self.dark4(fine))
        larger = functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        middle = self.top_down(torch.cat([larger, fine], 1))
        low = self.bottom_up(torch.cat([self.down(middle), coarse], 1))
        cells = [head(level) for head, level in zip(self.heads, (middle, low), strict=True)]
        return torch.cat(cells, 2).permute(0, 2, 1)


def omni_scale(size: int, seed: int = 0) -> OmniScale:
    """An OSNet in inference mode, calibrated."""
    torch.manual_seed(seed)
    return calibrate(OmniScale(), size, seed)


def detector(size: int, seed: int = 0) -> Detector:
    """A YOLOX in inference mode, calibrated."""
    torch.manual_seed(seed)
    return calibrate(Detector(), size, seed)
