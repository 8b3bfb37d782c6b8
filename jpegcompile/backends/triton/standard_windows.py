"""PyTorch expressions of ONNX operators that read windows or whole planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jpegcompile.backends.triton.standard_node import NotWrittenError, Standard, Writer, method
from jpegcompile.messages import Message


def _window(node: Standard) -> tuple[str, list[int], bool]:
    """Return kernel and strides of a pool as arguments, its padding, and whether it rounds up."""
    pads = [int(p) for p in node.attrs.get("pads", [0, 0, 0, 0])]
    if node.attrs.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise NotWrittenError(Message("torch-pool-padding-implicit", "its padding is implicit"))
    kernel = tuple(int(k) for k in node.attrs["kernel_shape"])
    if len(kernel) != 2:
        raise NotWrittenError(
            Message("torch-pool-not-2d", "it does not have two spatial dimensions")
        )
    strides = tuple(int(s) for s in node.attrs.get("strides", (1, 1)))
    ceil = bool(node.attrs.get("ceil_mode", 0))
    if ceil and any(pads):
        raise NotWrittenError(
            Message("torch-pool-pads-and-rounds-up", "it has padding and rounds its size up")
        )
    return f"{kernel}, {strides}", pads, ceil


def _max_pool(node: Standard) -> str:
    given, pads, ceil = _window(node)
    x = _padded(node.inputs[0], pads, "float('-inf')")
    dilations = tuple(int(d) for d in node.attrs.get("dilations", (1, 1)))
    return f"functional.max_pool2d({x}, {given}, 0, {dilations}, ceil_mode={ceil})"


def _average_pool(node: Standard) -> str:
    given, pads, ceil = _window(node)
    function, x = "functional.avg_pool2d", node.inputs[0]
    if any(int(d) != 1 for d in node.attrs.get("dilations", (1, 1))):
        raise NotWrittenError(Message("torch-average-pool-dilated", "it is dilated"))
    if any(pads) and not node.attrs.get("count_include_pad"):
        if pads[:2] != pads[2:]:
            raise NotWrittenError(
                Message("torch-pool-padding-asymmetric", "its padding differs between sides")
            )
        return f"{function}({x}, {given}, {tuple(pads[:2])}, count_include_pad=False)"
    return f"{function}({_padded(x, pads, '0.0')}, {given}, ceil_mode={ceil})"


def _padded(x: str, pads: Sequence[int], value: str) -> str:
    if not any(pads):
        return x
    top, left, bottom, right = pads
    return f"functional.pad({x}, ({left}, {right}, {top}, {bottom}), value={value})"


def _conv(node: Standard) -> str:
    kernel = node.attrs.get("kernel_shape")
    rank = len(kernel) if kernel is not None else len(node.attrs.get("strides", (1, 1)))
    pads = [int(p) for p in node.attrs.get("pads", [0] * 2 * rank)]
    if node.attrs.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or rank not in (1, 2):
        raise NotWrittenError(
            Message(
                "torch-conv-form",
                "its padding is implicit, or it has more than two spatial dimensions",
            )
        )
    strides = tuple(int(s) for s in node.attrs.get("strides", [1] * rank))
    dilations = tuple(int(d) for d in node.attrs.get("dilations", [1] * rank))
    x = node.inputs[0]
    if any(pads):
        sides = [pads[axis + half] for axis in reversed(range(rank)) for half in (0, rank)]
        x = f"functional.pad({x}, {tuple(sides)})"
    bias = node.given(2) or "None"
    group = int(node.attrs.get("group", 1))
    function = f"functional.conv{rank}d"
    return f"{function}({x}, {node.inputs[1]}, {bias}, {strides}, 0, {dilations}, {group})"


WINDOWS: Mapping[str, Writer] = {
    "AveragePool": _average_pool,
    "Conv": _conv,
    "GlobalAveragePool": method("mean((2, 3), keepdim=True)"),
    "GlobalMaxPool": method("amax((2, 3), keepdim=True)"),
    "MaxPool": _max_pool,
}
