"""Make the pads of ConvTranspose explicit; replace a ConvTranspose without stride by a Conv.

ConvTranspose(auto_pad or output_shape)   =>  ConvTranspose(pads, every attribute written out)
ConvTranspose(x, w, b), strides of 1      =>  Conv(x, w rotated, b)              exact

`output_shape` and `auto_pad` are converted to pads as in ONNX Runtime: with an odd total, the
larger part is at the end for SAME_UPPER, and at the beginning otherwise.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.skeleton import infer_shapes
from jpegcompile.analysis.window import Window, kernel_of, window_of
from jpegcompile.ir.graph import static_dims, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_DEFAULT = ("", "NOTSET")


class CanonicalConvTranspose(Pass):
    """Rewrites two-dimensional transposed convolutions with a kernel and a map of known size."""

    name = "canonical-conv-transpose"

    def run(self, module: Module) -> bool:
        """Rewrite nodes; returns whether a node changed."""
        changed = False
        for node in list(module.graph.nodes):
            if node.op != "ConvTranspose":
                continue
            kernel, sizes = kernel_of(node), static_dims((node.inputs[0].shape or ())[2:])
            if kernel is None or sizes is None or len(kernel) != 2 or len(sizes) != 2:
                continue
            stale = "output_shape" in node.attrs or _auto_pad(node) not in _DEFAULT
            changed |= _write_pads(node, kernel, sizes)
            changed |= _as_convolution(node, module)
            if stale:
                infer_shapes(module.graph, module.image)
        return changed


def _auto_pad(node: gs.Node) -> str:
    value = node.attrs.get("auto_pad", "")
    return value.decode() if isinstance(value, bytes) else str(value)


def _write_pads(node: gs.Node, kernel: tuple[int, ...], sizes: tuple[int, ...]) -> bool:
    before, auto_pad = dict(node.attrs), _auto_pad(node)
    wanted = node.attrs.pop("output_shape", None)
    if wanted is not None or auto_pad not in _DEFAULT:
        node.attrs.pop("pads", None)
    window = window_of(node, kernel)
    assert window is not None
    spare = [int(p) for p in node.attrs.get("output_padding", (0, 0))]
    begin, end = list(window.begin), list(window.end)
    for axis, size in enumerate(sizes):
        stride = window.strides[axis]
        if wanted is not None:
            output = int(wanted[axis])
        elif auto_pad.startswith("SAME"):
            output = size * stride
        else:
            continue
        total = (size - 1) * stride + spare[axis] + window.extent[axis] - output
        if total < 0:
            # The output is larger than the kernel reaches; the rest contains only the bias.
            spare[axis] -= total if wanted is not None else 0
            total = 0
        small, large = total // 2, total - total // 2
        is_upper = auto_pad == "SAME_UPPER"
        begin[axis], end[axis] = (small, large) if is_upper else (large, small)
    node.attrs.pop("auto_pad", None)
    node.attrs |= {
        "kernel_shape": list(kernel),
        "strides": list(window.strides),
        "pads": [*begin, *end],
        "dilations": list(window.dilations),
        "output_padding": spare,
        "group": int(node.attrs.get("group", 1)),
    }
    return dict(node.attrs) != before


def _as_convolution(node: gs.Node, module: Module) -> bool:
    """Replace a transposed convolution of stride 1 by a convolution.

    The node stays if the result would have to be cropped, or if its weights are not constant.
    """
    kernel = tuple(node.attrs["kernel_shape"])
    window, weight = window_of(node, kernel), value_of(node.inputs[1])
    assert window is not None
    if weight is None or window.strides != (1, 1):
        return False
    pads = _pads_around(window, node.attrs["output_padding"])
    if min(pads) < 0:
        return False
    group = int(node.attrs["group"])
    rotated = gs.Constant(module.fresh(f"{node.inputs[1].name}.turned"), _rotated(weight, group))
    node.op = "Conv"
    node.attrs["pads"] = pads
    del node.attrs["output_padding"]
    node.inputs = [node.inputs[0], rotated, *node.inputs[2:]]
    return True


def _pads_around(window: Window, spare: list[int]) -> list[int]:
    """Pads of the equivalent convolution: the kernel's reach over the border minus the cropping."""
    reach = [extent - 1 for extent in window.extent]
    begin = [r - p for r, p in zip(reach, window.begin, strict=True)]
    end = [r - p + s for r, p, s in zip(reach, window.end, spare, strict=True)]
    return [*begin, *end]


def _rotated(weight: NDArray[np.generic], group: int) -> NDArray[np.generic]:
    """Convert weights [C, M / group, kh, kw] to [M, C / group, kh, kw], rotated by 180 degrees."""
    inputs, outputs, *kernel = weight.shape
    parts = weight.reshape(group, inputs // group, outputs, *kernel)[..., ::-1, ::-1]
    moved = parts.swapaxes(1, 2).reshape(group * outputs, inputs // group, *kernel)
    return np.ascontiguousarray(moved)
