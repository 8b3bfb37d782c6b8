"""Fold weights that are stored as integers to the floats that they stand for.

DequantizeLinear(q, scale, zero)                  =>  constant        all of them constants
DequantizeLinear(QuantizeLinear(w, ...), ...)     =>  constant        exact: by ONNX Runtime

graphsurgeon never folds these two, for it serves a runtime that looks for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from jpegcompile.errors import UnsupportedModelError, one_line
from jpegcompile.interface import IR_VERSION
from jpegcompile.ir.graph import is_graph_output, label
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class FoldQuantizedWeights(Pass):
    """Replace every DequantizeLinear that depends on constants alone."""

    name = "fold-quantized-weights"

    def run(self, module: Module) -> bool:
        """Returns whether a node was folded."""
        changed = False
        for node in module.graph.nodes:
            steps = _steps(node)
            if not steps or is_graph_output(module.graph, node.outputs[0]):
                continue
            values = _evaluate(steps, int(module.graph.opset))
            tensor = node.outputs[0]
            tensor.inputs.clear()
            tensor.to_constant(values)
            changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _steps(node: gs.Node) -> list[gs.Node]:
    """The nodes that make constants of the output of a DequantizeLinear; none if they do not."""
    if not _is(node, "DequantizeLinear"):
        return []
    steps = [node]
    producers = node.inputs[0].inputs
    if producers and _is(producers[0], "QuantizeLinear"):
        steps.insert(0, producers[0])
    made = {id(steps[0].outputs[0])} if len(steps) == 2 else set()
    given = [tensor for step in steps for tensor in step.inputs if id(tensor) not in made]
    known = all(isinstance(tensor, gs.Constant) or not tensor.name for tensor in given)
    return steps if known else []


def _is(node: gs.Node, op: str) -> bool:
    return bool(node.op == op and node.domain in (None, "", "ai.onnx"))


def _evaluate(steps: list[gs.Node], opset: int) -> NDArray[Any]:
    constants = {
        tensor.name: tensor
        for step in steps
        for tensor in step.inputs
        if isinstance(tensor, gs.Constant)
    }
    result = steps[-1].outputs[0].name
    graph = helper.make_graph(
        [OnnxExporter.export_node(step) for step in steps],
        "weights",
        [],
        [onnx.ValueInfoProto(name=result)],
        [OnnxExporter.export_tensor_proto(tensor) for tensor in constants.values()],
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        (values,) = session.run(None, {})
    except Exception as error:
        raise UnsupportedModelError(
            f"{label(steps[-1])}: ONNX Runtime cannot restore these weights: {one_line(error)};"
            " give the float model that it was made from"
        ) from error
    return np.asarray(values)
