"""Models of one `jpegcompile` node, and models raised to pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from support.function_bodies import Array, BodyCase, body_model
from support.oracle import Evaluator

from jpegcompile.frontend.load import load_standard
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.registry import OPERATORS


def one_node(case: BodyCase, opset: int) -> onnx.ModelProto:
    """A model of one node: maps are inputs, and other operands are constants."""
    model = body_model(case, opset)
    graph, operator = model.graph, OPERATORS[case.op]
    names = {value.name: index for index, value in enumerate(graph.input)}
    for value in list(graph.input):
        index = names[value.name]
        if operator.inputs[index].role != "map":
            graph.input.remove(value)
            tensor = numpy_helper.from_array(np.asarray(case.operands[index]), value.name)
            graph.initializer.append(tensor)
    graph.node[0].name = "node"
    return model


def maps_of(case: BodyCase) -> dict[str, Array]:
    """Feeds of `one_node`."""
    operands = zip(OPERATORS[case.op].inputs, case.operands, strict=False)
    return {f"i{i}": array for i, (o, array) in enumerate(operands) if o.role == "map"}


def evaluated(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> Array:
    """The first output of a model of standard operators, by the reference evaluator."""
    outputs: Any = Evaluator(model).run(None, dict(feeds))
    return np.asarray(outputs[0])


def raised(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without `jpegcompile` operators."""
    result = load_standard(model).model
    assert {node.domain for node in result.graph.node} <= {""}
    onnx.checker.check_model(result)
    return result


def exact_form(case: BodyCase) -> BodyCase:
    """The call of the exact operator with the same operands: no band, no frequencies."""
    operator = OPERATORS[case.op]
    if not (operator.masking or operator.truncates):
        return case
    exact = OPERATORS[_exact_name(operator)]
    given = zip(operator.inputs, case.operands, strict=False)
    by_name = {o.name: array for o, array in given}
    operands = tuple(by_name[o.name] for o in exact.inputs)
    names = {a.name for a in exact.attributes}
    attributes = {k: v for k, v in case.attributes.items() if k in names}
    return replace(case, op=exact.name, operands=operands, attributes=attributes)


def _exact_name(operator: Operator) -> str:
    return operator.exact or operator.name.removesuffix("Truncate")


def compiled_like(model: onnx.ModelProto, other: onnx.ModelProto) -> bool:
    """Whether two models have the same operators with the same attributes, in order."""
    return _outline(model) == _outline(other)


def _outline(model: onnx.ModelProto) -> list[tuple[str, str, list[str]]]:
    return [
        (
            node.domain,
            node.op_type,
            sorted(f"{a.name}={helper.get_attribute_value(a)}" for a in node.attribute),
        )
        for node in model.graph.node
    ]
