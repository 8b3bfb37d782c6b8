"""Products of vectors with constant weights, such as the classifier of a network."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import value_of


def is_product(node: gs.Node, vectors: gs.Tensor) -> bool:
    """Whether a node multiplies vectors [N, K] by constant weights from the right only."""
    if node.op not in ("Gemm", "MatMul") or node.attrs.get("transA", 0):
        return False
    # A Gemm may also read the vectors as its bias, which a change of the vectors would affect.
    if [index for index, tensor in enumerate(node.inputs) if tensor is vectors] != [0]:
        return False
    weights = value_of(node.inputs[1])
    return weights is not None and weights.ndim == 2


def rows_are_second(node: gs.Node) -> bool:
    """Whether a product stores its weights as [outputs, K]."""
    return bool(node.attrs.get("transB", 0))
