"""Append the spatial form of an operator, as its definition states it, to the new graph."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import helper

from jpegcompile.frontend.raising.state import State
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.function import spatial_function_of
from jpegcompile.operators.piecewise import CLIP_INPUTS_SINCE


def append_spatial(
    state: State, node: onnx.NodeProto, operator: Operator, inputs: Mapping[str, str], target: str
) -> str:
    """Append the nodes of an operator on pixels.

    Args:
        state: the graphs.
        node: the node of the operator.
        operator: its definition.
        inputs: tensors of the new graph by operand name.
        target: name for the output.

    Returns:
        The output: `target`, or an input if the spatial form is that input.
    """
    function = spatial_function_of(operator, state.opset)
    defaults = {a.name: a.default for a in operator.all_attributes if a.default is not None}
    given = {a.name: a for a in node.attribute}
    for name, value in defaults.items():
        given.setdefault(name, helper.make_attribute(name, value))
    return append_body(state, node, list(function.node), given, inputs, ("y", target))


def append_body(
    state: State,
    node: onnx.NodeProto,
    body: list[onnx.NodeProto],
    given: Mapping[str, onnx.AttributeProto],
    inputs: Mapping[str, str],
    output: tuple[str, str],
) -> str:
    """Append the nodes of a function body without its Identity nodes.

    Args:
        state: the graphs.
        node: the node that calls the function.
        body: nodes of the function.
        given: attributes of the call by name.
        inputs: tensors of the new graph by the name of the function's input.
        output: name of the function's output in the body, and in the new graph.

    Returns:
        The output in the new graph: the given name, or an input.
    """
    source = {n.output[0]: n.input[0] for n in body if n.op_type == "Identity"}

    def origin(name: str) -> str:
        while name in source:
            name = source[name]
        return name

    made = dict(inputs)
    last = origin(output[0])
    if last in made:
        return made[last]
    made[last] = output[1]
    for inner in body:
        if inner.op_type == "Identity":
            continue
        if inner.op_type == "Constant":
            (value,) = inner.attribute
            array = onnx.numpy_helper.to_array(value.t)
            made[inner.output[0]] = state.constant(f"{output[1]}.{inner.output[0]}", array)
            continue
        for name in filter(None, inner.output):
            if name not in made:
                made[name] = state.names.fresh(f"{output[1]}.{name}")
        is_last = last in inner.output
        copy = onnx.NodeProto(op_type=inner.op_type)
        copy.name = node.name if is_last else state.names.fresh(f"{node.name}.{inner.op_type}")
        copy.input.extend(made[origin(name)] if name else "" for name in inner.input)
        copy.output.extend(made[name] if name else "" for name in inner.output)
        copy.attribute.extend(_attribute(a, given) for a in inner.attribute)
        state.nodes.append(_old_clip(state, copy))
    return output[1]


def _attribute(
    attribute: onnx.AttributeProto, given: Mapping[str, onnx.AttributeProto]
) -> onnx.AttributeProto:
    result = onnx.AttributeProto()
    result.CopyFrom(attribute if not attribute.ref_attr_name else given[attribute.ref_attr_name])
    result.name = attribute.name
    return result


def _old_clip(state: State, node: onnx.NodeProto) -> onnx.NodeProto:
    """Return a Clip with its bounds as attributes, which they are below opset 11."""
    if node.op_type != "Clip" or state.opset >= CLIP_INPUTS_SINCE:
        return node
    bounds = [state.array(name) for name in node.input[1:]]
    if any(bound is None for bound in bounds):
        return node
    values = (float(bound.item()) for bound in bounds if bound is not None)
    low, high = values
    return helper.make_node("Clip", node.input[:1], node.output, node.name, min=low, max=high)
