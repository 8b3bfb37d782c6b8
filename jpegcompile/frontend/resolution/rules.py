"""Which operators follow the size of the image by themselves, and which cannot."""

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

# Pixel by pixel, with as many operands as they have.
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
# What they compute has no place in the map and no number of pixels in it.
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
# Grow with the number of pixels that they take in.
_SUMS = frozenset(
    (
        *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd", "ReduceSum"),
        "ReduceSumSquare",
    )
)


def fit(node: onnx.NodeProto, state: Rewriting) -> None:
    """Make a node follow the size of the image, in place; `state` knows what comes before it.

    Raises:
        DeclinedError: if it cannot, or nothing is known of its operator.
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
        raise DeclinedError("nothing is known of how it follows the size of its operands")
    if node.op_type in _PIXELWISE:
        _broadcast(node, state)
    elif node.op_type in _BY_CHANNEL:
        _by_channel(node, state)
    elif node.op_type in _SUMS:
        _sum(node, state)
    elif node.op_type in _RULES:
        _RULES[node.op_type](node, state)
    elif node.op_type not in _FOLLOWS:
        raise DeclinedError("nothing is known of how it follows the size of its operands")


def _broadcast(node: onnx.NodeProto, state: Rewriting) -> None:
    """A constant that has a value for each place of a map is for maps of one size."""
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
                f"its constant '{name}' of shape {shape_text(dims)} has a value for"
                " each place of a map"
            )


def _by_channel(node: onnx.NodeProto, state: Rewriting) -> None:
    before, after = state.shapes(node.input[0])
    if before[1] != after[1]:
        raise DeclinedError(
            f"has weights for {before[1]} channels and would get {after[1]}: they are places of a"
            " map"
        )
    if any(a.name == "output_shape" for a in node.attribute):
        raise DeclinedError("makes maps of a fixed size (output_shape)")
    kernel = state.old.dims(node.input[1]) if node.op_type == "Conv" else None
    covered = kernel is not None and kernel[2:] == before[2:] and math.prod(kernel[2:]) > 1
    if covered and not any(integers(node, "pads", 2 * len(before[2:]), 0)):
        raise DeclinedError("its kernel covers the whole map, so its weights are by position")


def _sum(node: onnx.NodeProto, state: Rewriting) -> None:
    before, after = state.shapes(node.input[0])
    axes = _axes(node, len(before), state)
    if any(before[axis] != after[axis] for axis in axes):
        raise DeclinedError("its values grow with the number of pixels that it takes in")


def _axes(node: onnx.NodeProto, rank: int, state: Rewriting) -> list[int]:
    given = attribute(node, "axes")
    if given is None and len(node.input) > 1 and node.input[1]:
        given = state.new.values.get(node.input[1])
        if given is None:
            raise DeclinedError("its axes are not known")
    if given is None or len(given) == 0:
        return list(range(rank))
    return [int(axis) % rank for axis in given]


def _product(node: onnx.NodeProto, state: Rewriting) -> None:
    """Weights of a product are for a number of inputs."""
    left, right = (state.shapes(name)[1] for name in node.input[:2])
    inputs = left[0] if attribute(node, "transA") else left[-1]
    wanted = right[-1] if attribute(node, "transB") or len(right) == 1 else right[-2]
    if inputs != wanted:
        raise DeclinedError(
            f"has weights for {wanted} inputs and would get {inputs}: it reads a map by position"
        )


def _along(node: onnx.NodeProto, state: Rewriting) -> None:
    """Takes parts of an axis, which must not be one that changes, but for its first or last."""
    before, after = state.shapes(node.input[0])
    axis = int(attribute(node, "axis") or 0) % len(before)
    if before[axis] == after[axis]:
        return
    taken = state.fixed(node, 1) if node.op_type == "Gather" else None
    if taken is None or not set(np.ravel(taken).tolist()) <= {0, -1}:
        raise DeclinedError(f"takes parts of an axis of {before[axis]} by their place")


def _split(node: onnx.NodeProto, state: Rewriting) -> None:
    if not state.is_computed(node.input[1:]) and not split(node, state):
        _along(node, state)


def _layer_normalization(node: onnx.NodeProto, state: Rewriting) -> None:
    before, after = state.shapes(node.input[0])
    axis = attribute(node, "axis")
    first = (-1 if axis is None else int(axis)) % len(before)
    if before[first:] != after[first:]:
        raise DeclinedError("has a weight for each place of a map")


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
