"""Refuse operators outside the ONNX standard."""

from __future__ import annotations

import onnx

from jpegcompile.analysis.quantized import ADVICE, is_quantized
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.runtime_fused import RUNTIME_OPERATOR_DOMAIN
from jpegcompile.frontend.walk import all_nodes, name_of, quoted
from jpegcompile.messages import Message

_STANDARD_OPERATOR_DOMAINS = ("", "ai.onnx.ml")
# Operators on memory layouts that ONNX Runtime's optimizer chooses for one processor.
_LAYOUT_OPERATOR_DOMAINS = ("com.microsoft.nchwc", "com.ms.internal.nhwc")


def refuse_foreign(graph: onnx.GraphProto, source: str) -> None:
    """Refuse a graph if it or a subgraph has an operator outside the ONNX standard.

    Args:
        graph: the graph.
        source: name of the model in messages.

    Raises:
        UnsupportedModelError: if there is such an operator; the message names the node.
    """
    for node in all_nodes(graph):
        if node.domain not in _STANDARD_OPERATOR_DOMAINS:
            raise UnsupportedModelError(_refusal(node, source))


def _refusal(node: onnx.NodeProto, source: str) -> Message:
    name = f"{source}: node {quoted(name_of(node))} is {node.domain}::{node.op_type}"
    if is_quantized(node.op_type, node.domain):
        return Message(
            "operator-quantized",
            f"{name}: it computes with activations rounded to integers, {ADVICE}",
        )
    if node.domain in _LAYOUT_OPERATOR_DOMAINS:
        return Message(
            "operator-for-one-processor",
            f"{name}, for a memory layout that ONNX Runtime's optimizer chose for one processor;"
            " give the model before optimization, or save it with ORT_ENABLE_EXTENDED",
        )
    if node.domain == RUNTIME_OPERATOR_DOMAIN:
        return Message(
            "operator-of-onnxruntime",
            f"{name}, an operator of ONNX Runtime's optimizer; give the model before optimization,"
            " or save it with ORT_DISABLE_ALL",
        )
    return Message(
        "operator-not-standard",
        f"{name}, an operator outside the ONNX standard; export the model without it",
    )
