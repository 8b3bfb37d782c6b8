"""Residual networks of every family as PyTorch modules, small variants of one design.

They follow the published architectures (He et al. 2015 and 2016, Zagoruyko and Komodakis 2016, Xie
et al. 2017, Hu et al. 2018, He et al. 2019, Zhang 2019, Kolesnikov et al. 2020, Wang et al. 2020,
Ridnik et al. 2021), with random weights and batch normalization statistics calibrated on noise and
smooth images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as functional
from support.torch_layers import BlurPool, DropPath, PadChannels, SpaceToDepth, StandardizedConv
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)

# Branches that end in a residual sum get a small scale, as trained networks have: see `zoo`.
RESIDUAL_SCALE = 0.25


@dataclass(frozen=True)
class Design:
    """What tells residual networks apart.

    Attributes:
        block: "basic", "bottleneck", or these with "pre-" where normalization comes first.
        depths: blocks of each stage.
        widths: channels of each stage, before a bottleneck's expansion.
        stem: "plain" (7x7 and max pooling), "padded" (the same with padding apart), "deep" (three
            3x3), "cifar" (one 3x3) or "space-to-depth".
        shortcut: "conv", "average" (pooled before a 1x1), "pad" or "pad-symmetric" (option A).
        groups: of the 3x3 convolutions of bottlenecks.
        base_width: channels of a group at the first stage.
        attention: makes what weighs the channels at the end of each branch.
        middle: makes what takes the place of a bottleneck's 3x3 convolution and the normalization
            and activation behind it, of its channels and stride.
        normalization: makes what normalizes so many channels.
        standardized: whether weights of convolutions have mean 0 and variance 1 (BiT).
        activation: makes the nonlinearity.
        blur: whether strides are done by blur pooling.
        drop_path: rate of stochastic depth.
        head: "linear", "conv" (fully convolutional), "pyramid" (several maps, upsampled and added)
            or "features" (the maps of all stages).
        classes: outputs of the head.
    """

    block: str = "basic"
    depths: tuple[int, ...] = (2, 2, 2, 2)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    stem: str = "plain"
    shortcut: str = "conv"
    groups: int = 1
    base_width: int = 64
    attention: Callable[[int], nn.Module] | None = None
    middle: Callable[[int, int], nn.Module] | None = None
    normalization: Callable[[int], nn.Module] = nn.BatchNorm2d
    standardized: bool = False
    activation: Callable[[], nn.Module] = nn.ReLU
    blur: bool = False
    drop_path: float = 0.0
    head: str = "linear"
    classes: int = 10

    @property
    def expansion(self) -> int:
        return 4 if self.block.endswith("bottleneck") else 1


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)


def strided(design: Design, channels: int, out: int, kernel: int, stride: int) -> nn.Module:
    """A strided convolution, or an unstrided one with blur pooling behind it."""
    if design.blur and stride > 1:
        return nn.Sequential(conv(channels, out, kernel), BlurPool(out, stride))
    return conv(channels, out, kernel, stride)


class Block(nn.Module):
    """A residual block with normalization behind its convolutions."""

    def __init__(self, design: Design, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * design.expansion
        if design.block == "bottleneck":
            inner = int(width * design.base_width / 64) * design.groups
            middle = (
                conv(inner, inner, 3, stride, design.groups)
                if design.groups > 1
                else strided(design, inner, inner, 3, stride)
            )
            layers = [conv(channels, inner, 1), design.normalization(inner), design.activation()]
            if design.middle is None:
                layers += [middle, design.normalization(inner), design.activation()]
            else:
                layers.append(design.middle(inner, stride))
            layers.append(conv(inner, out, 1))
        else:
            layers = [strided(design, channels, out, 3, stride), design.normalization(out)]
            layers += [design.activation(), conv(out, out, 3)]
        last = design.normalization(out)
        assert isinstance(last.weight, Tensor)
        nn.init.constant_(last.weight, RESIDUAL_SCALE)
        layers.append(last)
        if design.attention is not None:
            layers.append(design.attention(out))
        if design.drop_path:
            layers.append(DropPath(design.drop_path))
        self.branch = nn.Sequential(*layers)
        self.shortcut = shortcut_of(design, channels, out, stride)
        self.activation = design.activation()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.branch(x) + self.shortcut(x))
        return y


class PreActivationBlock(nn.Module):
    """ResNet v2: normalization and ReLU before each convolution, nothing behind the sum."""

    def __init__(self, design: Design, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * design.expansion
        self.first = nn.Sequential(design.normalization(channels), design.activation())
        if design.block == "pre-bottleneck":
            layers = [conv(channels, width, 1), design.normalization(width), design.activation()]
            layers += [
                conv(width, width, 3, stride),
                design.normalization(width),
                design.activation(),
            ]
            layers += [conv(width, out, 1)]
        else:
            layers = [
                conv(channels, out, 3, stride),
                design.normalization(out),
                design.activation(),
            ]
            layers += [conv(out, out, 3)]
        with torch.no_grad():
            for parameter in layers[-1].parameters():
                parameter.mul_(RESIDUAL_SCALE)
        self.branch = nn.Sequential(*layers)
        changes = stride > 1 or channels != out
        self.shortcut = conv(channels, out, 1, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        rest = x if self.shortcut is None else self.shortcut(y)
        total: Tensor = self.branch(y) + rest
        return total


def shortcut_of(design: Design, channels: int, out: int, stride: int) -> nn.Module:
    if stride == 1 and channels == out:
        return nn.Identity()
    if design.shortcut.startswith("pad"):
        return PadChannels(channels, out, stride, design.shortcut == "pad-symmetric")
    if design.shortcut == "average" and stride > 1:
        pool = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)
        return nn.Sequential(pool, conv(channels, out, 1), design.normalization(out))
    if design.blur and stride > 1:
        return nn.Sequential(
            BlurPool(channels, stride), conv(channels, out, 1), design.normalization(out)
        )
    return nn.Sequential(conv(channels, out, 1, stride), design.normalization(out))


def stem_of(design: Design) -> tuple[list[nn.Module], int]:
    """The layers before the first stage, and how many channels they make."""
    width = design.widths[0]
    normalized = [] if design.block.startswith("pre-") else [design.normalization(width)]
    rest: list[nn.Module] = [*normalized, *([design.activation()] if normalized else [])]
    if design.stem == "cifar":
        return [conv(3, width, 3), *rest], width
    if design.stem == "space-to-depth":
        return [SpaceToDepth(4), conv(48, width, 3), *rest], width
    if design.stem == "deep":
        half = width // 2
        layers: list[nn.Module] = []
        for channels, out, stride in ((3, half, 2), (half, half, 1)):
            layers += [
                conv(channels, out, 3, stride),
                design.normalization(out),
                design.activation(),
            ]
        layers += [conv(half, width, 3), *rest]
    else:
        layers = [conv(3, width, 7, 2), *rest]
    if design.blur:
        return [*layers, nn.MaxPool2d(3, 1, 1), BlurPool(width)], width
    if design.stem == "padded":
        return [*layers, nn.ConstantPad2d(1, 0.0), nn.MaxPool2d(3, 2)], width
    return [*layers, nn.MaxPool2d(3, 2, 1)], width


class ResNet(nn.Module):
    """A residual network of a given design."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        layers, channels = stem_of(design)
        self.stem = nn.Sequential(*layers)
        stages = []
        make = PreActivationBlock if design.block.startswith("pre-") else Block
        for index, (depth, width) in enumerate(zip(design.depths, design.widths, strict=True)):
            blocks: list[nn.Module] = []
            for step in range(depth):
                blocks.append(make(design, channels, width, 2 if index and not step else 1))
                channels = width * design.expansion
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.head = design.head
        last: list[nn.Module] = []
        if design.block.startswith("pre-"):
            last = [design.normalization(channels), design.activation()]
        self.last = nn.Sequential(*last)
        if design.head == "linear":
            self.classifier: nn.Module = nn.Linear(channels, design.classes)
        elif design.head == "conv":
            self.classifier = nn.Conv2d(channels, design.classes, 1)
        elif design.head == "pyramid":
            sizes = [width * design.expansion for width in design.widths]
            self.lateral = nn.ModuleList(nn.Conv2d(size, 16, 1) for size in sizes)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        maps = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        x = self.last(x)
        if self.head == "features":
            return maps
        if self.head == "pyramid":
            return self.pyramid(maps)
        if self.head == "conv":
            scores: Tensor = self.classifier(x)
            return scores
        logits: Tensor = self.classifier(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))
        return logits

    def pyramid(self, maps: list[Tensor]) -> list[Tensor]:
        levels: list[Tensor] = [self.lateral[-1](maps[-1])]
        for index in range(len(maps) - 2, -1, -1):
            mode = "nearest" if index % 2 else "bilinear"
            larger = functional.interpolate(levels[0], scale_factor=2, mode=mode)
            levels.insert(0, larger + self.lateral[index](maps[index]))
        return levels


def build(design: Design, size: int, seed: int = 0) -> ResNet:
    """A network with random weights, calibrated, in inference mode."""
    torch.manual_seed(seed)
    model = ResNet(design)
    if design.standardized:
        standardize(model)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.weight.std() > 0:
            fan_in = module.weight[0].numel()
            scale = module.weight.std() * (fan_in / 2) ** 0.5
            if scale > RESIDUAL_SCALE:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return calibrate(model, size, seed)


def standardize(model: nn.Module) -> None:
    """Let every convolution standardise its weights."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d):
                setattr(module, name, StandardizedConv(child))


def calibrate(model: Network, size: int, seed: int = 0) -> Network:
    """Set the statistics of batch normalization to those of noise and of smooth images."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(4, 3, size, size, generator=generator)
    coarse = torch.randn(4, 3, 4, 4, generator=generator)
    smooth = functional.interpolate(coarse, size=(size, size), mode="nearest")
    normalizations = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for module in normalizations:
        module.momentum = None
        module.reset_running_stats()
    model.train()
    with torch.no_grad():
        model(torch.cat([noise, smooth]))
    return model.eval()
