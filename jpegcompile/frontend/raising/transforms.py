"""Check that the transforms of a node are those that its definition describes.

A node receives its DCT matrices, the DCT of ones and the band as inputs. Raising omits them, so it
must know that they are what their names say.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from jpegcompile.dct.blocks import axis_dct, dc_map
from jpegcompile.dct.frequencies import band_map, full
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.raising.state import Size, State
from jpegcompile.frontend.walk import quoted
from jpegcompile.messages import Message
from jpegcompile.operators.casts import TO_JPEG, TO_SPATIAL
from jpegcompile.operators.convolution import RESIDUAL_INVERSE
from jpegcompile.operators.definition import Operand, Operator
from jpegcompile.operators.fragments import AXES, BAND, BLOCK, DC, FORWARD, INVERSE
from jpegcompile.operators.registry import OPERATORS

# Largest allowed error of an entry, which rounding to float16 explains.
_TOLERANCE = 2e-3
_LEFT = {AXES[0], INVERSE[0], FORWARD[0], RESIDUAL_INVERSE[0]}


def check_transforms(
    state: State,
    node: onnx.NodeProto,
    operator: Operator,
    given: dict[str, str],
    blocks: tuple[int, int],
    frequencies: int | None,
) -> tuple[Size | None, Size | None]:
    """Check the transforms of a node, and return the sizes of its input and output maps.

    Args:
        state: the graphs.
        node: the node.
        operator: its definition.
        given: tensors of the old graph by operand name.
        blocks: block sizes of the input and of the output.
        frequencies: the node's number of frequencies; None if it has none.

    Returns:
        (height, width) of the input map and of the output map, as far as the transforms show them.

    Raises:
        UnsupportedModelError: if a transform is not a constant with the defined values.
    """
    sizes: dict[tuple[str, str], int] = {}
    if operator.raising == "separable":
        matrices = [state.array(given[name]) for name in AXES]
        shapes = [matrix.shape for matrix in matrices if matrix is not None]
        if len(shapes) < len(AXES):
            return None, None
        units = (blocks[1], blocks[0]), (blocks[0], blocks[1])
        for name, shape, pair in zip(AXES, shapes, units, strict=True):
            if len(shape) != 2 or not all(map(_is_tiled, shape, pair)):
                raise _differs(state, node, name)
        (high, height), (width, wide) = shapes
        return (height, width), (high, wide)
    ingest = OPERATORS.get(operator.ingest)
    for operand in operator.inputs:
        if operand.role not in ("matrix", "plane"):
            continue
        if ingest is not None and ingest.has(operand.name):
            # The metadata describe the image that the ingest computes.
            continue
        values = state.array(given[operand.name])
        sides = _sides(operator, operand)
        wanted = None
        if values is not None and values.ndim == 2:
            wanted = _wanted(operator, operand, values, blocks[sides == "output"], frequencies)
        if values is None or wanted is None or not _is_close(values, wanted):
            raise _differs(state, node, operand.name)
        axes = ("height", "width") if operand.role == "plane" else (_axis(operand),)
        for axis, count in zip(axes, values.shape, strict=False):
            sizes[sides, axis] = count
    found: list[Size | None] = []
    for side in ("input", "output"):
        down, across = (sizes.get((side, axis)) for axis in ("height", "width"))
        found.append(None if down is None or across is None else (down, across))
    first, second = found
    if any(attribute == BLOCK for attribute in operator.attributes):
        # The output has the size of the input.
        return first or second, second or first
    return first, second


def _differs(state: State, node: onnx.NodeProto, operand: str) -> UnsupportedModelError:
    return state.refusal(
        node,
        Message(
            "own-transform-differs",
            f"has an input {quoted(operand)} that is not the constant of its definition; see"
            " docs/operators.md",
        ),
    )


def _is_tiled(size: int, block: int) -> bool:
    return size > 0 and size % block == 0


def _axis(operand: Operand) -> str:
    return "height" if operand.name in _LEFT else "width"


def _sides(operator: Operator, operand: Operand) -> str:
    """Whether a transform is of the input map or of the output map."""
    if operand.name in INVERSE:
        return "input"
    if operand.name == BAND.name:
        return "output" if operator.truncates else "input"
    if operand.name in AXES:
        return "output" if operator.name == TO_JPEG else "input"
    return "output"


def _wanted(
    operator: Operator,
    operand: Operand,
    values: NDArray[np.generic],
    block: int,
    frequencies: int | None,
) -> NDArray[np.float64] | None:
    """Return the values that an operand must have; None if its shape is impossible."""
    rows, columns = values.shape
    if not (_is_tiled(rows, block) and _is_tiled(columns, block)):
        return None
    if operand.name == DC.name:
        return dc_map(rows, columns, block)
    if operand.name == BAND.name:
        is_band = frequencies is not None and 1 <= frequencies <= full(block)
        return band_map(rows, columns, block, frequencies or 1) if is_band else None
    if rows != columns:
        return None
    is_inverse = operand.name in (*INVERSE, *RESIDUAL_INVERSE) or operator.name == TO_SPATIAL
    matrix = axis_dct(rows, block)
    return matrix.T if is_inverse == (operand.name in _LEFT) else matrix


def _is_close(values: NDArray[np.generic], wanted: NDArray[np.float64]) -> bool:
    given = values.astype(np.float64)
    return given.shape == wanted.shape and bool(np.abs(given - wanted).max() <= _TOLERANCE)
