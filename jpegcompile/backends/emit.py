"""Emit a module as an ONNX model.

Depending on the target, `jpegcompile` operators stay as nodes with function bodies, or the bodies
are inlined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import onnx
import onnx_graphsurgeon as gs
from onnx import checker, helper, inliner

from jpegcompile.errors import InternalError, one_line
from jpegcompile.interface import DOMAIN, DOMAIN_VERSION, IR_VERSION, PORTABLE_DOMAIN
from jpegcompile.ir.graph import has_other_precision
from jpegcompile.ir.module import Module
from jpegcompile.ir.weights import Weights, array_of, detached, weight_bytes
from jpegcompile.messages import Message
from jpegcompile.operators.function import function_of
from jpegcompile.operators.queries import has_body
from jpegcompile.weights.light import check_light
from jpegcompile.weights.write import MOST_IN_ONE_FILE, SMALLEST


class Emission(NamedTuple):
    """An emitted model.

    Attributes:
        model: the ONNX model. Above 2 GB, its larger weights have no values.
        weights: values of the larger weights by name; empty if the model is complete.
    """

    model: onnx.ModelProto
    weights: Weights


def emit(module: Module) -> onnx.ModelProto:
    """Emit a module as one checked ONNX model with the opset of the source and IR version 10.

    Args:
        module: the module after the last pass.

    Raises:
        InternalError: if the result is not valid ONNX.
    """
    model, weights = emit_in_parts(module)
    assert not weights, "a model above 2 GB has parts"
    return model


def emit_in_parts(module: Module, most: int = MOST_IN_ONE_FILE) -> Emission:
    """Emit a module, with separate large weights if protobuf cannot serialize the whole model.

    Args:
        module: the module after the last pass.
        most: largest size of weights in the model, in bytes.

    Raises:
        InternalError: if the result is not valid ONNX.
    """
    # 1 << 62 is larger than any tensor, so all weights stay in the model.
    smallest = SMALLEST if weight_bytes(module.graph) > most else 1 << 62
    with detached(module.graph, smallest) as taken:
        model = export(module)
    weights = {name: array_of(values) for name, values in taken.items()}
    if not module.options.target.keeps_operators:
        model = inliner.inline_local_functions(model)
        _drop_opsets(model, (DOMAIN, PORTABLE_DOMAIN))
    try:
        check_light(model, IR_VERSION)
    except (checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise InternalError(
            Message(
                "compiled-graph-invalid",
                f"the compiled graph is invalid: {one_line(error)}; please report it",
            )
        ) from error
    return Emission(model, weights)


def export(module: Module, *, check_types: bool = True) -> onnx.ModelProto:
    """Export a module at any point of the pipeline, with function bodies and without checks.

    Args:
        module: the module.
        check_types: whether outputs without a type are an error.
    """
    graph = module.graph
    defined = {node.op: o for node in graph.nodes if (o := module.operator(node)) is not None}
    used = [defined[op] for op in sorted(defined)]
    opsets = [helper.make_opsetid("", int(graph.opset))]
    opsets += [d for d in graph.import_domains or [] if d.domain not in ("", "ai.onnx", DOMAIN)]
    if used:
        opsets.append(helper.make_opsetid(DOMAIN, DOMAIN_VERSION))
    model: onnx.ModelProto = gs.export_onnx(graph, check_types, opset_imports=opsets)
    model.ir_version = IR_VERSION
    model.producer_name = DOMAIN
    model.producer_version = ""
    model.functions.extend(function_of(o, int(graph.opset)) for o in used if o.bodies)
    if has_other_precision(graph):
        _move_to_portable(model)
    return model


def _move_to_portable(model: onnx.ModelProto) -> None:
    """Move all operators with function bodies, and the bodies, to the portable operator domain."""
    ours = [node for node in model.graph.node if node.domain == DOMAIN]
    moved = [node for node in ours if not _is_native_alone(node)]
    for named in (*moved, *model.functions):
        named.domain = PORTABLE_DOMAIN
    if not any(_is_native_alone(node) for node in model.graph.node):
        _drop_opsets(model, (DOMAIN,))
    model.opset_import.append(helper.make_opsetid(PORTABLE_DOMAIN, DOMAIN_VERSION))


def _is_native_alone(node: onnx.NodeProto) -> bool:
    return node.domain == DOMAIN and not has_body(node.op_type)


def _drop_opsets(model: onnx.ModelProto, domains: Sequence[str]) -> None:
    kept = [o for o in model.opset_import if o.domain not in domains]
    del model.opset_import[:]
    model.opset_import.extend(kept)
