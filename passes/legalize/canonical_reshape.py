"""Convert reshapes to a form that does not contain the batch size.

Reshape(x[N, ...], any form of [N, -1])      =>  Flatten(x)
Reshape(x[N, ...], [N, a, b, ...])           =>  Reshape(x, constant [0, a, b, ...])     exact
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.shape_values import reshape_target, shape_values
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.input_size import size_text
from jpegcompile.ir.graph import Dim, is_float, label, static_dims, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message


class CanonicalReshape(Pass):
    """Replaces targets that are computed or contain the batch size."""

    name = "canonical-reshape"

    def run(self, module: Module) -> bool:
        """Rewrite nodes; returns whether a node changed.

        Raises:
            UnsupportedModelError: if the target does not fit the size of the image.
        """
        changed = False
        for node in module.graph.nodes:
            if node.op == "Reshape":
                changed |= _canonicalize(node, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _canonicalize(node: gs.Node, module: Module) -> bool:
    # Flatten supports integers since opset 9; only images matter here.
    if not is_float(node.inputs[0]):
        return False
    source, target = node.inputs[0].shape, reshape_target(node)
    if not source or not target or target[0] != source[0]:
        return False
    rest = target[1:]
    _require_same_number(node, source[1:], rest, module)
    if len(rest) == 1:
        node.op = "Flatten"
        node.attrs = {"axis": 1}
        node.inputs = [node.inputs[0]]
        return True
    # A -1 stays, since inferred sizes may be wrong downstream of a pooling with ceil_mode.
    given = shape_values(node.inputs[1]) or []
    kept = [-1 if g == -1 else d for g, d in zip(given[1:], rest, strict=True)]
    if not all(isinstance(d, int) and (d > 0 or d == -1) for d in kept):
        return False
    wanted = np.asarray([0, *kept], np.int64)
    current = value_of(node.inputs[1])
    if current is not None and np.array_equal(current, wanted):
        return False
    node.attrs.pop("allowzero", None)
    shape = gs.Constant(module.fresh(f"{node.outputs[0].name}.shape"), wanted)
    node.inputs = [node.inputs[0], shape]
    return True


def _require_same_number(
    node: gs.Node, source: Sequence[Dim], target: Sequence[Dim], module: Module
) -> None:
    """Check that the target fits the size of the image, which shape inference does not check."""
    before, after = static_dims(source), static_dims(target)
    if before is None or after is None or math.prod(before) == math.prod(after):
        return
    size = size_text(module.image.size)
    text = (
        f"{label(node)} would reshape {math.prod(before)} values to {math.prod(after)} at an input"
        f" of {size}; use the size that the model was made for"
    )
    raise UnsupportedModelError(Message("reshape-does-not-fit-input", text))
