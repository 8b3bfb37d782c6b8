"""What a node of a graph calls, in one form for modules, functions and methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from jpegcompile.learning.lowering.operators import ByMode

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
    "batch_norm": "x running_mean running_var weight bias training momentum eps",
    "group_norm": "x num_groups weight bias eps",
    "add": "x y",
    "sub": "x y",
    "mul": "x y",
    "div": "x y",
    "neg": "x",
    "cat": "x dim",
    "stack": "x dim",
    "chunk": "x size dim",
    "split": "x size dim",
    "tensor_split": "x size dim",
    "unbind": "x dim",
    "narrow": "x dim start length",
    "select": "x dim index",
    "index_select": "x dim index",
    "roll": "x size dim",
    "sum": "x dim keepdim",
    "mean": "x dim keepdim",
    "transpose": "x dim0 dim1",
    "permute": "x *dim",
    "flip": "x *dim",
    "getitem": "x index",
    "pad": "x pad mode value",
}
# Other names of the same kind, of functions and methods; "_" at the end is ignored.
_SYNONYMS = {
    "clip": "clamp",
    "iadd": "add",
    "isub": "sub",
    "imul": "mul",
    "truediv": "div",
    "itruediv": "div",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "negative": "neg",
    "concat": "cat",
    "concatenate": "cat",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "_max_pool2d": "max_pool2d",
}
_ARGUMENTS = {
    "input": "x",
    "other": "y",
    "tensors": "x",
    "dims": "dim",
    "axis": "dim",
    "keepdims": "keepdim",
    "chunks": "size",
    "split_size": "size",
    "split_size_or_sections": "size",
    "shifts": "size",
}
_NAMESPACES = ("torch", "torch.nn.functional", "_operator", "torch._C._nn", "math")


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

    @property
    def op(self) -> str:
        """Name of the operator: the class of a module, or the name of a function."""
        if self.kind != "module":
            return self.kind
        named = self.module.function if isinstance(self.module, ByMode) else type(self.module)
        return str(named.__name__)


def call_of(node: fx.Node, root: nn.Module) -> Call:
    """Return what a node calls."""
    if node.op == "call_module":
        source = node.args[0] if node.args else node.kwargs.get("input")
        return Call("module", {"x": source}, root.get_submodule(str(node.target)))
    kind = _kind(node)
    if kind not in _FORMS:
        return Call(kind, {"x": node.args[0] if node.args else node.kwargs.get("input")})
    names = _FORMS[kind].split()
    values: tuple[Any, ...] = node.args
    if names[-1].startswith("*"):
        names[-1] = names[-1][1:]
        is_listed = len(values) < 2 or isinstance(values[1], list | tuple)
        values = values if is_listed else (values[0], list(values[1:]))
    given = dict(zip(names, values, strict=False))
    given |= {_ARGUMENTS.get(name, name): value for name, value in node.kwargs.items()}
    rest = len(values) > len(names) or not given.keys() <= set(names)
    return Call(kind, given, None if rest else _equivalent(kind, given), rest)


def _kind(node: fx.Node) -> str:
    """Return the kind of a function or method, or its name if the kind is not known."""
    if node.op == "call_method":
        name = str(node.target)
    else:
        target: Any = node.target
        name = getattr(target, "__name__", str(target))
        if getattr(target, "__module__", None) not in _NAMESPACES and not _is_of_torch(target):
            return f"{getattr(target, '__module__', '')}.{name}"
    name = name.rstrip("_")
    return _SYNONYMS.get(name, name)


def _is_of_torch(target: Any) -> bool:
    """Whether a function is one of `torch`, which may have no module, or another one."""
    name = getattr(target, "__name__", "")
    return target in (getattr(torch, name, None), getattr(functional, name, None))


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
        high = float("inf") if high is None else high
        return nn.Hardtanh(low, high) if low < high else None
    return _MODULES[kind](**options) if kind in _MODULES else None
