"""The families of residual networks that must convert, at full and at test size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from typing import Any

import torch
from support.keypoints import CenterNet
from support.torch_attention import (
    BlockAttention,
    ConcurrentSqueezeExcite,
    CoordinateAttention,
    SelectiveKernel,
    SplitAttention,
    SplitAttentionByParts,
)
from support.torch_layers import EfficientChannelAttention, SqueezeExcite
from support.torch_zoo import Design, build, calibrate
from torch import nn

# Of the largest magnitude of each output, between the networks in float32.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Family:
    """A network of the zoo.

    Attributes:
        name: for tables and tests.
        design: of the network, if it is a residual network and no more.
        size: height and width of its input.
        casts: that must be left in the graph for a tensor as input: one on entry, one for each
            output that is a map.
        allowed: error of an output, as a fraction of its largest magnitude.
        module: makes the network where it is no plain residual network.
    """

    name: str
    design: Design = field(default_factory=Design)
    size: int = 64
    casts: int = 1
    allowed: float = TOLERANCE
    module: Callable[[], nn.Module] | None = None

    @property
    def is_deep(self) -> bool:
        """Whether a network of the same parts with less of each is tested before it."""
        return self.module is None and (self.size == 224 or sum(self.design.depths) > 9)

    def build(self) -> nn.Module:
        """The network with random weights, calibrated, in inference mode."""
        if self.module is None:
            return build(self.design, self.size)
        torch.manual_seed(0)
        return calibrate(self.module(), self.size)


_CIFAR = Design(stem="cifar", widths=(16, 32, 64), depths=(1, 1, 1))
_BASIC = Design("basic", (1, 1, 1, 1))
_BOTTLENECK = Design("bottleneck", (1, 1, 1, 1))


def _cifar(depth: int, shortcut: str) -> Design:
    count = (depth - 2) // 6
    return replace(_CIFAR, depths=(count,) * 3, shortcut=shortcut)


def _activation(make: Callable[[], nn.Module]) -> Design:
    return replace(_CIFAR, activation=make)


_ARCHITECTURES = {
    "ResNet-18": Design("basic", (2, 2, 2, 2)),
    "ResNet-34": Design("basic", (3, 4, 6, 3)),
    "ResNet-50": Design("bottleneck", (3, 4, 6, 3)),
    "ResNet-101": Design("bottleneck", (3, 4, 23, 3)),
    "ResNet-152": Design("bottleneck", (3, 8, 36, 3)),
    "Wide-ResNet-50-2": Design("bottleneck", (3, 4, 6, 3), base_width=128),
    "ResNeXt-50 32x4d": Design("bottleneck", (3, 4, 6, 3), groups=32, base_width=4),
}
_VARIANTS = {
    "ResNet-C": replace(_BOTTLENECK, stem="deep"),
    "ResNet-D": replace(_BOTTLENECK, stem="deep", shortcut="average"),
    "ResNet v2 (pre-activation)": Design("pre-bottleneck", (1, 2, 1, 1)),
    "ResNet v2, basic blocks": Design("pre-basic", (1, 1, 1, 1)),
    "SE-ResNet, 1x1 convolutions": replace(
        _BOTTLENECK, attention=partial(SqueezeExcite, gate=nn.Sigmoid)
    ),
    "SE-ResNet, linear layers": replace(
        _BASIC, attention=partial(SqueezeExcite, gate=nn.Sigmoid, linear=True)
    ),
    "SE-ResNet, hard sigmoid": replace(
        _BASIC, attention=partial(SqueezeExcite, gate=nn.Hardsigmoid, linear=True)
    ),
    "ECA-ResNet": replace(_BASIC, attention=EfficientChannelAttention),
    "ResNet with blur pooling": replace(_BOTTLENECK, blur=True),
    "TResNet-like (space to depth)": replace(
        _BASIC, stem="space-to-depth", activation=partial(nn.LeakyReLU, 1e-3)
    ),
}
_MIDDLES: Mapping[str, Callable[[int, int], nn.Module]] = {
    "SKNet": SelectiveKernel,
    "SKNet, three branches": partial(SelectiveKernel, paths=3),
    "ResNeSt": SplitAttention,
    "ResNeSt, two groups": partial(SplitAttention, groups=2),
    "ResNeSt by torch.split": SplitAttentionByParts,
}
_NORMALIZED_OR_WEIGHED = {
    "BiT ResNet (GroupNorm, standardised weights)": Design(
        "pre-bottleneck",
        (1, 2, 1, 1),
        stem="padded",
        normalization=partial(nn.GroupNorm, 32),
        standardized=True,
    ),
    "ResNet with GroupNorm of 5 groups": replace(
        _BASIC, widths=(40, 80, 120, 160), normalization=partial(nn.GroupNorm, 5)
    ),
    "ResNet with LayerNorm (GroupNorm of 1 group)": replace(
        _BASIC, normalization=partial(nn.GroupNorm, 1)
    ),
    "ResNet with InstanceNorm": replace(
        _BASIC,
        depths=(1, 1, 1),
        widths=(64, 128, 256),
        normalization=partial(nn.InstanceNorm2d, affine=True),
    ),
    "CBAM ResNet": replace(_BASIC, attention=BlockAttention),
    "scSE ResNet": replace(_BASIC, attention=ConcurrentSqueezeExcite),
    "coordinate attention": replace(_BASIC, attention=CoordinateAttention),
    **{name: replace(_BOTTLENECK, middle=make) for name, make in _MIDDLES.items()},
}
_ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "ELU": nn.ELU,
    "GELU": nn.GELU,
    "GELU by tanh": partial(nn.GELU, "tanh"),
    "HardSwish": nn.Hardswish,
    "LeakyReLU": nn.LeakyReLU,
    "Mish": nn.Mish,
    "PReLU": partial(nn.PReLU, 1),
    "ReLU6": nn.ReLU6,
    "SiLU": nn.SiLU,
    "Softplus": nn.Softplus,
}

# Where a run in float64 shows that float32 arithmetic needs more: the errors of ResNet-152 are of
# rounding alone (the test of it in float64), its 151 layers in float32 differ from float64 by
# 5e-6 in PyTorch itself, and there are two transforms around each.
_ALLOWED = {"ResNet-152": 3e-5}

FAMILIES: tuple[Family, ...] = (
    *(
        Family(name, design, 224, allowed=_ALLOWED.get(name, TOLERANCE))
        for name, design in _ARCHITECTURES.items()
    ),
    *(Family(name, design) for name, design in _VARIANTS.items()),
    *(Family(name, design) for name, design in _NORMALIZED_OR_WEIGHED.items()),
    *(Family(f"CIFAR ResNet-{d}, option A", _cifar(d, "pad"), 32) for d in (20, 32, 110)),
    Family("CIFAR ResNet-56, option B", _cifar(56, "conv"), 32),
    Family("CIFAR ResNet-20, symmetric channel padding", _cifar(20, "pad-symmetric"), 32),
    Family("CIFAR ResNet, stochastic depth", replace(_CIFAR, drop_path=0.1), 32),
    Family("features of every stage, no head", replace(_CIFAR, head="features"), 32, casts=4),
    Family("fully convolutional head", replace(_CIFAR, head="conv"), 32, casts=2),
    Family("feature pyramid, upsampled by 2", replace(_CIFAR, head="pyramid"), 32, casts=4),
    Family("CenterNet-like (peaks of heat maps)", module=CenterNet, casts=3),
    *(Family(f"activation {name}", _activation(make), 32) for name, make in _ACTIVATIONS.items()),
)

# Between the names of families that are one network when they are shallow.
AND = " and "


def _shallow() -> tuple[Family, ...]:
    """Deep families with one block a stage, on images of 64 pixels or less: each network once."""
    families: dict[str, list[Family]] = {}
    for family in FAMILIES:
        if family.is_deep:
            depths = (1,) * len(family.design.depths)
            design = replace(family.design, depths=depths)
            families.setdefault(repr(design), []).append(replace(family, design=design))
    return tuple(
        replace(alike[0], name=AND.join(f.name for f in alike), size=min(alike[0].size, 64))
        for alike in families.values()
    )


SHALLOW = _shallow()


def _small() -> tuple[Family, ...]:
    """Every family at test size: few blocks, half the channels, each network once.

    Families that differ in one kind of layer share a network that has their kinds by turns.
    """
    by_turns = [
        _by_turns("attention", _BASIC, 1),
        _by_turns("middle", _BOTTLENECK, 1),
        _by_turns("activation", _CIFAR, 2),
    ]
    shared = {name for family in by_turns for name in family.name.split(AND)}
    families: dict[str, list[Family]] = {}
    for family in FAMILIES:
        if family.name not in shared:
            design = family.design
            depths = design.depths if sum(design.depths) <= 5 else (1,) * len(design.depths)
            small = replace(family, design=replace(design, depths=depths))
            alike = repr(small.design) if family.module is None else family.name
            families.setdefault(alike, []).append(small)
    joined = [
        replace(alike[0], name=AND.join(f.name for f in alike), size=min(alike[0].size, 64))
        for alike in families.values()
    ]
    return tuple(
        replace(family, design=_narrow(family.design), allowed=TOLERANCE)
        for family in (*joined, *by_turns)
    )


def _by_turns(attribute: str, base: Design, uses: int) -> Family:
    """All families that differ from a plain network in what one attribute makes, as one network.

    Args:
        attribute: of `Design`, which makes layers.
        base: what they have in common, with one block a stage.
        uses: layers of the kind that each block makes.
    """
    plain = getattr(Design(), attribute)
    alike = [
        family
        for family in FAMILIES
        if getattr(family.design, attribute) != plain
        and replace(family.design, **{attribute: plain}) in (_BASIC, _BOTTLENECK, _CIFAR)
    ]
    turns = cycle([getattr(family.design, attribute) for family in alike])
    # As many blocks as it takes to use each kind.
    first = -(-len(alike) // uses) - len(base.depths) + 1
    made: dict[str, Any] = {attribute: lambda *arguments: next(turns)(*arguments)}
    design = replace(base, depths=(first, *base.depths[1:]), **made)
    return Family(AND.join(f.name for f in alike), design, 32 if base is _CIFAR else 64)


def _narrow(design: Design) -> Design:
    return replace(design, widths=tuple(width // 2 for width in design.widths))


SMALL = _small()
