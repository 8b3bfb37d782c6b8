"""The JPEG module of each spatial module, with the same parameters and buffers."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn

from jpegcompile.dct.frequencies import ALL
from jpegcompile.learning.lowering.operators import JpegDropout
from jpegcompile.learning.lowering.padded_pool import JpegPaddedMaxPool2d, PaddedMaxPool2d
from jpegcompile.learning.modules.activation import (
    JpegClip,
    JpegLeakyReLU,
    JpegPReLU,
    JpegReLU,
    JpegReLU6,
)
from jpegcompile.learning.modules.convolution import JpegConv2d
from jpegcompile.learning.modules.domain import Domain, Masking
from jpegcompile.learning.modules.normalization import (
    JpegBatchNorm2d,
    JpegGroupNorm,
    JpegInstanceNorm2d,
)
from jpegcompile.learning.modules.pooling import (
    JpegAdaptiveAvgPool2d,
    JpegAvgPool2d,
    JpegMaxPool2d,
)
from jpegcompile.learning.modules.synchronized import JpegSyncBatchNorm2d

Kind = TypeVar("Kind", bound=nn.Module)

_MASKED: dict[type[nn.Module], type[nn.Module]] = {
    nn.ReLU: JpegReLU,
    nn.ReLU6: JpegReLU6,
    nn.LeakyReLU: JpegLeakyReLU,
    nn.PReLU: JpegPReLU,
    nn.Hardtanh: JpegClip,
    nn.MaxPool2d: JpegMaxPool2d,
    PaddedMaxPool2d: JpegPaddedMaxPool2d,
}
_LINEAR: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: JpegConv2d,
    nn.BatchNorm2d: JpegBatchNorm2d,
    nn.SyncBatchNorm: JpegSyncBatchNorm2d,
    nn.GroupNorm: JpegGroupNorm,
    nn.InstanceNorm2d: JpegInstanceNorm2d,
    nn.AvgPool2d: JpegAvgPool2d,
    nn.AdaptiveAvgPool2d: JpegAdaptiveAvgPool2d,
    nn.Dropout: JpegDropout,
}
_TWINS = {**_MASKED, **_LINEAR}
_SPATIAL = {twin: spatial for spatial, twin in _TWINS.items()}
_OF_MASKS = ("frequencies", "masking", "domain")
# What a subclass may have of its own, and still compute what its base computes.
_HARMLESS = frozenset(("extra_repr", "reset_parameters"))


def kind_of(module: nn.Module) -> type[nn.Module]:
    """Return the class of PyTorch whose function a module computes; or its own class.

    A subclass that only sets arguments, such as a convolution with "same" padding, counts as its
    base. A module whose own `forward` was replaced counts as `torch.nn.Module`.
    """
    if "forward" in vars(module):
        return nn.Module
    for known in _TWINS:
        if isinstance(module, known) and not _overrides(module, known):
            return known
    return type(module)


def _overrides(module: nn.Module, known: type[nn.Module]) -> bool:
    """Whether the class of a module replaces a method that the class `known` has."""
    kinds = type(module).__mro__
    own = {name for kind in kinds[: kinds.index(known)] for name in vars(kind)}
    return any(
        hasattr(known, name) and (not name.startswith("__") or name == "__call__")
        for name in own - _HARMLESS
    )


def has_twin(module: nn.Module) -> bool:
    """Whether a module has a JPEG module."""
    return kind_of(module) in _TWINS


def has_spatial(module: nn.Module) -> bool:
    """Whether a module is a JPEG module with a spatial one."""
    return type(module) in _SPATIAL


def is_masked(module: nn.Module) -> bool:
    """Whether a module is piecewise linear, in either domain."""
    return kind_of(module) in _MASKED or type(module) in _MASKED.values()


def twin_of(module: nn.Module) -> nn.Module:
    """Return the JPEG module of a module; both share their parameters and buffers."""
    made = _same_state(_TWINS[kind_of(module)], module)
    return masked_form(made, ALL, "asm", "jpeg") if is_masked(module) else made


def spatial_of(module: nn.Module) -> nn.Module:
    """Return the spatial module of a JPEG module; both share their parameters and buffers."""
    if type(module) not in _SPATIAL:
        return clone(module)
    made = _same_state(_SPATIAL[type(module)], module)
    for name in _OF_MASKS:
        made.__dict__.pop(name, None)
    return made


def masked_form(module: nn.Module, frequencies: int, masking: Masking, domain: Domain) -> nn.Module:
    """Return a piecewise linear module with other masks.

    Args:
        module: the module in any domain.
        frequencies: number of mask frequencies, 1 to 15.
        masking: "asm" or "apx".
        domain: domain of the maps. On pixels, the exact module is the spatial one.
    """
    if domain == "spatial" and frequencies == ALL:
        return spatial_of(module)
    kind = type(module) if type(module) in _SPATIAL else _TWINS[kind_of(module)]
    made = _same_state(kind, module)
    attributes: Any = made
    if isinstance(made, JpegMaxPool2d):
        attributes.frequencies, attributes.domain = frequencies, domain
    else:
        attributes.set_masks(frequencies, masking, domain)
    return made


def clone(module: Kind) -> Kind:
    """Return a module of the same class, whose submodules share parameters and buffers."""
    made = _same_state(type(module), module)
    made._modules = clone_children(module)
    return made


def clone_children(module: nn.Module) -> dict[str, nn.Module | None]:
    """Return clones of the submodules of a module, by name."""
    children = module._modules.items()
    return {name: None if child is None else clone(child) for name, child in children}


def _same_state(kind: type[Kind], module: nn.Module) -> Kind:
    """Return a module of a class with the attributes of another; tensors are shared."""
    made = kind.__new__(kind)
    made.__dict__.update(module.__dict__)
    return made
