"""Max pools behind padding with negative infinity, which has no DCT.

    MaxPool(Pad(x, -inf))  =>  PaddedMaxPool(x)        in both domains

Sides may have different padding, as for "same" windows of TensorFlow.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, TypeGuard

from torch import Tensor, fx, nn
from torch.nn import functional

from jpegcompile.learning.lowering.calls import Call, call_of
from jpegcompile.learning.modules.pooling import JpegMaxPool2d
from jpegcompile.messages import Message

Edges = tuple[int, int, int, int]


class PaddedMaxPool2d(nn.MaxPool2d):
    """A max pool that pads each side by its own size.

    Attributes:
        edges: padding on the left, right, top and bottom.
    """

    edges: Edges

    def forward(self, input: Tensor) -> Tensor:
        """Return maps [N, C, P, Q] of maps [N, C, H, W]."""
        made: Tensor = super().forward(padded(input, self.edges))
        return made


class JpegPaddedMaxPool2d(JpegMaxPool2d):
    """The twin of `PaddedMaxPool2d` in the JPEG domain."""

    edges: Edges

    def _padded(self, pixels: Tensor) -> Tensor:
        return padded(pixels, self.edges)


def padded(pixels: Tensor, edges: Edges) -> Tensor:
    """Return pixels [N, C, H, W] with negative infinity around them."""
    return functional.pad(pixels, edges, value=-math.inf)


def with_padding(call: Call, root: nn.Module) -> Call:
    """Return the call of a max pool with the padding of the node that it reads; or the call."""
    source = call.arguments.get("x")
    if not _is_pool(call.module) or not isinstance(source, fx.Node):
        return call
    padding = call_of(source, root)
    made = _together(padding, call.module)
    if made is None:
        return call
    return replace(call, module=made, arguments={**call.arguments, "x": padding.arguments["x"]})


def is_of_pools(node: fx.Node, call: Call, root: nn.Module) -> bool:
    """Whether a node pads with negative infinity, and only max pools read it."""
    if not _is_infinite(call) or not node.users:
        return False
    pools = [call_of(user, root).module for user in node.users]
    return all(_is_pool(pool) and _together(call, pool) is not None for pool in pools)


def read_infinities(module: fx.GraphModule) -> dict[str, Message]:
    """Return the nodes that must stay on pixels because they read infinite values, and why."""
    found = {}
    for node in module.graph.nodes:
        call = call_of(node, module) if node.op.startswith("call_") else None
        if call is None or not (_is_infinite(call) or _writes_infinity(node, call)):
            continue
        if is_of_pools(node, call, module):
            continue
        text = f"'{node.name}' writes infinite values, which have no DCT"
        for user in node.users:
            found[user.name] = Message("learning-infinite-values", text)
    return found


def _writes_infinity(node: fx.Node, call: Call) -> bool:
    """Whether an argument of a node is an infinite number, as in `masked_fill(mask, -inf)`."""
    numbers: list[float] = []
    fx.node.map_aggregate(
        (node.args, node.kwargs),
        lambda value: numbers.append(value) if isinstance(value, float) else None,
    )
    # Bounds may be infinite.
    return call.kind not in ("clamp", "hardtanh") and any(map(math.isinf, numbers))


def _is_pool(module: nn.Module | None) -> TypeGuard[nn.MaxPool2d]:
    return type(module) is nn.MaxPool2d and not module.return_indices


def _together(padding: Call, pool: nn.MaxPool2d) -> PaddedMaxPool2d | None:
    """Return padding and a pool as one pool; None if there is no infinite padding that fits."""
    edges = _edges(padding)
    if edges is None:
        return None
    options = {name: getattr(pool, name) for name in ("kernel_size", "stride", "dilation")}
    made = PaddedMaxPool2d(**options, ceil_mode=pool.ceil_mode)
    (high, wide), (rows, columns) = _pair(pool.padding), _pair(pool.kernel_size)
    left, right, top, bottom = edges
    made.edges = left + wide, right + wide, top + high, bottom + high
    # A window that has padding alone would be infinite.
    return made if max(made.edges[:2]) < columns and max(made.edges[2:]) < rows else None


def _pair(sizes: Any) -> tuple[int, int]:
    high, wide = sizes if isinstance(sizes, list | tuple) else (sizes, sizes)
    return high, wide


def _padding_of(call: Call) -> tuple[Any, Any]:
    """Return what a call pads, and with which value; None for a call that does not pad."""
    if isinstance(call.module, nn.ConstantPad2d):
        return call.module.padding, call.module.value
    if call.kind != "pad" or call.rest or call.arguments.get("mode", "constant") != "constant":
        return None, None
    return call.arguments.get("pad"), call.arguments.get("value")


def _is_infinite(call: Call) -> bool:
    value = _padding_of(call)[1]
    return isinstance(value, int | float) and math.isinf(value)


def _edges(call: Call) -> Edges | None:
    """Return the edges that a call pads with negative infinity; None for another call."""
    sizes, value = _padding_of(call)
    if not _is_infinite(call) or value > 0 or not isinstance(sizes, list | tuple):
        return None
    if len(sizes) != 4 or not all(isinstance(size, int) and size >= 0 for size in sizes):
        return None
    left, right, top, bottom = sizes
    return left, right, top, bottom
