"""Operators that commute with the block DCT, and so run on coefficients as they are.

The DCT is linear and acts on the last two dimensions of a map. It commutes with sums of maps, with
factors that are constant on each plane, and with everything that acts on the other dimensions
(`axes.py`). A constant that is added goes to DC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import fx, nn
from torch.nn import functional

from jpegcompile.learning.lowering import axes
from jpegcompile.learning.lowering.calls import Call
from jpegcompile.learning.lowering.emitter import Emitter
from jpegcompile.learning.lowering.in_place import out_of_place
from jpegcompile.learning.lowering.operators import (
    BatchNormOf,
    ByMode,
    ConvolutionOf,
    GroupNormOf,
    MeanOfDc,
    OnDc,
)
from jpegcompile.learning.lowering.shapes import block_of_node, map_problem, shape_of
from jpegcompile.learning.lowering.stochastic import drops_paths
from jpegcompile.messages import Message

Rule = Callable[[Emitter, fx.Node, Call], Any]

_SPREADS = ("expand", "expand_as")
# Functions of single pixels, and modules that compute them.
_PIXELWISE = frozenset(
    (
        *("silu", "gelu", "mish", "hardswish", "sigmoid", "hardsigmoid", "logsigmoid", "tanh"),
        *("elu", "selu", "celu", "prelu", "rrelu", "softplus", "softsign", "softshrink"),
        *("abs", "square", "sqrt", "rsqrt", "pow", "exp", "log", "erf", "sin", "cos"),
    )
)
# Operators that the compiler lowers to the JPEG domain, and learning does not.
_COMPILED = frozenset(
    (
        *("convtranspose2d", "conv_transpose2d", "interpolate", "upsample"),
        *(
            "upsamplingnearest2d",
            "upsamplingbilinear2d",
            "adaptivemaxpool2d",
            "adaptive_max_pool2d",
        ),
        *("amax", "amin"),
    )
)


def commute(emit: Emitter, node: fx.Node, call: Call, maps: list[fx.Node]) -> Any:
    """Return the value of a node on coefficients, or the reason why it needs pixels."""
    rule = _rule(node, call)
    if rule is None or call.rest:
        op = call.op
        if op.lower() in _PIXELWISE:
            return Message("learning-pixelwise", "it is a function of single pixels")
        is_compiled = op.lower() in _COMPILED
        more = "; the compiled file may have it in the JPEG domain" if is_compiled else ""
        return Message("learning-no-twin", f"{op} has no JPEG module for learning{more}")
    is_cast = rule in (_convolution, _batch_norm, _group_norm)
    if not is_cast and not any(emit.has(source, "jpeg") for source in maps):
        text = "its inputs are pixels, and it commutes with the block DCT"
        return Message("learning-inputs-spatial", text)
    return rule(emit, node, call)


def is_spread_later(node: fx.Node, call: Call) -> bool:
    """Whether a node repeats values over planes, and its users take the values as they are."""
    if call.kind not in _SPREADS or not _is_constant(call.arguments.get("x")):
        return False
    shape = shape_of(node)
    fits = [axes.is_arithmetic(user.target) and shape_of(user) == shape for user in node.users]
    if not fits or not all(fits):
        return False
    node.meta["spread"] = call.arguments["x"]
    return True


def _rule(node: fx.Node, call: Call) -> Rule | None:
    if call.kind != "module":
        return _RULES.get(call.kind) or (_on_axes if call.kind in axes.KINDS else None)
    assert call.module is not None
    if isinstance(call.module, ByMode) and call.module.function is functional.batch_norm:
        return _batch_norm
    if drops_paths(call.module, dict(node.kwargs)):
        return _same
    known: Mapping[type[nn.Module], Rule] = _MODULES
    return known.get(type(call.module))


def _same(emit: Emitter, node: fx.Node, call: Call) -> Any:
    """Repeat a call on coefficients."""
    return emit.copy(node, "jpeg", out_of_place(node))


def _identity(emit: Emitter, node: fx.Node, call: Call) -> Any:
    return emit.read(call.arguments["x"], "jpeg")


def _on_axes(emit: Emitter, node: fx.Node, call: Call) -> Any:
    if axes.keeps_planes(node, call):
        return _same(emit, node, call)
    return Message("learning-moves-pixels", "it selects, moves or joins pixels of a plane")


def _sum(emit: Emitter, node: fx.Node, call: Call) -> Any:
    x, y = (_as_constant(call.arguments[name]) for name in "xy")
    if _is_map(x) and _is_map(y) and _planes(x) == _planes(y):
        return _same(emit, node, call)
    if not _is_constant(x) and not _is_constant(y):
        return _mixed()
    is_difference = call.kind == "sub"
    if _is_map(x):
        maps, values = emit.read(x, "jpeg"), emit.read_all(y, "spatial")
        values = _negated(emit, values) if is_difference else values
    else:
        maps, values = emit.read(y, "jpeg"), emit.read_all(x, "spatial")
        maps = _negated(emit, maps) if is_difference else maps
    return emit.call(f"{node.name}_dc", OnDc(), maps, values)


def _negated(emit: Emitter, value: Any) -> Any:
    return emit.graph.call_method("neg", (value,)) if isinstance(value, fx.Node) else -value


def _product(emit: Emitter, node: fx.Node, call: Call) -> Any:
    x, y = (_as_constant(call.arguments[name]) for name in "xy")
    is_scaled = _is_map(x) or (_is_map(y) and call.kind == "mul")
    if not is_scaled or not (_is_constant(x) or _is_constant(y)):
        return _mixed()
    operands = (emit.read_all(value, "jpeg") for value in (x, y))
    return emit.graph.create_node(node.op, out_of_place(node), tuple(operands), {}, node.name)


def _mixed() -> Message:
    return Message("learning-mixes-pixels", "its operands meet pixel by pixel")


def _as_constant(value: Any) -> Any:
    """Return the values that a node repeats over planes; another operand as it is."""
    if isinstance(value, fx.Node) and value.meta.get("spread") is not None:
        return value.meta["spread"]
    return value


def _is_map(value: Any) -> bool:
    return block_of_node(value) > 1


def _planes(value: Any) -> tuple[int, ...]:
    return (shape_of(value) or ())[-2:]


def _is_constant(value: Any) -> bool:
    """Whether an operand is a number, or has one value for each plane."""
    if not isinstance(value, fx.Node):
        return isinstance(value, int | float)
    shape = shape_of(value)
    return shape is None or all(size == 1 for size in shape[-2:])


def _mean(emit: Emitter, node: fx.Node, call: Call) -> Any:
    dims, rank = call.arguments.get("dim"), len(shape_of(call.arguments["x"]) or ())
    if isinstance(dims, list | tuple) and sorted(d % rank for d in dims) == [rank - 2, rank - 1]:
        keep = bool(call.arguments.get("keepdim", False))
        return emit.call(f"{node.name}_dc", MeanOfDc(keep), emit.read(call.arguments["x"], "jpeg"))
    return _on_axes(emit, node, call)


def _convolution(emit: Emitter, node: fx.Node, call: Call) -> Any:
    return _with_weights(emit, node, call, ("weight", "bias"), ConvolutionOf)


def _batch_norm(emit: Emitter, node: fx.Node, call: Call) -> Any:
    operands = ("running_mean", "running_var", "weight", "bias")
    call = Call(call.kind, {**call.arguments, **node.kwargs}) if call.module else call
    return _with_weights(emit, node, call, operands, BatchNormOf)


def _group_norm(emit: Emitter, node: fx.Node, call: Call) -> Any:
    return _with_weights(emit, node, call, ("weight", "bias"), GroupNormOf)


def _with_weights(
    emit: Emitter,
    node: fx.Node,
    call: Call,
    weights: tuple[str, ...],
    make: Callable[..., nn.Module],
) -> Any:
    """Call a module for a function whose weights are operands."""
    problem = map_problem(call.arguments["x"])
    if problem is not None:
        return problem
    options = {k: v for k, v in call.arguments.items() if k not in ("x", *weights)}
    if any(isinstance(value, fx.Node) for value in options.values()):
        return Message("learning-options-computed", "the graph computes its options")
    maps = emit.read(call.arguments["x"], "jpeg")
    others = emit.read_all([call.arguments.get(name) for name in weights], "spatial")
    mode = call.module.training if call.module is not None else emit.source.training
    return emit.call_at(node, lambda: make(**options).train(mode), maps, *others)


_RULES: dict[str, Rule] = {
    "add": _sum,
    "sub": _sum,
    "mul": _product,
    "div": _product,
    "neg": _same,
    "mean": _mean,
    "conv2d": _convolution,
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
}
_MODULES: dict[type[nn.Module], Rule] = {
    nn.Identity: _identity,
    nn.Dropout2d: _same,
    nn.Flatten: _on_axes,
    nn.Unflatten: _on_axes,
    nn.ChannelShuffle: _on_axes,
}
