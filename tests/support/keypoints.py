"""A detector of the CenterNet kind: objects are the peaks of heat maps (Zhou et al. 2019).

A peak is where a pixel equals the maximum of its neighborhood, exactly: the tail of the network is
discontinuous.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from support.torch_zoo import Design, ResNet
from torch import Tensor, nn

_DESIGN = Design("basic", (1, 1, 1, 1), (32, 48, 64, 96), head="features")
_WIDTH, _CLASSES, _OBJECTS = 32, 3, 12


class CenterNet(nn.Module):
    """Features at a quarter of the image's size, and heads for heat maps and sizes of objects.

    Outputs: scores [N, 12] and places [N, 12] of the highest peaks, sizes [N, 2, H/4, W/4].
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet(_DESIGN)
        self.lateral = nn.ModuleList(nn.Conv2d(width, _WIDTH, 1) for width in _DESIGN.widths)
        self.smooth = nn.Sequential(
            nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(_WIDTH), nn.ReLU()
        )
        self.heat, self.size = _head(_CLASSES), _head(2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.backbone(x)
        y = self.lateral[3](maps[3])
        for index in (2, 1, 0):
            y = functional.interpolate(y, scale_factor=2.0) + self.lateral[index](maps[index])
        y = self.smooth(y)
        heat = torch.sigmoid(self.heat(y))
        highest = functional.max_pool2d(heat, 3, stride=1, padding=1)
        peaks = heat * (highest == heat).float()
        scores, places = torch.topk(peaks.flatten(1), _OBJECTS)
        return scores, places, self.size(y)


def _head(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1), nn.ReLU(), nn.Conv2d(_WIDTH, channels, 1)
    )
