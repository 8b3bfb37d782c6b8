"""Queries about the `jpegcompile` operators, answered from their definitions."""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.operators.convolution import fused_name
from jpegcompile.operators.definition import Masking, Operand, Operator
from jpegcompile.operators.ingest import DECODES, PREPROCESSING
from jpegcompile.operators.registry import OPERATORS

# Attributes for the layouts of maps. A grouped map of shape [N, C, H, W] is stored in the order
# [N][C / 16][H][W][16]. A compact map stores only the K coefficients u + v < n of each tile. Their
# order is [N][C / 16][tiles][K][16], row by row within a tile. The tensor keeps its shape.
_MAPS = tuple(
    operand
    for side in ("inputs", "outputs")
    for operator in OPERATORS.values()
    for operand in getattr(operator, side)
    if operand.role == "map"
)
GROUP_ATTRIBUTES = tuple(dict.fromkeys(m.group_attribute for m in _MAPS if m.is_grouped))
COMPACT_ATTRIBUTES = tuple(dict.fromkeys(m.frequencies_attribute for m in _MAPS if m.is_compact))
_OF_KERNELS_ALONE = frozenset(operator.name for operator in (*DECODES, *PREPROCESSING))
_APPROXIMATED = frozenset(operator.exact for operator in OPERATORS.values() if operator.exact)


def grouped_operands(operator: Operator) -> Mapping[str, Operand]:
    """Return the maps that can be grouped, by the attribute for their layout."""
    return {m.group_attribute: m for m in operator.maps if m.is_grouped}


def compact_operands(operator: Operator) -> Mapping[str, Operand]:
    """Return the maps that can be compact, by the attribute for their layout."""
    return {m.frequencies_attribute: m for m in operator.maps if m.is_compact}


def is_piecewise_linear(operator: Operator) -> bool:
    """Whether an operator is an ASM or APX approximation, or can be approximated."""
    return bool(operator.exact) or operator.name in _APPROXIMATED


def approximation_of(operator: Operator, masking: Masking) -> Operator | None:
    """Return the approximation of an exact operator by few frequencies; None if there is none.

    An operator whose approximation determines positions has one approximation for both maskings.
    """
    forms = [o for o in OPERATORS.values() if o.exact == operator.name]
    fitting = [o for o in forms if o.masking == masking or o.takes_positions]
    return fitting[0] if fitting else None


def is_decode(op: str) -> bool:
    """Whether an operator reads the bytes of a file, which no standard operator can."""
    return op in OPERATORS and any(operand.type == "uint8" for operand in OPERATORS[op].inputs)


def has_body(op: str) -> bool:
    """Whether an operator can run without a native kernel, through standard operators."""
    return op not in _OF_KERNELS_ALONE


def is_ingest(operator: Operator) -> bool:
    """Whether an operator only computes the network's input from coefficients."""
    return not operator.ingest and any(o.type == "uint16" for o in operator.inputs)


def joined(ingest: Operator, convolution: Operator) -> Operator | None:
    """Return the fused operator of an ingest and the only convolution that reads its output."""
    for operator in OPERATORS.values():
        if operator.ingest == ingest.name and convolution_in(operator) is convolution:
            return operator
    return None


def ingest_in(operator: Operator) -> Operator:
    """Return the ingest that an operator starts with.

    Raises:
        KeyError: if the operator does not start with an ingest.
    """
    return OPERATORS[operator.ingest]


def convolution_in(operator: Operator) -> Operator:
    """Return the fused convolution that follows an ingest within an operator.

    Raises:
        KeyError: if the operator contains no convolution.
    """
    name = fused_name(
        operator.base, operator.has("residual"), operator.activation, operator.truncates
    )
    return OPERATORS[name]
