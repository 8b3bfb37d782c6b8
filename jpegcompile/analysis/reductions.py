"""Reductions of a map over its plane, or over all axes except the batch."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import reduced_axes
from jpegcompile.analysis.views import View, views_of

PLANE = {2, 3}
IMAGE = {1, 2, 3}
POOLS = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}
REDUCTIONS = {pool: reduction for reduction, pool in POOLS.items()}
REDUCED = (*POOLS, "ReduceSum")


def reduced_view(node: gs.Node) -> tuple[View | None, set[int]]:
    """Return the map whose axes a node reduces, and these axes: `PLANE` or `IMAGE`.

    Returns:
        (None, empty set) for other reductions, and for the canonical pooling of a map.
    """
    reduced = reduced_axes(node, len(node.inputs[0].shape or ())) or set()
    for view in views_of(node.inputs[0]):
        axes = {axis for dimension in reduced for axis in view.axes[dimension]}
        rest = [a for d, axes in enumerate(view.axes) if d not in reduced for a in axes]
        if (axes == PLANE and rest == [0, 1]) or (axes == IMAGE and rest == [0]):
            # The pooling of a map is the canonical form already.
            is_made = node.op in REDUCTIONS and view.source is node.inputs[0]
            return (None, set()) if is_made else (view, axes)
    return None, set()
