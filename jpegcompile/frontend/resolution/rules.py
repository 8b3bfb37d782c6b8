"""Which operators follow the size of the image, and how those that do not are made to.

AveragePool over the whole map           =>  GlobalAveragePool; MaxPool likewise
Reshape to a shape of the trained size   =>  Reshape to what that becomes
Resize to a size of the trained size     =>  Resize to what that becomes
Slice that ends at the trained size      =>  Slice that ends at the end
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from jpegcompile.frontend.resolution.reshapes import shape_at
from jpegcompile.frontend.resolution.tensors import Dims, Tensors, reads
from jpegcompile.frontend.walk import FreshNames

# Pixel by pixel, with as many operands as they have.
_POINTWISE = frozenset(
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
_POOLS = {"AveragePool": "GlobalAveragePool", "MaxPool": "GlobalMaxPool"}
# Ends of slices from here on mean the end of the axis.
_FAR = 2**31 - 1
_END = 2**63 - 1


class DeclinedError(Exception):
    """A node cannot follow the size of the image; the text says why."""


@dataclass
class Rewriting:
    """A model on its way to another size.

    Attributes:
        model: changed in place.
        old: what is known at the size of the model.
        new: the same at the other size, up to the node that is looked at.
        maps: height and width of maps -> what they became.
        rewritten: names of the nodes that were changed.
        kept: names of the tensors that nodes make of nothing that changed.
    """

    model: onnx.ModelProto
    old: Tensors
    new: Tensors
    maps: dict[Dims, set[Dims]] = field(default_factory=dict)
    rewritten: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    _names: FreshNames | None = None

    def has_changed(self, name: str) -> bool:
        """Whether a tensor has another shape, or values, or is not known."""
        if name in self.old.constants or name in self.kept:
            return False
        before, after = self.old.dims(name), self.new.dims(name)
        if before is None or after is None or before != after:
            return True
        values, others = self.old.values.get(name), self.new.values.get(name)
        if values is None and others is None:
            return False
        return values is None or others is None or not np.array_equal(values, others)

    def shapes(self, name: str) -> tuple[Dims, Dims]:
        """Of a tensor, at both sizes.

        Raises:
            DeclinedError: if one is not known.
        """
        before, after = self.old.dims(name), self.new.dims(name)
        if before is None or after is None:
            raise DeclinedError(f"the shape of its operand '{name}' is not known")
        return before, after

    def constant(self, base: str, values: NDArray[Any]) -> str:
        """A new initializer."""
        self._names = self._names or FreshNames(self.model.graph)
        tensor = numpy_helper.from_array(values, self._names.fresh(base))
        self.model.graph.initializer.append(tensor)
        self.old.set_constant(tensor)
        self.new.set_constant(tensor)
        return tensor.name

    def fixed(self, node: onnx.NodeProto, index: int) -> NDArray[Any] | None:
        """Values of an operand that no size of the image changes; None if there are none."""
        name = node.input[index] if index < len(node.input) else ""
        return self.old.values.get(name) if name in self.old.constants else None


def fit(node: onnx.NodeProto, state: Rewriting) -> None:
    """Make a node follow the size of the image, in place; `state` knows what comes before it.

    Raises:
        DeclinedError: if it cannot, or nothing is known of its operator.
    """
    if node.op_type in ("Resize", "Upsample"):
        _resize(node, state)
        return
    if not any(state.has_changed(name) for name in reads(node)):
        state.kept.update(node.output)
        return
    if node.domain not in ("", "ai.onnx") or any(a.HasField("g") for a in node.attribute):
        raise DeclinedError("nothing is known of how it follows the size of its operands")
    if node.op_type in _POINTWISE:
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
                f"its constant '{name}' of shape {list(dims)} has a value for each place of a map"
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
    if covered and not any(_integers(node, "pads", 2 * len(before[2:]), 0)):
        raise DeclinedError("its kernel covers the whole map, so its weights are by position")


def _sum(node: onnx.NodeProto, state: Rewriting) -> None:
    before, after = state.shapes(node.input[0])
    axes = _axes(node, len(before), state)
    if any(before[axis] != after[axis] for axis in axes):
        raise DeclinedError("its values grow with the number of pixels that it takes in")


def _axes(node: onnx.NodeProto, rank: int, state: Rewriting) -> list[int]:
    given = _attribute(node, "axes")
    if given is None and len(node.input) > 1 and node.input[1]:
        given = state.new.values.get(node.input[1])
        if given is None:
            raise DeclinedError("its axes are not known")
    if given is None or len(given) == 0:
        return list(range(rank))
    return [int(axis) % rank for axis in given]


def _pool(node: onnx.NodeProto, state: Rewriting) -> None:
    """A window over the whole map stays one."""
    before, after = state.shapes(node.input[0])
    sides, rank = before[2:], len(before) - 2
    kernel = _integers(node, "kernel_shape", rank, 1)
    pads = _integers(node, "pads", 2 * rank, 0)
    made = state.old.dims(node.output[0])
    if made is None or before[2:] == after[2:] or any(size != 1 for size in made[2:]):
        return
    begins, ends = pads[:rank], pads[rank:]
    is_whole = all(
        begin + side <= extent and extent <= begin + side + end
        for side, extent, begin, end in zip(sides, kernel, begins, ends, strict=True)
    )
    counts_padding = node.op_type == "AveragePool" and _attribute(node, "count_include_pad")
    if not is_whole or (any(pads) and counts_padding) or len([o for o in node.output if o]) > 1:
        return
    node.op_type = _POOLS[node.op_type]
    del node.attribute[:]
    state.rewritten.append(node.name)


def _reshape(node: onnx.NodeProto, state: Rewriting) -> None:
    before, after = state.shapes(node.input[0])
    made = state.old.dims(node.output[0])
    wanted = None if made is None else shape_at(before, made, after, state.maps)
    if made is None or wanted is None:
        raise DeclinedError(
            f"takes {list(before)} apart to {list(made or ())}, and which part follows the size of"
            " the image is not known"
        )
    if _natural(node, state) == wanted:
        return
    # A 0 keeps the batch, whatever it is.
    keeps_batch = made[:1] == before[:1] and wanted[:1] == after[:1]
    target = [0, *wanted[1:]] if keeps_batch else list(wanted)
    node.input[1] = state.constant(f"{node.output[0]}.shape", np.asarray(target, np.int64))
    for attribute in [a for a in node.attribute if a.name == "allowzero"]:
        node.attribute.remove(attribute)
    state.rewritten.append(node.name)


def _natural(node: onnx.NodeProto, state: Rewriting) -> Dims | None:
    """The shape that a node makes as it is; None if it cannot."""
    try:
        made = state.new.made(node)
    except onnx.shape_inference.InferenceError:
        return None
    scratch = Tensors(state.new.opsets, types=made)
    return scratch.dims(node.output[0])


def _resize(node: onnx.NodeProto, state: Rewriting) -> None:
    """Sizes that were written out become those of the maps that they were of."""
    given = state.fixed(node, 3)
    if given is None:
        given = state.fixed(node, len(node.input) - 1)
        if state.has_changed(node.input[0]) or given is None:
            return
    before, after = state.shapes(node.input[0])
    made = state.old.dims(node.output[0])
    if made is None or len(made) != 4:
        raise DeclinedError("the size that it makes is not known")
    found = state.maps.get(made[2:], set())
    if len(found) > 1:
        raise DeclinedError(f"makes maps of {list(made[2:])}, which become several sizes")
    wanted = next(iter(found)) if found else _scaled(made[2:], before[2:], after[2:])
    if wanted == made[2:]:
        return
    if node.op_type == "Resize" and len(node.input) > 3 and node.input[3]:
        sizes = np.asarray([*given[: len(given) - 2], *wanted], np.int64)
        node.input[3] = state.constant(f"{node.output[0]}.sizes", sizes)
    else:
        scales = [1.0, 1.0, *(w / side for w, side in zip(wanted, after[2:], strict=True))]
        name = state.constant(f"{node.output[0]}.scales", np.asarray(scales, np.float32))
        node.input[len(node.input) - 1] = name
    state.rewritten.append(node.name)


def _scaled(made: Dims, before: Dims, after: Dims) -> Dims:
    if before == after:
        return made
    if any(size % side for size, side in zip(made, before, strict=True)):
        raise DeclinedError(
            f"makes maps of {list(made)}, and no other map says what becomes of them"
        )
    return tuple(
        size // side * wanted for size, side, wanted in zip(made, before, after, strict=True)
    )


def _slice(node: onnx.NodeProto, state: Rewriting) -> None:
    """Cuts at the borders follow the size; cuts at another place do not."""
    before, after = state.shapes(node.input[0])
    if _attribute(node, "starts") is not None:
        starts, ends = _attribute(node, "starts"), list(_attribute(node, "ends"))
        axes = _attribute(node, "axes")
        steps = None
    else:
        parts = [state.fixed(node, index) for index in range(1, 5)]
        if any(state.has_changed(name) for name in node.input[1:] if name):
            return
        if parts[0] is None or parts[1] is None:
            raise DeclinedError("where it cuts is not known")
        starts, ends, axes, steps = parts[0], list(parts[1]), parts[2], parts[3]
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    moved = False
    for place, (start, end, axis, step) in enumerate(zip(starts, ends, axes, steps, strict=True)):
        size = before[int(axis)]
        if size == after[int(axis)]:
            continue
        if step < 0 or start >= max(int(step), 2) or not (end < 0 or end >= min(size, _FAR)):
            raise DeclinedError(f"cuts an axis of {size} at a fixed place")
        if size <= end < _FAR:
            ends[place], moved = _END, True
    if moved:
        _set_ends(node, ends, state)


def _set_ends(node: onnx.NodeProto, ends: list[int], state: Rewriting) -> None:
    if _attribute(node, "ends") is not None:
        kept = [a for a in node.attribute if a.name != "ends"]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute("ends", [int(end) for end in ends])])
    else:
        node.input[2] = state.constant(f"{node.output[0]}.ends", np.asarray(ends, np.int64))
    state.rewritten.append(node.name)


def _product(node: onnx.NodeProto, state: Rewriting) -> None:
    """Weights of a product are for a number of inputs."""
    left, right = (state.shapes(name)[1] for name in node.input[:2])
    inputs = left[0] if _attribute(node, "transA") else left[-1]
    wanted = right[-1] if _attribute(node, "transB") or len(right) == 1 else right[-2]
    if inputs != wanted:
        raise DeclinedError(
            f"has weights for {wanted} inputs and would get {inputs}: it reads a map by position"
        )


def _along(node: onnx.NodeProto, state: Rewriting) -> None:
    """Takes parts of an axis, which must not be one that changes, but for its first or last."""
    before, after = state.shapes(node.input[0])
    axis = int(_attribute(node, "axis") or 0) % len(before)
    if before[axis] == after[axis]:
        return
    taken = state.fixed(node, 1) if node.op_type == "Gather" else None
    if taken is None or not set(np.ravel(taken).tolist()) <= {0, -1}:
        raise DeclinedError(f"takes parts of an axis of {before[axis]} by their place")


def _layer_normalization(node: onnx.NodeProto, state: Rewriting) -> None:
    before, after = state.shapes(node.input[0])
    axis = _attribute(node, "axis")
    first = (-1 if axis is None else int(axis)) % len(before)
    if before[first:] != after[first:]:
        raise DeclinedError("has a weight for each place of a map")


_RULES: Mapping[str, Callable[[onnx.NodeProto, Rewriting], None]] = {
    "AveragePool": _pool,
    "MaxPool": _pool,
    "Reshape": _reshape,
    "Slice": _slice,
    "Gemm": _product,
    "MatMul": _product,
    "Gather": _along,
    "Split": _along,
    "ArgMax": _along,
    "ArgMin": _along,
    "LayerNormalization": _layer_normalization,
}


def _attribute(node: onnx.NodeProto, name: str) -> Any:
    return next(
        (helper.get_attribute_value(a) for a in node.attribute if a.name == name),
        None,
    )


def _integers(node: onnx.NodeProto, name: str, count: int, default: int) -> list[int]:
    values = _attribute(node, name)
    return [default] * count if values is None else [int(value) for value in values]
