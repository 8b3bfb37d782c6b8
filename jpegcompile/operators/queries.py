"""Questions about the operators of the domain, answered from their definitions."""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.operators.convolution import fused_name
from jpegcompile.operators.definition import Masking, Operand, Operator
from jpegcompile.operators.ingest import DECODES, PREPROCESSING
from jpegcompile.operators.registry import OPERATORS

# Attributes that say how a map stands in memory. A map in groups [N, C, H, W] is stored in the
# order [N][C / 16][H][W][16]. A compact one, of which each tile has the coefficients u + v < n
# alone, in the order [N][C / 16][tiles][K][16]: the K coefficients of a tile row by row. The shape
# stays what it was.
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
    """The maps that may be grouped, by the attributes that say so."""
    return {m.group_attribute: m for m in operator.maps if m.is_grouped}


def compact_operands(operator: Operator) -> Mapping[str, Operand]:
    """The maps that may be compact, by the attributes that say so."""
    return {m.frequencies_attribute: m for m in operator.maps if m.is_compact}


def is_piecewise_linear(operator: Operator) -> bool:
    """Whether few frequencies can decide, or decide, what the operator does with each pixel."""
    return bool(operator.exact) or operator.name in _APPROXIMATED


def approximation_of(operator: Operator, masking: Masking) -> Operator | None:
    """The form of an exact operator whose mask few frequencies decide; None if there is none.

    What takes positions has one form for both maskings.
    """
    forms = [o for o in OPERATORS.values() if o.exact == operator.name]
    fitting = [o for o in forms if o.masking == masking or o.takes_positions]
    return fitting[0] if fitting else None


def is_decode(op: str) -> bool:
    """Whether an operator reads the bytes of a file, which no standard operator does."""
    return op in OPERATORS and any(operand.type == "uint8" for operand in OPERATORS[op].inputs)


def has_body(op: str) -> bool:
    """Whether an operator can be computed without a native kernel, by standard operators."""
    return op not in _OF_KERNELS_ALONE


def is_ingest(operator: Operator) -> bool:
    """Whether an operator makes the network's input of coefficients, and nothing more."""
    return not operator.ingest and any(o.type == "uint16" for o in operator.inputs)


def joined(ingest: Operator, convolution: Operator) -> Operator | None:
    """The operator of an ingest and the convolution that alone reads its image, if there is one."""
    for operator in OPERATORS.values():
        if operator.ingest == ingest.name and convolution_in(operator) is convolution:
            return operator
    return None


def ingest_in(operator: Operator) -> Operator:
    """The ingest that an operator begins with.

    Raises:
        KeyError: if it begins with none.
    """
    return OPERATORS[operator.ingest]


def convolution_in(operator: Operator) -> Operator:
    """The convolution with its activation that follows an ingest within an operator.

    Raises:
        KeyError: if the operator contains no convolution.
    """
    name = fused_name(
        operator.base, operator.has("residual"), operator.activation, operator.truncates
    )
    return OPERATORS[name]
