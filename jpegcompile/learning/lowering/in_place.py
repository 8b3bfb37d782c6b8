"""Operators that change a tensor in place, and the nodes that share its memory."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.learning.lowering.calls import call_of
from jpegcompile.learning.lowering.shapes import shape_of
from jpegcompile.messages import Message

_OUT_OF_PLACE: dict[Any, Any] = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    torch.relu_: torch.relu,
    functional.relu_: functional.relu,
}
# Calls whose result may be their input, or a part of it.
_SAME = frozenset(("contiguous", "detach", "to", "float", "double", "dropout", "type_as"))
_PARTS = frozenset(
    (
        *("getitem", "chunk", "split", "unbind", "narrow", "select", "squeeze", "unsqueeze"),
        *("view", "view_as", "reshape", "flatten", "unflatten", "permute", "transpose"),
        *("expand", "expand_as"),
    )
)


class Aliases:
    """Knows which nodes share the memory of a tensor."""

    def __init__(self, module: fx.GraphModule) -> None:
        """Read a graph whose shapes are known."""
        self.module = module
        self.order = {node: index for index, node in enumerate(module.graph.nodes)}
        self.bases: dict[fx.Node, fx.Node] = {}
        for node in module.graph.nodes:
            source = next(iter(node.all_input_nodes), None)
            if source is not None and (_may_share(node, module) or changes_input(node, module)):
                self.bases[node] = self.bases.get(source, source)

    def changed_by(self, node: fx.Node) -> list[fx.Node]:
        """Return the nodes whose tensor a node changes in place.

        Raises:
            UnsupportedModelError: if a later node reads another view of that tensor.
        """
        if not changes_input(node, self.module):
            return []
        base = self.bases[node]
        others = [base, *(n for n, b in self.bases.items() if b is base and n is not node)]
        earlier = [n for n in others if self.order[n] < self.order[node]]
        for other in earlier:
            is_read = any(self.order[user] > self.order[node] for user in other.users)
            if is_read and shape_of(other) != shape_of(node):
                text = (
                    f"'{node.name}' changes the tensor of '{other.name}' in place, through a view"
                    " of it; use the operator that returns a new tensor"
                )
                raise UnsupportedModelError(Message("learning-in-place-view", text))
        return earlier


def changes_input(node: fx.Node, module: nn.Module) -> bool:
    """Whether a node changes its first input in place."""
    if node.op == "call_module":
        return bool(getattr(module.get_submodule(str(node.target)), "inplace", False))
    if node.op == "call_method":
        name = str(node.target)
        return name.endswith("_") and not name.endswith("__")
    if node.op != "call_function":
        return False
    is_asked = call_of(node, module).arguments.get("inplace", node.kwargs.get("inplace", False))
    return bool(is_asked) or node.target in _OUT_OF_PLACE or _name(node).endswith("_")


def out_of_place(node: fx.Node) -> Any:
    """Return the target of a function or method that returns a new tensor."""
    if node.op == "call_method":
        name = str(node.target)
        # A view of coefficients may need a copy where the view of pixels does not.
        return "reshape" if name == "view" else name.rstrip("_")
    return _OUT_OF_PLACE.get(node.target, node.target)


def _may_share(node: fx.Node, module: fx.GraphModule) -> bool:
    if node.op == "call_module":
        kinds = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Unflatten)
        return isinstance(module.get_submodule(str(node.target)), kinds)
    if node.op not in ("call_function", "call_method"):
        return False
    return call_of(node, module).kind in _SAME | _PARTS


def _name(node: fx.Node) -> str:
    name = str(getattr(node.target, "__name__", ""))
    return "" if name.endswith("__") else name
