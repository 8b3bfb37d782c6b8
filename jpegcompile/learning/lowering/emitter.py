"""The graph that a lowering writes: its modules, and each value in the domains where it is known.

A value is stored in the domain in which it was computed, and cast when the other domain is first
needed. No two casts cancel.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from torch import fx, nn

from jpegcompile.learning.lowering.shapes import block_of_node, described
from jpegcompile.learning.lowering.twins import clone
from jpegcompile.learning.lowering.whole import called_in, put, tree_of
from jpegcompile.learning.modules.casts import ToJpeg, ToSpatial
from jpegcompile.learning.modules.domain import Domain

_CASTS: dict[Domain, type[nn.Module]] = {"jpeg": ToJpeg, "spatial": ToSpatial}


class Emitter:
    """Writes the graph of a lowered module.

    Attributes:
        graph: the graph.
        root: tree of its modules, with the names of the source.
        casts: number of casts.
    """

    def __init__(self, spatial: fx.GraphModule) -> None:
        """Start an empty graph for a source."""
        self.source = spatial
        self.graph = fx.Graph()
        self.root = tree_of(spatial, called_in(spatial.graph))
        self.casts = 0
        self._values: dict[fx.Node, dict[Domain, Any]] = {}
        self._placed: set[str] = set()
        self._taken = {*dir(self.root), *_names_in(self.root)}

    def has(self, node: fx.Node, domain: Domain) -> bool:
        """Whether a value is known in a domain without a cast."""
        return domain in self._values[node]

    def read(self, node: fx.Node, domain: Domain) -> Any:
        """Return a value in a domain; it is cast once."""
        known = self._values[node]
        if not known:
            known["spatial"] = self.copy(node)
        if domain not in known:
            (source,) = known.values()
            known[domain] = self._cast(node, source, domain)
        return known[domain]

    def read_any(self, node: fx.Node) -> Any:
        """Return a value in a domain that needs no cast."""
        return self.read(node, "jpeg" if self.has(node, "jpeg") else "spatial")

    def read_all(self, arguments: Any, domain: Domain) -> Any:
        """Return arguments with their maps in a domain."""
        return fx.node.map_arg(arguments, lambda node: self.read(node, domain))

    def store(self, node: fx.Node, domain: Domain, value: Any) -> None:
        """Store the value of a source node; without tiles both domains are the same."""
        both = block_of_node(node) == 1
        self._values[node] = {"jpeg": value, "spatial": value} if both else {domain: value}

    def store_later(self, node: fx.Node) -> None:
        """Compute a node on pixels when it is first read."""
        self._values[node] = {}

    def replace(self, node: fx.Node, by: fx.Node) -> None:
        """Let later readers of a node read another one, which changed its tensor in place."""
        self._values[node] = self._values[by]

    def call(self, name: str, module: nn.Module, *arguments: Any) -> fx.Node:
        """Call a new module, which gets a free name."""
        path = self._free(name)
        self._place(path, module.train(self.source.training))
        return self.graph.call_module(path, arguments)

    def call_at(self, node: fx.Node, make: Callable[[], nn.Module], *arguments: Any) -> fx.Node:
        """Call a module in place of a node, under the name of its source module.

        Another call of the same source module shares it, if it has parameters or buffers.
        """
        if node.op != "call_module":
            return self.call(node.name, make(), *arguments)
        path = str(node.target)
        if path not in self._placed:
            self._place(path, make())
        elif not has_state(self.source.get_submodule(path)):
            return self.call(path, make(), *arguments)
        return self.graph.call_module(path, arguments)

    def copy(self, node: fx.Node, domain: Domain = "spatial", target: Any = None) -> fx.Node:
        """Repeat a node of the source on maps in a domain."""
        arguments = self.read_all(node.args, domain)
        keywords = self.read_all(node.kwargs, domain)
        if node.op != "call_module":
            target = target or node.target
            return self.graph.create_node(node.op, target, arguments, keywords, node.name)
        module = self.source.get_submodule(str(node.target))
        made = self.call_at(node, lambda: clone(module), *arguments)
        made.kwargs = keywords
        return made

    def _cast(self, node: fx.Node, source: Any, domain: Domain) -> Any:
        value = described(node)
        if not isinstance(value, list | tuple):
            return self._cast_one(source, domain)
        items = [
            self.graph.call_function(operator.getitem, (source, index))
            for index in range(len(value))
        ]
        return [self._cast_one(item, domain) for item in items]

    def _cast_one(self, source: fx.Node, domain: Domain) -> fx.Node:
        self.casts += 1
        return self.call(f"to_{domain}", _CASTS[domain](), source)

    def _place(self, path: str, module: nn.Module) -> None:
        put(self.root, path, module)
        self._placed.add(path)
        self._taken.add(path)

    def _free(self, name: str) -> str:
        count, free = 0, name
        while free in self._taken:
            count += 1
            free = f"{name}_{count}"
        return free


def has_state(module: nn.Module) -> bool:
    """Whether a module has parameters or buffers."""
    return any(True for _ in (*module.parameters(), *module.buffers()))


def _names_in(root: nn.Module) -> Iterator[str]:
    """Yield the qualified names of modules, parameters and buffers."""
    for names in (root.named_modules(), root.named_parameters(), root.named_buffers()):
        yield from (name for name, _ in names)
