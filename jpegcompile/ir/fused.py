"""Names of the operators that a convolution becomes together with what follows it.

    y = band * activation(convolution(x, weight) + bias + residual)

Each part but the convolution with its bias may be missing; only what is activated is truncated to
a band. An operator is called by its parts: JpegConvAddReluTruncate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

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


def fused_name(
    base: str, has_residual: bool, activation: Activation, is_truncated: bool = False
) -> str:
    """The operator of a convolution, a sum with a map of its result's shape, and an activation.

    Args:
        base: one of `BASES`.
        has_residual: whether there is a sum.
        activation: behind the convolution or the sum, or none.
        is_truncated: whether the result keeps few frequencies.
    """
    return f"{base}{'Add' if has_residual else ''}{activation}{'Truncate' if is_truncated else ''}"


class Form(NamedTuple):
    """The parts of an operator; see `fused_name`."""

    base: str
    has_residual: bool
    activation: Activation
    is_truncated: bool

    @property
    def name(self) -> str:
        """The operator."""
        return fused_name(*self)


def forms(*bases: str) -> Iterator[Form]:
    """Every operator of these convolutions, those by themselves included."""
    for base in bases:
        for activation in ACTIVATIONS:
            for has_residual in (False, True):
                yield Form(base, has_residual, activation, False)
                if activation and base != SPATIAL_CONV:
                    yield Form(base, has_residual, activation, True)


# Every operator that is a convolution, by itself or with what follows it.
CONVOLUTIONS: frozenset[str] = frozenset(
    fused_name(base, has_residual, activation)
    for base in BASES
    for has_residual in (False, True)
    for activation in OPERANDS
)

# Operators whose convolution has a window, and the attribute by which a native kernel is told how
# to compute it.
WINDOWED: frozenset[str] = frozenset(form.name for form in forms("JpegConv", SPATIAL_CONV))
METHOD = "method"
