"""Names of the operators that a convolution becomes together with what follows it.

    y = band * activation(convolution(x, weight) + bias + residual)

Each part but the convolution with its bias may be missing; only what is activated is truncated to
a band. An operator is called by its parts: JpegConvAddReluTruncate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
CONVOLUTIONS: frozenset[str] = frozenset(form.name for form in forms(*BASES))

# Operators whose convolution has a window, and the attribute by which a native kernel is told how
# to compute it.
WINDOWED: frozenset[str] = frozenset(form.name for form in forms("JpegConv", SPATIAL_CONV))
METHOD = "method"

# The inputs of each ingest come first among those of what it is fused with.
INGEST_INPUTS: Mapping[str, int] = {"JpegIngest": 16, "JpegIngestGray": 10}


def first_convolution_name(ingest: str, convolution: str) -> str:
    """The operator of an ingest and the convolution that alone reads its image."""
    return f"{ingest}{convolution.removeprefix('Jpeg')}"


# The ingest and the convolution of each such operator, by its name. Its attribute `method` has a
# native kernel go by the coefficients that are not zero ("sparse"), or by pixels ("dense"). Without
# it, the kernel goes by those that are not zero if they ask for no more than so many vectors of 16
# sums: each for as many as there are outputs that its block reaches, times groups of channels.
SPARSE_VECTORS = "sparse_vectors"
FIRST_CONVOLUTIONS: Mapping[str, tuple[str, str]] = {
    first_convolution_name(ingest, form.name): (ingest, form.name)
    for ingest in INGEST_INPUTS
    for form in forms("JpegConv", SPATIAL_CONV)
    if not form.has_residual
}
