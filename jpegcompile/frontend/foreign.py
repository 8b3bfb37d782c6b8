"""Refuse operators from outside the ONNX standard, and say what each kind of them is."""

from __future__ import annotations

import onnx

from jpegcompile.analysis.quantized import ADVICE, is_quantized
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.runtime_fused import RUNTIME_OPERATOR_DOMAIN
from jpegcompile.frontend.walk import all_nodes, name_of, quoted

_STANDARD_OPERATOR_DOMAINS = ("", "ai.onnx.ml")
# Layouts of memory that ONNX Runtime's optimiser chooses for the processor that it runs on.
_LAYOUT_OPERATOR_DOMAINS = ("com.microsoft.nchwc", "com.ms.internal.nhwc")


def refuse_foreign(graph: onnx.GraphProto, source: str) -> None:
    """Refuse a model of which a node, or one in a graph within it, is not of the standard.

    Raises:
        UnsupportedModelError: naming the node, and what to do.
    """
    for node in all_nodes(graph):
        if node.domain not in _STANDARD_OPERATOR_DOMAINS:
            operator = f"{node.domain}::{node.op_type}"
            raise UnsupportedModelError(
                f"{source}: node {quoted(name_of(node))} is {operator}{_what(node)}"
            )


def _what(node: onnx.NodeProto) -> str:
    if is_quantized(node.op_type, node.domain):
        return f": it works on activations rounded to integers, {ADVICE}"
    if node.domain in _LAYOUT_OPERATOR_DOMAINS:
        return (
            ", of a memory layout that ONNX Runtime's optimiser chose for one processor; give the"
            " model that it was saved from, or save it with ORT_ENABLE_EXTENDED"
        )
    if node.domain == RUNTIME_OPERATOR_DOMAIN:
        return (
            ", an operator of ONNX Runtime alone, as its optimiser writes them; give the model that"
            " it was saved from, or save it with ORT_DISABLE_ALL"
        )
    return ", an operator outside the ONNX standard; export the model without it"
