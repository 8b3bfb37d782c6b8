"""Emit a module as an ONNX model: jpegcompile nodes with functions, or inlined, by its target."""

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
from jpegcompile.operators.function import function_of
from jpegcompile.operators.queries import has_body
from jpegcompile.weights.light import check_light
from jpegcompile.weights.write import MOST_IN_ONE_FILE, SMALLEST


class Emission(NamedTuple):
    """An emitted model.

    Attributes:
        model: the ONNX model, complete, or above 2 GB without the values of its larger weights.
        weights: these values by name; empty for a complete model.
    """

    model: onnx.ModelProto
    weights: Weights


def emit(module: Module) -> onnx.ModelProto:
    """The module as one checked ONNX model of the source's opset and IR version 10.

    Raises:
        InternalError: if what the passes made is not valid ONNX.
    """
    model, weights = emit_in_parts(module)
    assert not weights, "a model above 2 GB has parts"
    return model


def emit_in_parts(module: Module, most: int = MOST_IN_ONE_FILE) -> Emission:
    """As `emit`, with large weights apart where the model has more of them than protobuf carries.

    Args:
        module: behind the last pass.
        most: bytes of weights that the model itself may hold.

    Raises:
        InternalError: if what the passes made is not valid ONNX.
    """
    # More bytes than any tensor has, so that all weights stay.
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
        raise InternalError(f"the compiled graph is not valid: {one_line(error)}") from error
    return Emission(model, weights)


def export(module: Module, *, check_types: bool = True) -> onnx.ModelProto:
    """The module as it is between two passes: jpegcompile nodes with functions, not checked.

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
    """Move all operators that have function bodies, with these, to the portable domain."""
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
