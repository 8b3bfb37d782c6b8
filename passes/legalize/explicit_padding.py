"""Make the geometry of windows explicit: no auto_pad, no ceil_mode, all attributes present.

Conv, MaxPool(auto_pad=SAME_*)      =>  the same with pads
MaxPool(ceil_mode=1)                =>  MaxPool(larger end pads)      padding is never the maximum
AveragePool(ceil_mode=1, exclude)   =>  AveragePool(larger end pads)  padding is not counted
AveragePool(ceil_mode=1, include)   =>  AveragePool(Pad(x), pads of the overhang, exclude)
                                        counts the declared padding but not the overhang; exact

For pooling, SAME ignores the dilation of the kernel, as in ONNX Runtime and unlike the standard.

Two kinds of nodes stay unchanged: pooling that would need pads as wide as the kernel, which ONNX
Runtime rejects, and windows for which `same_padding` is undefined. Only dilated pooling can need
pads as wide as the kernel.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.skeleton import infer_shapes
from jpegcompile.analysis.window import Window, ceil_padding, kernel_of, same_padding, window_of
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.ir.graph import label, static_dims
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message

_WINDOWED = ("Conv", "MaxPool", "AveragePool")
_DEFAULT = ("", "NOTSET")


class ExplicitPadding(Pass):
    """Makes pads explicit.

    Below opset 22, shape inference may be wrong downstream of a pooling with ceil_mode. The pass
    therefore rewrites windows in graph order, and infers shapes after each implicit window.
    """

    name = "explicit-padding"

    def run(self, module: Module) -> bool:
        """Rewrite windows; returns whether an attribute changed.

        Raises:
            UnsupportedModelError: if a window is larger than its padded map.
        """
        changed = False
        for node in list(module.graph.nodes):
            if node.op not in _WINDOWED:
                continue
            kernel, sizes = kernel_of(node), static_dims((node.inputs[0].shape or ())[2:])
            if kernel is None or sizes is None or len(kernel) != 2 or len(sizes) != 2:
                continue
            stale = _auto_pad(node) not in _DEFAULT or bool(node.attrs.get("ceil_mode"))
            changed |= _resolve(node, kernel, sizes, module)
            if stale:
                infer_shapes(module.graph, module.image)
        return changed


def _auto_pad(node: gs.Node) -> str:
    value = node.attrs.get("auto_pad", "")
    return value.decode() if isinstance(value, bytes) else str(value)


def _resolve(
    node: gs.Node, kernel: tuple[int, ...], sizes: tuple[int, ...], module: Module
) -> bool:
    before = dict(node.attrs)
    auto_pad = _auto_pad(node)
    if auto_pad not in _DEFAULT:
        node.attrs.pop("pads", None)
    window = window_of(node, kernel)
    assert window is not None
    begin, end = list(window.begin), list(window.end)
    if auto_pad.startswith("SAME"):
        same = _same_padding(node, window, sizes, auto_pad == "SAME_UPPER")
        if same is None:
            node.attrs = before
            return False
        (begin[0], end[0]), (begin[1], end[1]) = same
    overhang = [0, 0]
    if node.attrs.get("ceil_mode"):
        overhang = [
            ceil_padding(sizes[a], window.extent[a], window.strides[a], begin[a], end[a])
            for a in range(2)
        ]
    _require_window_fits(
        node, window, [sizes[a] + begin[a] + end[a] + overhang[a] for a in range(2)]
    )
    if node.op != "Conv" and any(
        max(begin[a], end[a] + overhang[a]) >= window.kernel[a] for a in range(2)
    ):
        node.attrs = before
        return False
    if node.op == "AveragePool" and any(overhang) and node.attrs.get("count_include_pad"):
        _pad_apart(node, begin, end, module)
        begin, end = [0, 0], [0, 0]
        node.attrs["count_include_pad"] = 0
    end = [e + o for e, o in zip(end, overhang, strict=True)]
    _write(
        node,
        kernel,
        Window(
            window.kernel, window.strides, window.dilations, (begin[0], begin[1]), (end[0], end[1])
        ),
    )
    return dict(node.attrs) != before


def _same_padding(
    node: gs.Node, window: Window, sizes: tuple[int, ...], upper: bool
) -> list[tuple[int, int]] | None:
    result = []
    for axis in range(2):
        extent, unread = window.extent[axis], 1
        if node.op != "Conv" and extent != window.kernel[axis]:
            # ONNX Runtime ignores the dilation here, and applies negative amounts.
            extent, unread = window.kernel[axis], 0
        padding = same_padding(sizes[axis], extent, window.strides[axis], upper, unread)
        if padding is None:
            return None
        result.append(padding)
    return result


def _require_window_fits(node: gs.Node, window: Window, padded: list[int]) -> None:
    (high, wide), (height, width) = window.extent, padded
    if high > height or wide > width:
        text = (
            f"{label(node)} has a window of {high}x{wide}, which is larger than its padded map of"
            f" {height}x{width}; export the model for a larger input"
        )
        raise UnsupportedModelError(Message("window-exceeds-padded-map", text))


def _write(node: gs.Node, kernel: tuple[int, ...], window: Window) -> None:
    node.attrs.pop("auto_pad", None)
    node.attrs.pop("ceil_mode", None)
    node.attrs["kernel_shape"] = list(kernel)
    node.attrs["strides"] = list(window.strides)
    node.attrs["pads"] = window.pads
    # Pooling has dilations since opset 10 (MaxPool) and 19 (AveragePool).
    if node.op == "Conv" or window.dilations != (1, 1):
        node.attrs["dilations"] = list(window.dilations)
    else:
        node.attrs.pop("dilations", None)


def _pad_apart(node: gs.Node, begin: list[int], end: list[int], module: Module) -> None:
    if not any((*begin, *end)):
        return
    source, graph = node.inputs[0], module.graph
    padded = gs.Variable(module.fresh(f"{source.name}.padded"), dtype=source.dtype)
    pads = [0, 0, *begin, 0, 0, *end]
    if graph.opset < 11:
        pad = gs.Node(
            "Pad", padded.name, {"mode": "constant", "pads": pads, "value": 0.0}, [source]
        )
    else:
        amounts = gs.Constant(module.fresh(f"{padded.name}.pads"), np.asarray(pads, np.int64))
        pad = gs.Node("Pad", padded.name, {"mode": "constant"}, [source, amounts])
    pad.outputs = [padded]
    node.inputs = [padded, *node.inputs[1:]]
    graph.nodes.insert(graph.nodes.index(node), pad)
