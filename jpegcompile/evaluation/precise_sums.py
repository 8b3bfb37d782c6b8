"""Compute a network's sums over whole maps in float64, to find the original's error of these sums.

ONNX Runtime adds the values of a map one after another in float32. If the values are equal, as in
an image of one color, the additions round in the same direction, and the error grows with their
number. Neither moved sums (`moved.py`) nor an unoptimized run show this error.

    y = ReduceMean(x)  =>  y = Cast<float>(ReduceMean(Cast<double>(x)))
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto, helper

from jpegcompile.opset import standard_opset

_REDUCTIONS = frozenset(("ReduceMean", "ReduceSum"))
_POOL = "GlobalAveragePool"
# The first opset in which the axes of ReduceMean are an input.
_AXES_ARE_INPUT = 18


def with_precise_sums(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Return a copy of a model that computes float32 means and sums in float64; None without any.

    Args:
        model: the model; nodes within branches and loops do not change.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    inferred = onnx.shape_inference.infer_shapes(model).graph
    described = (*inferred.input, *inferred.value_info, *inferred.output)
    types = {value.name: value.type.tensor_type for value in described}
    version = standard_opset(model.opset_import)
    nodes: list[onnx.NodeProto] = []
    for number, node in enumerate(model.graph.node):
        kind = types.get(node.input[0]) if node.input else None
        is_sum = node.op_type in _REDUCTIONS or (
            node.op_type == _POOL and kind is not None and kind.HasField("shape")
        )
        if is_sum and kind is not None and kind.elem_type == TensorProto.FLOAT:
            rank = len(kind.shape.dim)
            nodes.extend(_in_doubles(node, f"jpegcompile.precise.{number}", rank, version, result))
        else:
            nodes.append(node)
    if len(nodes) == len(model.graph.node):
        return None
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    return result


def _in_doubles(
    node: onnx.NodeProto, name: str, rank: int, version: int, model: onnx.ModelProto
) -> Iterator[onnx.NodeProto]:
    given, made = f"{name}.x", f"{name}.y"
    yield helper.make_node("Cast", [node.input[0]], [given], to=TensorProto.DOUBLE)
    if node.op_type == _POOL:
        yield _mean(given, made, name, rank, version, model)
    else:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[0], copy.output[0] = given, made
        yield copy
    yield helper.make_node("Cast", [made], [node.output[0]], to=TensorProto.FLOAT)


def _mean(
    given: str, made: str, name: str, rank: int, version: int, model: onnx.ModelProto
) -> onnx.NodeProto:
    """Return a GlobalAveragePool as the mean over all axes except batch and channels."""
    axes = list(range(2, rank))
    if version < _AXES_ARE_INPUT:
        return helper.make_node("ReduceMean", [given], [made], axes=axes, keepdims=1)
    model.graph.initializer.append(
        helper.make_tensor(f"{name}.axes", TensorProto.INT64, [len(axes)], axes)
    )
    return helper.make_node("ReduceMean", [given, f"{name}.axes"], [made], keepdims=1)
