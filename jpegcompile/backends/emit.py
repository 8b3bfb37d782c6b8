"""Emit a module as an ONNX model: jpegcompile nodes with functions (`ort`), or inlined (`onnx`)."""

from __future__ import annotations

import os

import onnx
import onnx_graphsurgeon as gs
from onnx import checker, helper, inliner

from jpegcompile.backends.functions import function_of
from jpegcompile.errors import InternalError, one_line
from jpegcompile.files import write_whole
from jpegcompile.interface import DOMAIN, DOMAIN_VERSION, IR_VERSION
from jpegcompile.ir.module import Module


def emit(module: Module) -> onnx.ModelProto:
    """The module as a checked ONNX model of the source's opset and IR version 10.

    Raises:
        InternalError: if what the passes made is not valid ONNX.
    """
    graph = module.graph
    used = sorted({node.op for node in graph.nodes if node.domain == DOMAIN})
    opsets = [helper.make_opsetid("", int(graph.opset))]
    opsets += [d for d in graph.import_domains or [] if d.domain not in ("", "ai.onnx", DOMAIN)]
    if used:
        opsets.append(helper.make_opsetid(DOMAIN, DOMAIN_VERSION))
    model: onnx.ModelProto = gs.export_onnx(graph, opset_imports=opsets)
    model.ir_version = IR_VERSION
    model.producer_name = DOMAIN
    model.producer_version = ""
    model.functions.extend(function_of(op, int(graph.opset), module.bodies) for op in used)
    if module.options.target == "onnx":
        model = inliner.inline_local_functions(model)
        _drop_opset(model, DOMAIN)
    try:
        checker.check_model(model, full_check=True)
    except (checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise InternalError(f"the compiled graph is not valid: {one_line(error)}") from error
    return model


def _drop_opset(model: onnx.ModelProto, domain: str) -> None:
    kept = [o for o in model.opset_import if o.domain != domain]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def save(model: onnx.ModelProto, path: str | os.PathLike[str]) -> None:
    """Write a model so that the file appears whole or not at all.

    Raises:
        AccessError: as `write_whole`.
    """
    write_whole(path, model.SerializeToString(deterministic=True))
