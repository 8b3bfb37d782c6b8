"""Operators that commute with the block DCT, and so run on coefficients as they are.

The DCT acts on the last two dimensions of a map and is linear. It commutes with what acts on the
other dimensions, with sums of maps, and with factors that are constant on each plane. A constant
that is added goes to DC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import fx, nn

from jpegcompile.learning.lowering.calls import Call
from jpegcompile.learning.lowering.operators import ConvolutionOf, MeanOfDc, OnDc
from jpegcompile.learning.lowering.shapes import Described, block_of_node, described, shape_of
from jpegcompile.learning.modules.domain import Domain
from jpegcompile.messages import Message


class Emitter(Protocol):
    """What a rule needs of a lowering."""

    graph: fx.Graph

    def has(self, node: fx.Node, domain: Domain) -> bool:
        """Whether a value is known in a domain without a cast."""

    def read(self, node: fx.Node, domain: Domain) -> Any:
        """Return a value in a domain."""

    def read_all(self, arguments: Any, domain: Domain) -> Any:
        """Return arguments with their maps in a domain."""

    def call(self, name: str, module: nn.Module, *arguments: Any) -> fx.Node:
        """Call a new module, which gets a free name."""


Rule = Callable[[Emitter, fx.Node, Call], "fx.Node | Message"]


def commute(emit: Emitter, node: fx.Node, call: Call, maps: list[fx.Node]) -> fx.Node | Message:
    """Return the node on coefficients, or why it needs pixels."""
    rules: Mapping[Any, Rule] = _MODULES if call.kind == "module" else _RULES
    rule = rules.get(type(call.module) if call.kind == "module" else call.kind)
    if rule is None or call.rest:
        op = type(call.module).__name__ if call.kind == "module" else call.kind
        return Message("learning-no-twin", f"{op} has no JPEG module")
    if not any(emit.has(source, "jpeg") for source in maps):
        text = "its inputs are pixels, and it commutes with the block DCT"
        return Message("learning-inputs-spatial", text)
    return rule(emit, node, call)


def _same(emit: Emitter, node: fx.Node, call: Call) -> fx.Node:
    """Repeat a call, on coefficients."""
    arguments, keywords = emit.read_all(node.args, "jpeg"), emit.read_all(node.kwargs, "jpeg")
    return emit.graph.create_node(node.op, node.target, arguments, keywords, node.name)


def _identity(emit: Emitter, node: fx.Node, call: Call) -> Any:
    return emit.read(call.arguments["x"], "jpeg")


def _sum(emit: Emitter, node: fx.Node, call: Call) -> fx.Node | Message:
    x, y = call.arguments["x"], call.arguments["y"]
    if _is_map(x) and _is_map(y):
        if shape_of(x)[-2:] == shape_of(y)[-2:]:  # type: ignore[index]
            return _same(emit, node, call)
        return _mixed()
    if not _is_constant(x) and not _is_constant(y):
        return _mixed()
    if _is_map(x):
        maps, values = emit.read(x, "jpeg"), emit.read_all(y, "spatial")
        values = _negated(emit, values) if call.kind == "sub" else values
    else:
        maps, values = emit.read(y, "jpeg"), emit.read_all(x, "spatial")
        maps = _negated(emit, maps) if call.kind == "sub" else maps
    return emit.call(f"{node.name}_dc", OnDc(), maps, values)


def _negated(emit: Emitter, value: Any) -> Any:
    return emit.graph.call_method("neg", (value,)) if isinstance(value, fx.Node) else -value


def _product(emit: Emitter, node: fx.Node, call: Call) -> fx.Node | Message:
    x, y = call.arguments["x"], call.arguments["y"]
    one_map = _is_map(x) != _is_map(y) and (_is_map(x) or call.kind == "mul")
    if one_map and (_is_constant(x) or _is_constant(y)):
        return _same(emit, node, call)
    return _mixed()


def _mixed() -> Message:
    return Message("learning-mixes-pixels", "its operands meet pixel by pixel")


def _is_map(value: Any) -> bool:
    return block_of_node(value) > 1


def _is_constant(value: Any) -> bool:
    """Whether an operand is a number, or has one value for each plane."""
    if not isinstance(value, fx.Node):
        return isinstance(value, int | float)
    shape = shape_of(value)
    return shape is not None and all(size == 1 for size in shape[-2:])


def _joined(emit: Emitter, node: fx.Node, call: Call) -> fx.Node | Message:
    if not _leads(call.arguments.get("dim", 0), node):
        return _moves()
    return _same(emit, node, call)


def _leads(dim: Any, node: fx.Node) -> bool:
    """Whether a dimension of a node's result is not one of the last two."""
    value = described(node)
    value = value[0] if isinstance(value, list | tuple) else value
    if not isinstance(value, Described) or not isinstance(dim, int):
        return False
    rank = len(value.shape)
    return dim % rank < rank - 2


def _moves() -> Message:
    return Message("learning-moves-pixels", "it selects or moves pixels of a plane")


def _item(emit: Emitter, node: fx.Node, call: Call) -> fx.Node | Message:
    x, index = call.arguments["x"], call.arguments["index"]
    if isinstance(described(x), Described):
        if not isinstance(index, tuple):
            index = (index,)
        dims = len(shape_of(x) or ())
        if any(i is None or i is Ellipsis for i in index):
            return _moves()
        if any(i != slice(None) for i in index[dims - 2 :]):
            return _moves()
    return _same(emit, node, call)


def _padded(emit: Emitter, node: fx.Node, call: Call) -> fx.Node | Message:
    pad, value = call.arguments["pad"], call.arguments.get("value")
    is_zero = call.arguments.get("mode", "constant") == "constant" and value in (None, 0)
    if is_zero and all(size == 0 for size in pad[:4]):
        return _same(emit, node, call)
    return _moves()


def _mean(emit: Emitter, node: fx.Node, call: Call) -> fx.Node | Message:
    x, dims = call.arguments["x"], call.arguments.get("dim")
    rank = len(shape_of(x) or ())
    dims = sorted(d % rank for d in dims) if isinstance(dims, list | tuple) else dims
    if dims != [rank - 2, rank - 1]:
        return _moves()
    keep = bool(call.arguments.get("keepdim", False))
    return emit.call(f"{node.name}_dc", MeanOfDc(keep), emit.read(x, "jpeg"))


def _convolution(emit: Emitter, node: fx.Node, call: Call) -> fx.Node | Message:
    operands = ("x", "weight", "bias")
    options = {k: v for k, v in call.arguments.items() if k not in operands}
    maps, weight = emit.read(call.arguments["x"], "jpeg"), call.arguments["weight"]
    others = emit.read_all((weight, call.arguments.get("bias")), "spatial")
    return emit.call(node.name, ConvolutionOf(**options), maps, *others)


_RULES: dict[str, Rule] = {
    "add": _sum,
    "sub": _sum,
    "mul": _product,
    "div": _product,
    "neg": _same,
    "contiguous": _same,
    "cat": _joined,
    "chunk": _joined,
    "split": _joined,
    "getitem": _item,
    "pad": _padded,
    "mean": _mean,
    "conv2d": _convolution,
}
_MODULES: dict[type[nn.Module], Rule] = {nn.Identity: _identity, nn.Dropout2d: _same}
