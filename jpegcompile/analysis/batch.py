"""Find operators that process each image of a batch independently, which allows a dynamic batch.

A tensor *carries* the batch if its first dimension counts images. For a node that reads such
tensors, `keeps_images_apart` decides whether its outputs carry the batch, image by image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import given_axes
from jpegcompile.analysis.statistics import inference_affine
from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.operators.pixelwise import FUNCTIONS

# fmt: off
# Each output element depends on one element of each operand, with NumPy broadcasting.
ELEMENTWISE = frozenset(FUNCTIONS) | frozenset(
    (
        "Add", "And", "Cast", "Ceil", "Clip", "Div", "Dropout", "Equal", "Floor", "Greater",
        "GreaterOrEqual", "Identity", "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Min",
        "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Reciprocal", "Relu", "Round", "Sign", "Sqrt",
        "Sub", "Sum", "Where", "Xor",
    )
)
# The channels of their input and output maps are axis 1.
BY_IMAGE = frozenset(
    (
        "AveragePool", "Conv", "ConvTranspose", "DepthToSpace", "GlobalAveragePool",
        "GlobalMaxPool", "GroupNormalization", "InstanceNormalization", "LRN", "MaxPool",
        "SpaceToDepth",
    )
)
# fmt: on


def keeps_images_apart(node: gs.Node, carriers: set[int]) -> bool:
    """Whether every output of a node carries the batch, and each image depends on itself only.

    Args:
        node: a node that reads at least one tensor that carries the batch.
        carriers: `id` of every upstream tensor that carries the batch.
    """
    if node.op in ELEMENTWISE:
        return _broadcasts_over_batch(node, carriers)
    if node.op == "Concat":
        return _attribute_axis(node, 0) not in (None, 0) and _all_carry(node.inputs, carriers)
    if node.op == "MatMul" and _all_carry(node.inputs, carriers):
        # At equal ranks above 2 the batch dimensions match; at rank 2 MatMul sums over the batch.
        ranks = [len(t.shape or ()) for t in node.inputs]
        return ranks[0] == ranks[1] >= 3
    if not _all_carry(node.inputs[:1], carriers) or _some_carry(node.inputs[1:], carriers):
        return False
    if node.op in BY_IMAGE:
        # The other outputs are positions of maxima, which are numbered across the whole batch.
        return not any(t.name for t in node.outputs[1:])
    check = _CHECKS.get(node.op)
    return check is not None and check(node)


def _all_carry(tensors: Sequence[gs.Tensor], carriers: set[int]) -> bool:
    return all(id(t) in carriers for t in tensors)


def _some_carry(tensors: Sequence[gs.Tensor], carriers: set[int]) -> bool:
    return any(id(t) in carriers for t in tensors)


def _broadcasts_over_batch(node: gs.Node, carriers: set[int]) -> bool:
    """Whether operands with the batch have one rank, and other operands have no batch."""
    shapes = [t.shape for t in node.inputs if id(t) in carriers]
    if any(shape is None for shape in shapes) or len({len(shape) for shape in shapes}) != 1:
        return False
    rank = len(shapes[0])
    for tensor in node.inputs:
        if id(tensor) in carriers or not tensor.name:
            continue
        shape = tensor.shape
        if shape is None or len(shape) > rank or (len(shape) == rank and shape[0] != 1):
            return False
    return True


def _rank(node: gs.Node) -> int:
    """Rank of the first input; 0 if it is unknown."""
    return len(node.inputs[0].shape or ())


def _attribute_axis(node: gs.Node, default: int) -> int | None:
    rank = _rank(node)
    return int(node.attrs.get("axis", default)) % rank if rank else None


def _axes_spare_batch(axes: Any, rank: int) -> bool:
    """Whether axes are known and exclude the batch; an empty list can mean all axes."""
    return axes is not None and len(axes) > 0 < rank and 0 not in {int(a) % rank for a in axes}


def _unsqueeze(node: gs.Node) -> bool:
    axes = given_axes(node)
    return axes is not None and _rank(node) > 0 and _axes_spare_batch(axes, _rank(node) + len(axes))


def _slice(node: gs.Node) -> bool:
    axes = given_axes(node, 3)
    if axes is None and input_at(node, 3) is None:
        starts = node.attrs["starts"] if "starts" in node.attrs else value_of(node.inputs[1])
        axes = list(range(0 if starts is None else len(starts)))
    return _axes_spare_batch(axes, _rank(node))


def _pad(node: gs.Node) -> bool:
    pads = node.attrs.get("pads")
    if pads is None and len(node.inputs) > 1:
        pads = value_of(node.inputs[1])
    if pads is None:
        return False
    if input_at(node, 3) is not None:
        return _axes_spare_batch(value_of(node.inputs[3]), _rank(node))
    return not pads[0] and not pads[len(pads) // 2]


def _reshape(node: gs.Node) -> bool:
    target = value_of(node.inputs[1])
    return target is not None and target.size > 1 and target[0] == 0


def _resize(node: gs.Node) -> bool:
    """Whether the scales keep the batch; they are an attribute (opset 7), or input 1 or 2.

    Sizes would include the batch, and so would a region of interest.
    """
    if node.attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        return False
    axes = node.attrs.get("axes")
    if axes is not None:
        return _axes_spare_batch(axes, _rank(node))
    scales: Any = node.attrs.get("scales")
    if scales is None:
        scales = value_of(input_at(node, 2 if len(node.inputs) > 2 else 1))
    # With sizes, the scales are omitted, or empty below opset 13.
    return scales is not None and len(scales) > 0 and float(scales[0]) == 1.0


def _expand(node: gs.Node) -> bool:
    """Whether the target neither repeats the batch nor adds dimensions before it."""
    target = value_of(node.inputs[1])
    if target is None or target.size > _rank(node):
        return False
    return bool(target.size < _rank(node) or target[0] == 1)


def _gather(node: gs.Node) -> bool:
    return _attribute_axis(node, 0) not in (None, 0) and value_of(node.inputs[1]) is not None


def _mat_mul(node: gs.Node) -> bool:
    return _constant_operands(node) and _rank(node) >= 2 == len(node.inputs[1].shape)


def _reduce(node: gs.Node) -> bool:
    return _axes_spare_batch(given_axes(node), _rank(node))


def _along(default: int) -> Callable[[gs.Node], bool]:
    """Create a check that the axis of an operator is not the batch."""
    return lambda node: _attribute_axis(node, default) not in (None, 0)


def _constant_operands(node: gs.Node) -> bool:
    return all(value_of(t) is not None for t in node.inputs[1:] if t.name)


_CHECKS: dict[str, Callable[[gs.Node], bool]] = {
    "ArgMax": _along(0),
    "BatchNormalization": lambda node: isinstance(inference_affine(node), ChannelAffine),
    "Expand": _expand,
    "Flatten": lambda node: _attribute_axis(node, 1) == 1,
    "Gather": _gather,
    "Gemm": lambda node: not node.attrs.get("transA") and _constant_operands(node),
    "LayerNormalization": _along(-1),
    "LogSoftmax": _along(-1),
    "MatMul": _mat_mul,
    "Pad": _pad,
    "ReduceMax": _reduce,
    "ReduceMean": _reduce,
    "ReduceMin": _reduce,
    "ReduceSum": _reduce,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
    "Softmax": _along(-1),
    "Split": _along(0),
    "Squeeze": _reduce,
    "Tile": _expand,
    "Transpose": lambda node: list(node.attrs.get("perm", ()))[:1] == [0],
    "Unsqueeze": _unsqueeze,
    "Upsample": _resize,
}
