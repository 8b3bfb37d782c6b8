"""Small networks of published families that are not residual networks of the zoo, in PyTorch.

After Sandler et al. 2018 (MobileNetV2), Huang et al. 2017 (DenseNet), Liu et al. 2022 (ConvNeXt),
Szegedy et al. 2015 (inception modules with auxiliary heads), as their authors write them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, depthwise, project."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        hidden = 3 * channels
        self.adds = stride == 1 and channels == out
        self.conv = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.adds:
            return x + self.conv(x)  # type: ignore[no-any-return]
        y: Tensor = self.conv(x)
        return y


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.BatchNorm2d(8),
            nn.ReLU6(inplace=True),
            InvertedResidual(8, 8, 1),
            InvertedResidual(8, 12, 2),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(12, 10))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = functional.adaptive_avg_pool2d(x, (1, 1))
        y: Tensor = self.classifier(torch.flatten(x, 1))
        return y


class DenseLayer(nn.Module):
    """DenseNet's layer, with functional dropout and ReLU in place."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, 2 * growth, 1)
        self.norm2, self.conv2 = nn.BatchNorm2d(2 * growth), nn.Conv2d(2 * growth, growth, 3, 1, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, maps: list[Tensor]) -> Tensor:
        y = self.conv1(self.relu(self.norm1(torch.cat(maps, 1))))
        y = self.conv2(self.relu(self.norm2(y)))
        return functional.dropout(y, p=0.1, training=self.training)


class DenseNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.layers = nn.ModuleList(DenseLayer(8 + 4 * index, 4) for index in range(3))
        self.pool = nn.AvgPool2d(2)
        self.norm = nn.BatchNorm2d(20)
        self.classifier = nn.Linear(20, 10)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.stem(x)]
        for layer in self.layers:
            maps.append(layer(maps))
        y = functional.relu(self.norm(self.pool(torch.cat(maps, 1))), inplace=True)
        logits: Tensor = self.classifier(y.mean([2, 3]))
        return logits


class NextBlock(nn.Module):
    """ConvNeXt's block: normalization and linear layers with channels last."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.pwconv1, self.pwconv2 = nn.Linear(channels, 32), nn.Linear(32, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.dwconv(x).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(functional.gelu(self.pwconv1(self.norm(y))))
        total: Tensor = x + y.permute(0, 3, 1, 2)
        return total


class ConvNext(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 2, 2), NextBlock(8), NextBlock(8))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.norm(self.body(x).mean([-2, -1])))
        return y


class AuxiliaryHeads(nn.Module):
    """A network with another output while it is trained, as GoogLeNet."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, 2, 1)
        self.aux, self.head = nn.Linear(8, 10), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Any:
        x = torch.relu(self.first(x))
        y = self.head(self.last(x).relu().mean((2, 3)))
        return (y, self.aux(x.mean((2, 3)))) if self.training else y


class Gate(nn.Module):
    """A module that looks at values, which cannot be traced."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y if float(y.detach().mean()) > 0 else -y


class Gated(nn.Module):
    """A network of which a part cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gate = nn.Conv2d(3, 8, 3, padding=1), Gate(8)
        self.norm, self.head = nn.BatchNorm2d(8), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.gate(torch.relu(self.first(x))))
        y: Tensor = self.head(functional.max_pool2d(x, 2).mean((2, 3)))
        return y


class InPlace(nn.Module):
    """Operators that change tensors which are read again."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True)
        self.drop, self.head = nn.Dropout(0.0), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        kept = self.drop(y)
        z = self.conv(x) * 2.0
        z += y
        self.relu(z)
        z = z + kept
        functional.leaky_relu(z, 0.1, inplace=True)
        y.add_(z)
        logits: Tensor = self.head((y + kept + z).mean((2, 3)))
        return logits


class WideMaps(nn.Module):
    """Functions on maps that are not residual: reshapes, channel operators, constants."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.scale, self.shift = (
            nn.Parameter(torch.rand(8, 1, 1)),
            nn.Parameter(torch.rand(8, 1, 1)),
        )
        self.position = nn.Parameter(torch.rand(1, 8, 32, 32))
        self.kernel = nn.Parameter(torch.rand(8, 1, 3, 3))
        self.register_buffer("mean", torch.zeros(8))
        self.register_buffer("variance", torch.ones(8))
        self.head = nn.Linear(8, 10)

    mean: Tensor
    variance: Tensor

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        y = self.conv((x - 0.5) / 0.25) * self.scale + self.shift
        y = functional.batch_norm(y, self.mean, self.variance, training=self.training)
        y = 1 - torch.clamp(y + self.position, 0, 4)
        y = y.view(n, 2, 4, h, w).transpose(1, 2).flatten(1, 2)
        y = functional.group_norm(y, 2, torch.ones_like(self.mean))
        a, b = y.chunk(2, dim=1)
        y = torch.cat((-b, a.roll(1, 1)), dim=1).contiguous() - y.mean(1, keepdim=True)
        y = functional.conv2d(y, self.kernel, padding=1, groups=8)
        y = functional.interpolate(functional.relu6(y), scale_factor=2.0, mode="nearest")
        y = functional.avg_pool2d(y, 2) / 2
        return self.head(y[:, [7, 6, 5, 4, 3, 2, 1, 0]].mean(dim=(-1, -2), keepdim=True).flatten(1))  # type: ignore[no-any-return]


class Row(nn.Module):
    """Stochastic depth as torchvision writes it: a random factor for each image."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        noise = torch.empty([x.shape[0], 1, 1, 1], dtype=x.dtype).bernoulli_(1 - self.p)
        return x * noise.div_(1 - self.p)


StochasticDepth = type("StochasticDepth", (Row,), {"__module__": __name__})


class Deep(nn.Module):
    """A residual network with stochastic depth and channel dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.branch = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.PReLU(8), nn.Dropout2d(0.3))
        self.path = StochasticDepth(0.4)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.drop(x + self.path(self.branch(x)))
        y: Tensor = self.head(functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return y


PUBLISHED = {
    "MobileNetV2": MobileNet,
    "DenseNet": DenseNet,
    "ConvNeXt": ConvNext,
    "auxiliary heads": AuxiliaryHeads,
    "a part that is not traced": Gated,
    "in place": InPlace,
    "functions": WideMaps,
    "stochastic depth": Deep,
}
