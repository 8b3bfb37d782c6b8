"""Fold quantized weights to floating-point constants.

DequantizeLinear(q, scale, zero)                  =>  constant        all inputs are constant
DequantizeLinear(Clip(QuantizeLinear(w)))         =>  constant        exact

ONNX Runtime computes the constants. graphsurgeon does not fold these nodes, since TensorRT requires
them.
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
from jpegcompile.ir.folding import RANDOM
from jpegcompile.ir.graph import is_graph_output, label
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message
from jpegcompile.target.base import CPU_PROVIDERS


class FoldQuantizedWeights(Pass):
    """Replaces every DequantizeLinear that depends on constants only."""

    name = "fold-quantized-weights"

    def run(self, module: Module) -> bool:
        """Fold nodes; returns whether a node was folded.

        Raises:
            UnsupportedModelError: if ONNX Runtime cannot compute the weights.
        """
        changed = False
        constant: set[int] = set()
        for node in module.graph.nodes:
            if not _is_constant(node, constant):
                continue
            constant.update(id(tensor) for tensor in node.outputs)
            if node.op != "DequantizeLinear" or is_graph_output(module.graph, node.outputs[0]):
                continue
            values = _evaluate(_up_to(node), int(module.graph.opset))
            tensor = node.outputs[0]
            tensor.inputs.clear()
            tensor.to_constant(values)
            changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _is_constant(node: gs.Node, constant: set[int]) -> bool:
    """Whether a node depends on constants only.

    Args:
        node: the node.
        constant: `id` of every upstream tensor that depends on constants only.
    """
    if not node.inputs or node.op in RANDOM or node.domain not in (None, "", "ai.onnx"):
        return False
    return not any(node.subgraphs()) and all(
        isinstance(tensor, gs.Constant) or not tensor.name or id(tensor) in constant
        for tensor in node.inputs
    )


def _up_to(node: gs.Node) -> list[gs.Node]:
    """Return a node and all nodes that it depends on, in order."""
    steps: list[gs.Node] = []
    for tensor in node.inputs:
        for producer in tensor.inputs:
            steps += [step for step in _up_to(producer) if step not in steps]
    return [*steps, node]


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
            model.SerializeToString(), options, providers=list(CPU_PROVIDERS)
        )
        (values,) = session.run(None, {})
    except Exception as error:
        text = (
            f"{label(steps[-1])}: ONNX Runtime cannot dequantize the weights: {one_line(error)};"
            " compile the float model that it was quantized from"
        )
        raise UnsupportedModelError(Message("weights-not-dequantized", text)) from error
    return np.asarray(values)
