"""Geometry of convolution and pooling windows: attributes, defaults and explicit padding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, static_dims
from jpegcompile.ir.module import Module
from jpegcompile.messages import Message


@dataclass(frozen=True)
class Window:
    """A two-dimensional window; all pairs are (along H, along W).

    Attributes:
        kernel, strides, dilations: attributes of the operator.
        begin, end: explicit zero padding.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    begin: tuple[int, int]
    end: tuple[int, int]

    @property
    def extent(self) -> tuple[int, int]:
        """Input rows and columns that the window covers."""
        high, wide = (d * (k - 1) + 1 for d, k in zip(self.dilations, self.kernel, strict=True))
        return high, wide

    @property
    def pads(self) -> list[int]:
        """ONNX attribute `pads`: begin of H, W, then end of H, W."""
        return [*self.begin, *self.end]

    @property
    def is_pointwise(self) -> bool:
        """Whether the window is a single pixel without stride and padding."""
        return self.kernel == (1, 1) and self.strides == (1, 1) and not any(self.pads)


def window_of(node: gs.Node, kernel: tuple[int, ...]) -> Window | None:
    """Return the window of a convolution or pooling node with defaults; None if it is not 2-D.

    `passes/legalize/explicit_padding.py` must have resolved `auto_pad` and `ceil_mode`.
    """
    if len(kernel) != 2:
        return None
    pads = [int(p) for p in node.attrs.get("pads", (0, 0, 0, 0))]
    strides = tuple(int(s) for s in node.attrs.get("strides", (1, 1)))
    dilations = tuple(int(d) for d in node.attrs.get("dilations", (1, 1)))
    return Window(
        (kernel[0], kernel[1]),
        (strides[0], strides[1]),
        (dilations[0], dilations[1]),
        (pads[0], pads[1]),
        (pads[2], pads[3]),
    )


def padding_problem(node: gs.Node) -> Message | None:
    """Return why `window_of` does not apply to a node; None if the padding is explicit."""
    auto_pad = node.attrs.get("auto_pad", "")
    is_implicit = bool(node.attrs.get("ceil_mode")) or "output_shape" in node.attrs
    if auto_pad in ("", "NOTSET", b"NOTSET") and not is_implicit:
        return None
    return Message("padding-not-explicit", "its padding could not be made explicit")


def convolution_window(node: gs.Node) -> Window | Message:
    """Return the window of a convolution, or why it is unknown."""
    implicit = padding_problem(node)
    if implicit is not None:
        return implicit
    kernel = kernel_of(node)
    window = None if kernel is None else window_of(node, kernel)
    text = "its kernel shape is not known at compile time"
    return window or Message("kernel-shape-unknown", text)


def pool_window(node: gs.Node) -> Window | Message:
    """Return the window of a pooling over height and width, or why there is none."""
    implicit = padding_problem(node)
    if implicit is not None:
        return implicit
    window = window_of(node, tuple(node.attrs["kernel_shape"]))
    return window or Message("pool-not-2d", "it does not pool over height and width")


def kernel_of(node: gs.Node) -> tuple[int, ...] | None:
    """Kernel shape of a convolution or pooling node; None if it is unknown."""
    if "kernel_shape" in node.attrs:
        return tuple(int(k) for k in node.attrs["kernel_shape"])
    if node.op not in ("Conv", "ConvTranspose"):
        return None
    weight_shape = static_dims(node.inputs[1].shape)
    return None if weight_shape is None else weight_shape[2:]


def bias_of(node: gs.Node, module: Module) -> gs.Tensor:
    """Bias of a convolution; zeros [C] if it has none."""
    bias = input_at(node, 2)
    if bias is not None:
        return bias
    zeros = np.zeros(int(node.outputs[0].shape[1]), node.outputs[0].dtype)
    return gs.Constant(module.fresh(f"{node.outputs[0].name}.bias"), zeros)


def same_padding(
    size: int, extent: int, stride: int, upper: bool, unread: int = 1
) -> tuple[int, int] | None:
    """Padding (begin, end) of `auto_pad` SAME_UPPER or SAME_LOWER along one axis.

    Args:
        size: size of the input.
        extent: elements that the window covers.
        stride: stride of the window.
        upper: whether the mode is SAME_UPPER.
        unread: number of elements that may remain after the last window.

    Returns:
        None if more than `unread` elements remain after the last window. The standard does not
        define this case, and ONNX Runtime crops the front for some operators only.
    """
    total = (-(-size // stride) - 1) * stride + extent - size
    if total < -unread:
        return None
    total = max(total, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if upper else (large, small)


def ceil_padding(size: int, extent: int, stride: int, begin: int, end: int) -> int:
    """Additional padding at the end that makes rounding down equivalent to `ceil_mode`.

    A window that would start in the padding after the input is omitted, as in ONNX since opset 22
    and in PyTorch.

    Args:
        size: size of the input.
        extent: elements that the window covers.
        stride: stride of the window.
        begin: explicit padding before the input.
        end: explicit padding after the input.
    """
    output = -(-(size + begin + end - extent) // stride) + 1
    if (output - 1) * stride >= size + begin:
        output -= 1
    return max((output - 1) * stride + extent - size - begin - end, 0)
