"""Lower resizing of height and width to the JPEG domain.

Resize(x), Upsample(x)  =>  ToSpatial(JpegResize(ToJpeg(x), R, C))

R @ x @ C as in `ir/separable.py`, for nearest, linear and cubic interpolation. In each of them, a
new element is a weighted sum of old elements, and the weights are products of a row weight and a
column weight. Exact.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.resampling import inferred_size, resampling_of, sampling_of
from jpegcompile.dct.resize import resize_matrix
from jpegcompile.ir.decline import Decline, is_sequence, map_problem
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.separable import LowerSeparable, Separable
from jpegcompile.messages import Message


class LowerResize(LowerSeparable):
    """Lowers Resize and Upsample with known scales or sizes."""

    name = "lower-resize"
    op_types = ("Resize", "Upsample")
    jpeg_op = "JpegResize"

    def match(self, node: gs.Node, module: Module) -> Separable | Decline | None:
        """Return the matrices; the sizes of input and output must be known."""
        source, target = node.inputs[0], node.outputs[0]
        if is_sequence(source):
            return None
        problem = map_problem(node, module, source)
        if problem is not None:
            return problem
        resampling, sampling = resampling_of(node), sampling_of(node, int(module.graph.opset))
        for outcome in (sampling, resampling):
            if isinstance(outcome, Message):
                return Decline(node, outcome)
        assert not isinstance(resampling, Message)
        assert not isinstance(sampling, Message)
        problem = map_problem(node, module, target)
        if problem is not None:
            return problem
        # Shape inference derives the output shape from the same scales or sizes.
        assert size_of(target) == resampling.sizes
        rows, columns = (
            resize_matrix(before, after, scale, sampling)
            for before, after, scale in zip(
                size_of(source), resampling.sizes, resampling.scales, strict=True
            )
        )
        # Shape inference of ONNX and ONNX Runtime can disagree on the size. Checkers would then
        # report an error in the compiled file.
        inferred = tuple(map(inferred_size, size_of(source), resampling.scales))
        is_disputed = not resampling.by_sizes and inferred != resampling.sizes
        return Separable((rows, columns), at_size_1=is_disputed)
