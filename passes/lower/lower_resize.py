"""Lower resizing of height and width to the JPEG domain.

Resize(x), Upsample(x)  =>  ToSpatial(JpegResize(ToJpeg(x), R, C))

R @ x @ C as in `ir/separable.py`, for nearest, linear and cubic interpolation: each gives every
new element as a sum of old ones, with weights of rows and columns that multiply. Exact.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.resampling import inferred_size, resampling_of, sampling_of
from jpegcompile.dct.resize import resize_matrix
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.rewrite import Decline, is_sequence, map_problem
from jpegcompile.ir.separable import LowerSeparable, Separable


class LowerResize(LowerSeparable):
    """Resize and Upsample, by scales or by sizes."""

    name = "lower-resize"
    op_types = ("Resize", "Upsample")
    jpeg_op = "JpegResize"

    def match(self, node: gs.Node, module: Module) -> Separable | Decline | None:
        """A map of known size whose height and width change by known amounts."""
        source, target = node.inputs[0], node.outputs[0]
        if is_sequence(source):
            return None
        problem = map_problem(node, module, source)
        if problem is not None:
            return problem
        resampling, sampling = resampling_of(node), sampling_of(node, int(module.graph.opset))
        for outcome in (sampling, resampling):
            if isinstance(outcome, str):
                return Decline(node, outcome)
        assert not isinstance(resampling, str)
        assert not isinstance(sampling, str)
        problem = map_problem(node, module, target)
        if problem is not None:
            return problem
        # Inference takes the shape of a Resize from the same scales or sizes.
        assert size_of(target) == resampling.sizes
        rows, columns = (
            resize_matrix(before, after, scale, sampling)
            for before, after, scale in zip(
                size_of(source), resampling.sizes, resampling.scales, strict=True
            )
        )
        # Readers of the compiled file would take the rounding of the inference for an error.
        inferred = tuple(map(inferred_size, size_of(source), resampling.scales))
        is_disputed = not resampling.by_sizes and inferred != resampling.sizes
        return Separable((rows, columns), at_size_1=is_disputed)
