"""Fold constant subgraphs, and give every node a unique name.

Op(constants...)                 =>  constant        exact: computed by ONNX Runtime
Shape(x), Gather(Shape(x), i)    =>  constant        if the sizes are known

This pass folds sizes itself. graphsurgeon would ignore `start` and `end` of Shape, and would remove
casts from integers to floating-point numbers and back.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import onnx_graphsurgeon as gs
from onnx import TensorProto
from onnx_graphsurgeon.logger import G_LOGGER

from jpegcompile.analysis.shape_values import shape_values
from jpegcompile.ir.folding import RANDOM, fold_constants
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_FLOAT = int(TensorProto.FLOAT)


class FoldConstants(Pass):
    """Folds nodes that do not depend on an input, and names unnamed nodes for reports."""

    name = "fold-constants"

    def __init__(self, *, is_first: bool = False) -> None:
        """Create the pass.

        Args:
            is_first: whether constants are still those of the source model.
        """
        self._is_first = is_first

    def run(self, module: Module) -> bool:
        """Fold and name nodes; returns whether a node was folded or named."""
        before, count = len(module.graph.nodes), 0
        if self._is_first:
            _note_half(module)
        # Indices into a shape may be computed, so folding one size may allow folding the next.
        while count != len(module.graph.nodes):
            count = len(module.graph.nodes)
            _fold_once(module.graph)
        return _name_nodes(module.graph) or count != before


def _note_half(module: Module) -> None:
    """Record weights that the source stores in float16 and casts, for `store_half.py`."""
    for node in module.graph.nodes:
        if node.op == "Cast" and isinstance(node.inputs[0], gs.Constant):
            stored, wide = node.inputs[0], node.outputs[0]
            if stored.dtype == np.float16 and node.attrs.get("to") in (np.float32, _FLOAT):
                module.half_constants[wide.name] = stored


def _fold_once(graph: gs.Graph) -> None:
    for node in graph.nodes:
        if node.op == "Shape" or _takes_of_shape(node):
            _fold_sizes(node)
    # graphsurgeon logs details to the terminal, which users do not need.
    with G_LOGGER.suppress():
        fold_constants(graph, RANDOM)
        graph.cleanup().toposort()


def _takes_of_shape(node: gs.Node) -> bool:
    if node.op not in ("Gather", "Slice") or any(value_of(t) is None for t in node.inputs[1:]):
        return False
    producers = node.inputs[0].inputs
    return len(producers) == 1 and producers[0].op == "Shape"


def _fold_sizes(node: gs.Node) -> None:
    """Replace the output by an int64 constant if the sizes are known.

    The shape is [n], or the shape of the indices for a Gather.
    """
    tensor = node.outputs[0]
    values = shape_values(tensor)
    if values is None or not all(isinstance(value, int) for value in values):
        return
    result = np.asarray(values, np.int64)
    if node.op == "Gather":
        result = result.reshape(node.inputs[1].shape)
    tensor.inputs.clear()
    tensor.to_constant(result)


def _name_nodes(graph: gs.Graph) -> bool:
    changed = False
    taken = {node.name for node in graph.nodes}
    seen = {""}
    for index, node in enumerate(graph.nodes):
        if node.name in seen:
            candidates = (f"{node.name or node.op}_{number}" for number in count(index))
            node.name = next(name for name in candidates if name not in taken)
            changed = True
        seen.add(node.name)
        taken.add(node.name)
    return changed
