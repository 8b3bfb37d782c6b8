"""Attention over channels, pixels and branches, as published networks write it in PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn


def _normalized(
    channels: int,
    out: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> list[nn.Module]:
    convolution = nn.Conv2d(
        channels, out, kernel, stride, padding, dilation, groups=groups, bias=False
    )
    return [convolution, nn.BatchNorm2d(out)]


class BlockAttention(nn.Module):
    """CBAM: factors of channels, then of pixels (Woo et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // 8, 4)
        self.weigh = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels)
        )
        self.spatial = nn.Sequential(*_normalized(2, 1, 7, padding=3))

    def forward(self, x: Tensor) -> Tensor:
        mean = self.weigh(functional.adaptive_avg_pool2d(x, 1).flatten(1))
        largest = self.weigh(functional.adaptive_max_pool2d(x, 1).flatten(1))
        x = x * torch.sigmoid(mean + largest)[:, :, None, None]
        pooled = torch.cat([torch.max(x, 1)[0].unsqueeze(1), x.mean(1).unsqueeze(1)], dim=1)
        weighed: Tensor = x * torch.sigmoid(self.spatial(pooled))
        return weighed


class ConcurrentSqueezeExcite(nn.Module):
    """scSE: the larger of a map weighed by channels and by pixels (Roy et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // 8, 4)
        self.channels = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )
        self.pixels = nn.Sequential(nn.Conv2d(channels, 1, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        larger: Tensor = torch.max(x * self.channels(x), x * self.pixels(x))
        return larger


class CoordinateAttention(nn.Module):
    """Factors of rows and of columns (Hou et al. 2021)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = 8
        self.both = nn.Sequential(*_normalized(channels, hidden, 1), nn.Hardswish())
        self.rows = nn.Conv2d(hidden, channels, 1)
        self.columns = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        means = [x.mean(3, keepdim=True), x.mean(2, keepdim=True).permute(0, 1, 3, 2)]
        rows, columns = torch.split(self.both(torch.cat(means, dim=2)), [height, width], dim=2)
        by_row = torch.sigmoid(self.rows(rows))
        by_column = torch.sigmoid(self.columns(columns.permute(0, 1, 3, 2)))
        weighed: Tensor = x * by_row * by_column
        return weighed


class SelectiveKernel(nn.Module):
    """SKNet's choice among dilations (Li et al. 2019), as timm writes it."""

    def __init__(self, channels: int, stride: int, paths: int = 2) -> None:
        super().__init__()
        hidden = max(channels // 8, 8)
        self.paths = nn.ModuleList(
            nn.Sequential(
                *_normalized(channels, channels, 3, stride=stride, padding=d, dilation=d), nn.ReLU()
            )
            for d in range(1, paths + 1)
        )
        self.reduce = nn.Sequential(*_normalized(channels, hidden, 1), nn.ReLU())
        self.select = nn.Conv2d(hidden, channels * paths, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        branches = torch.stack([path(x) for path in self.paths], dim=1)
        scores = self.select(self.reduce(branches.sum(1).mean((2, 3), keepdim=True)))
        n, c, h, w = scores.shape
        paths = len(self.paths)
        weights = torch.softmax(scores.view(n, paths, c // paths, h, w), dim=1)
        return torch.sum(branches * weights, dim=1)


class SplitAttention(nn.Module):
    """ResNeSt's softmax over the radix (Zhang et al. 2020), as timm writes it."""

    def __init__(self, channels: int, stride: int, radix: int = 2, groups: int = 1) -> None:
        super().__init__()
        hidden = max(channels * radix // 4, 32)
        self.radix, self.groups = radix, groups
        self.convolve = nn.Sequential(
            *_normalized(
                channels, channels * radix, 3, stride=stride, padding=1, groups=groups * radix
            ),
            nn.ReLU(),
        )
        self.weigh = nn.Sequential(
            *_normalized(channels, hidden, 1, groups=groups),
            nn.ReLU(),
            nn.Conv2d(hidden, channels * radix, 1, groups=groups),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolve(x)
        n, c, h, w = x.shape
        radix = self.radix
        parts = x.reshape(n, radix, c // radix, h, w)
        scores = self.weigh(parts.sum(dim=1).mean((2, 3), keepdim=True))
        scores = scores.view(n, self.groups, radix, -1).transpose(1, 2)
        weights = functional.softmax(scores, dim=1).reshape(n, -1).view(n, -1, 1, 1)
        return (parts * weights.reshape(n, radix, c // radix, 1, 1)).sum(dim=1)


class SplitAttentionByParts(SplitAttention):
    """The same as its authors write it, by torch.split."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolve(x)
        parts = torch.split(x, x.shape[1] // self.radix, dim=1)
        whole = sum(parts)
        assert isinstance(whole, Tensor)
        scores = self.weigh(functional.adaptive_avg_pool2d(whole, 1))
        n = scores.size(0)
        scores = scores.view(n, self.groups, self.radix, -1).transpose(1, 2)
        weights = functional.softmax(scores, dim=1).reshape(n, -1).view(n, -1, 1, 1)
        factors = torch.split(weights, weights.shape[1] // self.radix, dim=1)
        total = sum(factor * part for factor, part in zip(factors, parts, strict=True))
        assert isinstance(total, Tensor)
        return total.contiguous()
