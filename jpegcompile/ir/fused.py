"""Names of the operators that a convolution becomes together with what follows it.

    y = activation(convolution(x, weight) + bias + residual)

Each part behind the bias may be missing. An operator is called by its parts: JpegConvAddRelu.
"""

from __future__ import annotations

from typing import Literal

Activation = Literal["", "Relu", "PRelu", "Clip"]

# The convolution at block size 1, where the spatial domain is its own twin.
SPATIAL_CONV = "SpatialConv"
BASES = ("JpegConv", "JpegPointwiseConv", SPATIAL_CONV)

# What each activation reads besides the map.
OPERANDS: dict[Activation, tuple[str, ...]] = {
    "": (),
    "Relu": (),
    "PRelu": ("slope",),
    "Clip": ("low", "high"),
}
ACTIVATIONS = tuple(OPERANDS)


def fused_name(base: str, has_residual: bool, activation: Activation) -> str:
    """The operator of a convolution, a sum with a map of its result's shape, and an activation."""
    return f"{base}{'Add' if has_residual else ''}{activation}"


# Every operator that is a convolution, by itself or with what follows it.
CONVOLUTIONS: frozenset[str] = frozenset(
    fused_name(base, has_residual, activation)
    for base in BASES
    for has_residual in (False, True)
    for activation in OPERANDS
)

# Operators whose convolution has a window, and the attribute by which a native kernel is told how
# to compute it.
WINDOWED: frozenset[str] = frozenset(
    fused_name(base, has_residual, activation)
    for base in ("JpegConv", SPATIAL_CONV)
    for has_residual in (False, True)
    for activation in OPERANDS
)
METHOD = "method"
