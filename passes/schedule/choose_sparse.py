"""Choose when the first convolution uses the sparse path, by the cost model.

JpegIngestConv(...)  =>  JpegIngestConv<sparse_vectors = 4200000>(...)
                         JpegIngestConv<method = "dense">(...)          if it hardly saves time

The sparse path reads nonzero coefficients. A kernel uses it for images that require at most this
number of vector sums; see `jpegcompile.cost.first`. It needs tables in memory, so a lean model
always uses the dense path. Function bodies ignore both attributes.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_graphsurgeon as gs

from jpegcompile.cost.first import FirstLayer
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.operands import operand, operator_of
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.convolution import METHOD
from jpegcompile.operators.first_convolution import SPARSE_VECTORS
from jpegcompile.target.base import CostModel


class ChooseSparse(Pass):
    """Sets the attributes; the report says "sparse or dense" if it depends on the image."""

    name = "choose-sparse"

    def __init__(self, costs: CostModel) -> None:
        """Create the pass for the cost model of a target."""
        self._costs = costs

    def run(self, module: Module) -> bool:
        """Choose paths; returns whether a choice changed."""
        changed = False
        for node in module.graph.nodes:
            operator = operator_of(node)
            if operator is None or not operator.ingest:
                continue
            layer = None if module.options.lean else _layer(node, module)
            most = 0 if layer is None else self._costs.most_vectors(layer)
            chosen = {SPARSE_VECTORS.name: most} if most else {METHOD.name: "dense"}
            names = (SPARSE_VECTORS.name, METHOD.name)
            before = {name: node.attrs.pop(name) for name in names if name in node.attrs}
            changed |= before != chosen
            node.attrs.update(chosen)
            source = module.convolutions.get(node.name, node.name)
            if module.report.has(source):
                method = "sparse or dense" if most else "dense"
                module.report.add(replace(module.report.node(source), method=method))
        return changed


def _layer(node: gs.Node, module: Module) -> FirstLayer | None:
    """Layer of a node for the cost model; None if the model does not cover it."""
    if list(node.attrs["dilations"]) != [1, 1]:
        return None
    outputs, channels, *kernel = map(int, operand(node, "weight").shape)
    vertical, horizontal = map(int, node.attrs["strides"])
    frame = module.frame
    assert frame is not None
    return FirstLayer(
        *frame.size,
        channels,
        outputs,
        (kernel[0], kernel[1]),
        (vertical, horizontal),
        *size_of(node.outputs[0]),
        frame.chroma_factors,
    )
