"""Lower separable linear operators, which are one matrix for each axis.

AveragePool(x)        =>  ToSpatial(JpegAveragePool(ToJpeg(x), R, C))
GlobalAveragePool(x)  =>  JpegGlobalAveragePool(ToJpeg(x), R, C)          mean of the DCs / b
Slice(x) over H, W    =>  ToSpatial(JpegSlice(ToJpeg(x), R, C))
Gather(x) over H or W =>  ToSpatial(JpegSlice(ToJpeg(x), R, C))
Pad(x) over H, W      =>  ToSpatial(JpegPad(ToJpeg(x), R, C))             any mode; zeros

Each computes R @ x @ C with R = D_out A_H D_in^T and C = (D_out A_W D_in^T)^T. A is the spatial
operator of an axis, and D is the DCT of its tiles. Exact. Slices and pads of channels only are the
same operator in both domains.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.channels import plane_indices
from jpegcompile.analysis.padding import padding_of
from jpegcompile.analysis.slices import slice_axes, taken
from jpegcompile.analysis.window import pool_window
from jpegcompile.dct.linear import (
    average_pool_matrix,
    mean_matrix,
    pad_matrix,
    padded_indices,
    take_matrix,
)
from jpegcompile.ir.decline import Decline, is_sequence, map_problem
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.separable import LowerSeparable, Separable
from jpegcompile.messages import Message


class LowerAveragePool(LowerSeparable):
    """Lowers AveragePool; the divisor at the border is separable, too."""

    name = "lower-average-pool"
    op_types = ("AveragePool",)

    def match(self, node: gs.Node, module: Module) -> Separable | Decline | None:
        """Return the matrices of a two-dimensional pooling between two maps of known size."""
        if is_sequence(node.inputs[0]):
            return None
        problem = map_problem(node, module, node.inputs[0], node.outputs[0])
        if problem is not None:
            return problem
        window = pool_window(node)
        if isinstance(window, Message):
            return Decline(node, window)
        include_pad = bool(node.attrs.get("count_include_pad", 0))
        rows, columns = (
            average_pool_matrix(
                size,
                window.kernel[axis],
                window.strides[axis],
                (window.begin[axis], window.end[axis]),
                window.dilations[axis],
                include_pad,
            )
            for axis, size in enumerate(size_of(node.inputs[0]))
        )
        return Separable((rows, columns))


class LowerGlobalAveragePool(LowerSeparable):
    """Lowers GlobalAveragePool; its output has block size 1."""

    name = "lower-global-average-pool"
    op_types = ("GlobalAveragePool",)

    def match(self, node: gs.Node, module: Module) -> Separable | Decline | None:
        """Return the matrices for a map of known size."""
        if is_sequence(node.inputs[0]):
            return None
        problem = map_problem(node, module, node.inputs[0])
        if problem is not None:
            return problem
        height, width = size_of(node.inputs[0])
        return Separable((mean_matrix(height), mean_matrix(width)))


class LowerSlice(LowerSeparable):
    """Lowers Slice of channels, or of height and width."""

    name = "lower-slice"
    op_types = ("Slice",)

    def match(self, node: gs.Node, module: Module) -> Separable | Decline | None:
        """Return the matrices; bounds must be constant, and channels and plane not mixed."""
        source, target = node.inputs[0], node.outputs[0]
        if source.name not in module.maps:
            return None
        axes = slice_axes(node)
        if axes is None:
            return Decline(node, Message("slice-bounds-unknown", "its bounds are not constants"))
        problem = map_problem(node, module, target)
        if problem is not None:
            empty = target.shape is not None and 0 in target.shape
            reason = Message("slice-output-empty", "its output is empty")
            return Decline(node, reason) if empty else problem
        if set(axes) == {1}:
            return Separable(None)
        if not set(axes) <= {2, 3}:
            text = "it slices the batch, or channels together with height or width"
            return Decline(node, Message("slice-axes-mixed", text))
        rows, columns = (
            take_matrix(taken(axes.get(axis, slice(None)), size), size)
            for axis, size in zip((2, 3), size_of(source), strict=True)
        )
        return Separable((rows, columns))


class LowerTake(LowerSeparable):
    """Lowers Gather of rows or columns."""

    name = "lower-take"
    op_types = ("Gather",)
    jpeg_op = "JpegSlice"

    def match(self, node: gs.Node, module: Module) -> Separable | Decline | None:
        """Return the matrices; `lower_along_channels.py` lowers Gather of channels."""
        source = node.inputs[0]
        taken_of = plane_indices(node) if source.name in module.maps else None
        if taken_of is None:
            return None
        problem = map_problem(node, module, node.outputs[0])
        if problem is not None:
            return problem
        axes = [np.eye(size) for size in size_of(source)]
        axis, indices = taken_of
        axes[axis - 2] = take_matrix(indices.tolist(), size_of(source)[axis - 2])
        return Separable((axes[0], axes[1]))


class LowerPad(LowerSeparable):
    """Lowers Pad of channels with zeros, or of the plane with zeros or elements of the map."""

    name = "lower-pad"
    op_types = ("Pad",)

    def match(self, node: gs.Node, module: Module) -> Separable | Decline | None:
        """Return the matrices; amounts must be known, and channels and plane not mixed."""
        source = node.inputs[0]
        if source.name not in module.maps:
            return None
        padding = padding_of(node)
        if isinstance(padding, Message):
            return Decline(node, padding)
        not_zero = Message("pad-value-not-zero", f"it pads with {padding.fill:g}, not zero")
        if padding.is_mask:
            return Decline(node, not_zero)
        problem = map_problem(node, module, node.outputs[0])
        if problem is not None:
            return problem
        (batch, channels, *plane) = zip(padding.begin, padding.end, strict=True)
        if any(batch):
            return Decline(node, Message("pad-batch", "it pads the batch"))
        if any(channels) and any(map(any, plane)):
            text = "it pads channels together with height or width"
            return Decline(node, Message("pad-axes-mixed", text))
        if padding.fill != 0.0:
            return Decline(node, not_zero)
        if not any(map(any, plane)):
            return Separable(None)
        matrices = [
            _pad_matrix(padding.mode, *amounts, size)
            for amounts, size in zip(plane, size_of(source), strict=True)
        ]
        rows, columns = matrices
        if rows is None or columns is None:
            text = f"its padding in mode {padding.mode} is too large for the map"
            return Decline(node, Message("pad-exceeds-map", text))
        return Separable((rows, columns))


def _pad_matrix(mode: str, begin: int, end: int, size: int) -> NDArray[np.float64] | None:
    if mode == "constant":
        return pad_matrix(begin, end, size)
    indices = padded_indices(mode, begin, end, size)
    return None if indices is None else take_matrix(indices, size)
