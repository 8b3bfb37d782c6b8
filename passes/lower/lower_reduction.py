"""Lower means and sums over height and width of maps.

ReduceMean(x), ReduceSum(x) over H, W, or both  =>  ToSpatial(JpegReduceMean(ToJpeg(x), R, C))

R @ x @ C as in `ir/separable.py`. Exact. Channels: `lower_channel_reduction.py`. The mean of
the whole plane is GlobalAveragePool before it comes here, see `canonical_reduction.py`.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.axes import reduced_axes
from jpegcompile.dct.linear import mean_matrix, sum_matrix
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.rewrite import Decline, map_problem
from jpegcompile.ir.separable import LowerSeparable, Separable


class LowerReduction(LowerSeparable):
    """ReduceMean and ReduceSum that leave a map."""

    name = "lower-reduction"
    op_types = ("ReduceMean", "ReduceSum")

    def match(self, node: gs.Node, module: Module) -> Separable | Decline | None:
        """Known axes, plane and channels not mixed, and dimensions that are kept."""
        source = node.inputs[0]
        if source.name not in module.maps:
            return None
        axes = reduced_axes(node, 4)
        if not axes:
            return Decline(node, "it reduces axes that are not known, or all")
        if axes == {1}:
            return None
        if 0 in axes or axes > {1}:
            return Decline(node, "it reduces the batch, or channels and plane at once")
        if not node.attrs.get("keepdims", 1):
            return Decline(node, "its result has no height and width")
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
