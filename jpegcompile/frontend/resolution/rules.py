"""Decide for each operator whether and how it follows the image size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import onnx

from jpegcompile.frontend.resolution.rewrites import (
    expand,
    pool,
    reshape,
    resize,
    slice_,
    split,
)
from jpegcompile.frontend.resolution.state import (
    DeclinedError,
    Rewriting,
    attribute,
    integers,
)
from jpegcompile.frontend.resolution.tensors import reads, shape_text
from jpegcompile.messages import Message

# Per-pixel functions of any number of operands.
_PIXELWISE = frozenset(
    (
        *("Abs", "Acos", "Acosh", "Add", "And", "Asin", "Asinh", "Atan", "Atanh", "BitShift"),
        *("Cast", "CastLike", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Div", "Dropout", "Elu"),
        *("Equal", "Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid"),
        *("HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Log"),
        *("Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pow"),
        *("Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus"),
        *("Softsign", "Sqrt", "Sub", "Sum", "Tan", "Tanh", "ThresholdedRelu", "Where", "Xor"),
    )
)
# Operators that depend neither on positions nor on the number of pixels.
_FOLLOWS = frozenset(
    (
        *("Concat", "DepthToSpace", "Expand", "Flatten", "GlobalAveragePool", "GlobalMaxPool"),
        *("LRN", "LogSoftmax", "LpNormalization", "Pad", "ReduceMax", "ReduceMean", "ReduceMin"),
        *("Shape", "Size", "Softmax", "SpaceToDepth", "Squeeze", "Transpose", "Unsqueeze"),
    )
)
_BY_CHANNEL = frozenset(
    (
        *("BatchNormalization", "Conv", "ConvTranspose", "GroupNormalization"),
        "InstanceNormalization",
    )
)
# Operators whose results grow with the number of pixels.
_SUMS = frozenset(
    (
        *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd", "ReduceSum"),
        "ReduceSumSquare",
    )
)


def fit(node: onnx.NodeProto, state: Rewriting) -> None:
    """Make a node follow the image size, in place.

    Args:
        node: the node.
        state: tensors of the nodes before it.

    Raises:
        DeclinedError: if the node cannot follow, or its operator is unknown.
    """
    if node.op_type in ("Resize", "Upsample"):
        resize(node, state)
        return
    if node.op_type == "Expand" and expand(node, state):
        return
    if not any(state.has_changed(name) for name in reads(node)):
        state.kept.update(node.output)
        return
    if node.domain not in ("", "ai.onnx") or any(a.HasField("g") for a in node.attribute):
        raise _unknown()
    if node.op_type in _PIXELWISE:
        _broadcast(node, state)
    elif node.op_type in _BY_CHANNEL:
        _by_channel(node, state)
    elif node.op_type in _SUMS:
        _sum(node, state)
    elif node.op_type in _RULES:
        _RULES[node.op_type](node, state)
    elif node.op_type not in _FOLLOWS:
        raise _unknown()


def _unknown() -> DeclinedError:
    return DeclinedError(
        Message(
            "resolution-operator-unknown", "it is unknown how it follows the size of its operands"
        )
    )


def _broadcast(node: onnx.NodeProto, state: Rewriting) -> None:
    """Decline a constant with a value for each position of a map: it fits one size only."""
    shapes = {name: state.shapes(name) for name in reads(node)}
    changed = {
        axis - len(before)
        for before, after in shapes.values()
        for axis in range(len(before))
        if len(before) != len(after) or before[axis] != after[axis]
    }
    for name, (dims, _) in shapes.items():
        if name in state.old.constants and any(
            size > 1 and axis - len(dims) in changed for axis, size in enumerate(dims)
        ):
            raise DeclinedError(
                Message(
                    "resolution-constant-by-position",
                    f"its constant '{name}' of shape {shape_text(dims)} has a value for each"
                    " position of a map",
                )
            )


def _by_channel(node: onnx.NodeProto, state: Rewriting) -> None:
    before, after = state.shapes(node.input[0])
    if before[1] != after[1]:
        raise DeclinedError(
            Message(
                "resolution-channels-by-position",
                f"it has weights for {before[1]} channels but would get {after[1]}: the channels"
                " are positions of a map",
            )
        )
    if any(a.name == "output_shape" for a in node.attribute):
        raise DeclinedError(
            Message(
                "resolution-output-shape-fixed", "it outputs maps of a fixed size (output_shape)"
            )
        )
    kernel = state.old.dims(node.input[1]) if node.op_type == "Conv" else None
    covered = kernel is not None and kernel[2:] == before[2:] and math.prod(kernel[2:]) > 1
    if covered and not any(integers(node, "pads", 2 * len(before[2:]), 0)):
        raise DeclinedError(
            Message(
                "resolution-kernel-covers-map",
                "its kernel covers the whole map, so it has a weight for each position",
            )
        )


def _sum(node: onnx.NodeProto, state: Rewriting) -> None:
    before, after = state.shapes(node.input[0])
    axes = _axes(node, len(before), state)
    if any(before[axis] != after[axis] for axis in axes):
        raise DeclinedError(
            Message("resolution-sum-grows", "its values grow with the number of pixels")
        )


def _axes(node: onnx.NodeProto, rank: int, state: Rewriting) -> list[int]:
    given = attribute(node, "axes")
    if given is None and len(node.input) > 1 and node.input[1]:
        given = state.new.values.get(node.input[1])
        if given is None:
            raise DeclinedError(Message("resolution-axes-unknown", "its axes are unknown"))
    if given is None or len(given) == 0:
        return list(range(rank))
    return [int(axis) % rank for axis in given]


def _product(node: onnx.NodeProto, state: Rewriting) -> None:
    """Decline a product whose weights do not match the new number of inputs."""
    left, right = (state.shapes(name)[1] for name in node.input[:2])
    inputs = left[0] if attribute(node, "transA") else left[-1]
    wanted = right[-1] if attribute(node, "transB") or len(right) == 1 else right[-2]
    if inputs != wanted:
        raise DeclinedError(
            Message(
                "resolution-product-by-position",
                f"it has weights for {wanted} inputs but would get {inputs}: it reads a map by"
                " position",
            )
        )


def _along(node: onnx.NodeProto, state: Rewriting) -> None:
    """Decline a selection along a changed axis, except of its first or last element."""
    before, after = state.shapes(node.input[0])
    axis = int(attribute(node, "axis") or 0) % len(before)
    if before[axis] == after[axis]:
        return
    taken = state.fixed(node, 1) if node.op_type == "Gather" else None
    if taken is None or not set(np.ravel(taken).tolist()) <= {0, -1}:
        raise DeclinedError(
            Message(
                "resolution-selects-by-position",
                f"it selects parts of an axis of {before[axis]} by position",
            )
        )


def _split(node: onnx.NodeProto, state: Rewriting) -> None:
    if not state.is_computed(node.input[1:]) and not split(node, state):
        _along(node, state)


def _layer_normalization(node: onnx.NodeProto, state: Rewriting) -> None:
    before, after = state.shapes(node.input[0])
    axis = attribute(node, "axis")
    first = (-1 if axis is None else int(axis)) % len(before)
    if before[first:] != after[first:]:
        raise DeclinedError(
            Message("resolution-weights-by-position", "it has a weight for each position of a map")
        )


_RULES: Mapping[str, Callable[[onnx.NodeProto, Rewriting], None]] = {
    "AveragePool": pool,
    "MaxPool": pool,
    "Reshape": reshape,
    "Slice": slice_,
    "Gemm": _product,
    "MatMul": _product,
    "Gather": _along,
    "Split": _split,
    "ArgMax": _along,
    "ArgMin": _along,
    "LayerNormalization": _layer_normalization,
}
