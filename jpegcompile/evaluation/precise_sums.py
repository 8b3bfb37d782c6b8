"""A network whose sums over whole maps are computed in float64: how far is the original off there?

ONNX Runtime adds the values of a map one after the other in float32. Where they are alike, as of an
image of one colour, the additions round to the same side, and the error grows with their number.
Moved sums (`moved.py`) do not show that, nor does a run that is not optimised.

    y = ReduceMean(x)  =>  y = Cast<float>(ReduceMean(Cast<double>(x)))
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto, helper

from jpegcompile.opset import standard_opset

_REDUCTIONS = frozenset(("ReduceMean", "ReduceSum"))
_POOL = "GlobalAveragePool"
# From this version of the operators on, axes of ReduceMean are an input.
_AXES_ARE_INPUT = 18


def with_precise_sums(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """A copy of a model with every mean and sum in float32 in float64; None if it has none.

    Args:
        model: the model; what stands within branches and loops is left as it is.
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
    """The mean over all axes but batch and channels, which GlobalAveragePool is."""
    axes = list(range(2, rank))
    if version < _AXES_ARE_INPUT:
        return helper.make_node("ReduceMean", [given], [made], axes=axes, keepdims=1)
    model.graph.initializer.append(
        helper.make_tensor(f"{name}.axes", TensorProto.INT64, [len(axes)], axes)
    )
    return helper.make_node("ReduceMean", [given, f"{name}.axes"], [made], keepdims=1)
