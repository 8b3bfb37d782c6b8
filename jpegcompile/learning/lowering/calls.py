"""What a node of a graph calls, in one form for modules, functions and methods."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

# Kinds of calls by name, with the names of their arguments in order.
_FORMS = {
    "relu": "x inplace",
    "relu6": "x inplace",
    "leaky_relu": "x negative_slope inplace",
    "hardtanh": "x min_val max_val inplace",
    "clamp": "x min max",
    "max_pool2d": "x kernel_size stride padding dilation ceil_mode return_indices",
    "avg_pool2d": "x kernel_size stride padding ceil_mode count_include_pad divisor_override",
    "adaptive_avg_pool2d": "x output_size",
    "conv2d": "x weight bias stride padding dilation groups",
    "mean": "x dim keepdim",
    "add": "x y",
    "sub": "x y",
    "mul": "x y",
    "div": "x y",
    "neg": "x",
    "cat": "tensors dim",
    "getitem": "x index",
    "chunk": "x chunks dim",
    "split": "x size dim",
    "pad": "x pad mode value",
    "contiguous": "x",
}
_FUNCTIONS: dict[Any, str] = {
    functional.relu: "relu",
    torch.relu: "relu",
    functional.relu_: "relu",
    torch.relu_: "relu",
    functional.relu6: "relu6",
    functional.leaky_relu: "leaky_relu",
    functional.hardtanh: "hardtanh",
    torch.clamp: "clamp",
    torch.clip: "clamp",
    functional.max_pool2d: "max_pool2d",
    torch.max_pool2d: "max_pool2d",
    functional.avg_pool2d: "avg_pool2d",
    functional.adaptive_avg_pool2d: "adaptive_avg_pool2d",
    functional.conv2d: "conv2d",
    torch.mean: "mean",
    torch.add: "add",
    operator.add: "add",
    operator.iadd: "add",
    torch.sub: "sub",
    operator.sub: "sub",
    operator.isub: "sub",
    torch.mul: "mul",
    operator.mul: "mul",
    operator.imul: "mul",
    torch.div: "div",
    operator.truediv: "div",
    operator.itruediv: "div",
    torch.neg: "neg",
    operator.neg: "neg",
    torch.cat: "cat",
    torch.concat: "cat",
    operator.getitem: "getitem",
    torch.chunk: "chunk",
    torch.split: "split",
    functional.pad: "pad",
}
_METHODS = {
    "relu": "relu",
    "relu_": "relu",
    "clamp": "clamp",
    "clamp_": "clamp",
    "mean": "mean",
    "add": "add",
    "add_": "add",
    "sub": "sub",
    "sub_": "sub",
    "mul": "mul",
    "mul_": "mul",
    "div": "div",
    "div_": "div",
    "neg": "neg",
    "chunk": "chunk",
    "split": "split",
    "contiguous": "contiguous",
}


@dataclass(frozen=True)
class Call:
    """What a node calls.

    Attributes:
        kind: "module", a kind of function, or the name of an unknown function.
        arguments: arguments by name. Unknown functions have none.
        module: the module, or a module that is equivalent to the function.
        rest: arguments that no name is known for.
    """

    kind: str
    arguments: dict[str, Any]
    module: nn.Module | None = None
    rest: bool = False


def call_of(node: fx.Node, root: nn.Module) -> Call:
    """Return what a node calls."""
    if node.op == "call_module":
        return Call("module", {"x": node.args[0] if node.args else None}, _module(root, node))
    kind = _kind(node)
    if kind not in _FORMS:
        return Call(kind, {})
    names = _FORMS[kind].split()
    given = dict(zip(names, node.args, strict=False))
    given |= {{"input": "x", "other": "y"}.get(k, k): v for k, v in node.kwargs.items()}
    rest = len(node.args) > len(names) or not given.keys() <= set(names)
    return Call(kind, given, None if rest else _equivalent(kind, given), rest)


def _module(root: nn.Module, node: fx.Node) -> nn.Module:
    assert isinstance(node.target, str)
    return root.get_submodule(node.target)


def _kind(node: fx.Node) -> str:
    if node.op == "call_method":
        return _METHODS.get(str(node.target), str(node.target))
    return _FUNCTIONS.get(node.target, getattr(node.target, "__name__", str(node.target)))


_MODULES: dict[str, Callable[..., nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "hardtanh": nn.Hardtanh,
    "max_pool2d": nn.MaxPool2d,
    "avg_pool2d": nn.AvgPool2d,
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d,
}


def _equivalent(kind: str, arguments: dict[str, Any]) -> nn.Module | None:
    """Return the module that computes a function; None if its arguments are computed."""
    options = {name: value for name, value in arguments.items() if name not in ("x", "inplace")}
    if any(isinstance(value, fx.Node) for value in options.values()):
        return None
    if kind == "clamp":
        low, high = options.get("min"), options.get("max")
        low = -float("inf") if low is None else low
        return nn.Hardtanh(low, float("inf") if high is None else high)
    return _MODULES[kind](**options) if kind in _MODULES else None
