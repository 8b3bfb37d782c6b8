"""Lower means and sums over height and width.

ReduceMean(x), ReduceSum(x) over H, W, or both  =>  ToSpatial(JpegReduceMean(ToJpeg(x), R, C))

R @ x @ C as in `ir/separable.py`. Exact. `lower_channel_reduction.py` lowers reductions over
channels. `canonical_reduction.py` has converted means of the whole plane to GlobalAveragePool.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.axes import reduced_axes
from jpegcompile.dct.linear import mean_matrix, sum_matrix
from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.separable import LowerSeparable, Separable
from jpegcompile.messages import Message


class LowerReduction(LowerSeparable):
    """Lowers ReduceMean and ReduceSum whose output is a map."""

    name = "lower-reduction"
    op_types = ("ReduceMean", "ReduceSum")

    def match(self, node: gs.Node, module: Module) -> Separable | Decline | None:
        """Return the matrices; axes must be known, of the plane only, and kept as size 1."""
        source = node.inputs[0]
        if source.name not in module.maps:
            return None
        axes = reduced_axes(node, 4)
        if not axes:
            text = "it reduces unknown axes, or all axes"
            return Decline(node, Message("reduced-axes-unknown", text))
        if axes == {1}:
            return None
        if 0 in axes or axes > {1}:
            text = "it reduces the batch, or channels together with height or width"
            return Decline(node, Message("reduced-axes-mixed", text))
        if not node.attrs.get("keepdims", 1):
            text = "its result has no height and width"
            return Decline(node, Message("reduction-drops-plane", text))
        problem = map_problem(node, module, node.outputs[0])
        if problem is not None:
            return problem
        rows, columns = (
            _matrix(node.op, size) if axis in axes else np.eye(size)
            for axis, size in zip((2, 3), size_of(source), strict=True)
        )
        return Separable((rows, columns))


def _matrix(op: str, size: int) -> NDArray[np.float64]:
    return mean_matrix(size) if op == "ReduceMean" else sum_matrix(size)
