"""Fold batch normalization into the convolution before it.

BatchNormalization(Conv(x, w, b), s, t, m, v)  =>  Conv(x, w f, (b - m) f + t),  f = s / sqrt(v + e)
BatchNormalization(ConvTranspose(x, w, b), ...)  =>  ConvTranspose, in the same way

Exact except for one rounding of the new weights. Requires constant weights and a convolution that
has no other readers. `passes/lower/lower_batch_norm.py` lowers other normalizations.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.statistics import inference_affine
from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.normalization import fold_into_convolution, fold_into_transposed
from jpegcompile.ir.graph import input_at, is_graph_output, remove_node, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_FOLDS = {"Conv": fold_into_convolution, "ConvTranspose": fold_into_transposed}


class FoldBatchNorm(Pass):
    """Folds normalizations; creates new weights, since nodes may share weights."""

    name = "fold-batch-norm"

    def run(self, module: Module) -> bool:
        """Fold normalizations; returns whether one was folded."""
        changed = False
        for node in list(module.graph.nodes):
            if node.op != "BatchNormalization":
                continue
            convolution = _foldable(node, module.graph)
            affine = inference_affine(node)
            if convolution is not None and isinstance(affine, ChannelAffine):
                _fold(convolution, node, affine, module)
                changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _foldable(node: gs.Node, graph: gs.Graph) -> gs.Node | None:
    source = node.inputs[0]
    if len(source.inputs) != 1 or source.inputs[0].op not in _FOLDS:
        return None
    convolution = source.inputs[0]
    if len(source.outputs) != 1 or is_graph_output(graph, source):
        return None
    operands = [convolution.inputs[1], input_at(convolution, 2)]
    if any(t is not None and value_of(t) is None for t in operands):
        return None
    return convolution


def _fold(convolution: gs.Node, node: gs.Node, affine: ChannelAffine, module: Module) -> None:
    weight = value_of(convolution.inputs[1])
    assert weight is not None
    fold, before = _FOLDS[convolution.op], value_of(input_at(convolution, 2))
    kernel, bias = fold(weight, before, affine)
    target = node.outputs[0]
    base = convolution.inputs[1].name
    convolution.inputs = [
        convolution.inputs[0],
        gs.Constant(module.fresh(f"{base}.folded"), kernel),
        gs.Constant(module.fresh(f"{base}.bias"), bias),
    ]
    remove_node(module.graph, node)
    convolution.outputs = [target]
