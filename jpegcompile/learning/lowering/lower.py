"""Lowering of a spatial graph to the JPEG domain.

    op(x)  =>  ToSpatial(JpegOp(ToJpeg(x)))        for an operator with a JPEG module
    op(x)  =>  ToJpeg(op(ToSpatial(x)))            for another operator

Each value is stored in the domain in which it was computed. It is cast when the other domain is
first needed, so that no two casts cancel. Operators that commute with the block DCT run in the
domain of their maps.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import fx, nn

from jpegcompile.learning.lowering.calls import Call, call_of
from jpegcompile.learning.lowering.commuting import commute
from jpegcompile.learning.lowering.module import Entry, JpegModule, Slot, put
from jpegcompile.learning.lowering.options import Decisions, LoweringOptions
from jpegcompile.learning.lowering.report import LoweredNode, LoweringReport
from jpegcompile.learning.lowering.shapes import (
    Example,
    block_of_node,
    described,
    propagate,
    shape_of,
)
from jpegcompile.learning.lowering.tree import tree_of
from jpegcompile.learning.lowering.twins import (
    clone,
    has_twin,
    is_masked,
    masked_form,
    twin_of,
)
from jpegcompile.learning.modules.casts import ToJpeg, ToSpatial, Truncate
from jpegcompile.learning.modules.domain import Domain
from jpegcompile.messages import Message

_CASTS: dict[Domain, type[nn.Module]] = {"jpeg": ToJpeg, "spatial": ToSpatial}


def lower_graph(
    spatial: fx.GraphModule,
    example: Example,
    options: LoweringOptions | None = None,
    *,
    decisions: Decisions | None = None,
    kept: Mapping[str, Message] | None = None,
) -> JpegModule:
    """Lower a spatial network to the JPEG domain; both share parameters and buffers.

    Args:
        spatial: the network. Its first input is the image [N, C, H, W].
        example: an image, the shape of an image, or one tensor for each input. Values do not
            matter.
        options: domain, frequencies and input.
        decisions: frequencies of piecewise linear functions, in place of those of the options.
            Keys are `meta["source_name"]` of nodes, qualified names of modules or names of nodes.
            Functions that are not named stay exact.
        kept: nodes that must stay spatial, and why; keys as for `decisions`.

    Returns:
        The network for images of the size of the example, and any batch.
    """
    propagate(spatial, example)
    lowering = _Lowering(spatial, options or LoweringOptions(), decisions, kept or {})
    return lowering.run()


class _Lowering:
    """The state of a lowering: the new graph, its modules, and the values in each domain."""

    def __init__(
        self,
        spatial: fx.GraphModule,
        options: LoweringOptions,
        decisions: Decisions | None,
        kept: Mapping[str, Message],
    ) -> None:
        self.spatial, self.options, self.decisions, self.kept = spatial, options, decisions, kept
        self.graph = fx.Graph()
        self.root = tree_of(spatial)
        self.values: dict[fx.Node, dict[Domain, Any]] = {}
        self.placed: set[str] = set()
        self.taken = {*dir(self.root), *_names_in(self.root)}
        self.nodes: list[LoweredNode] = []
        self.slots: list[Slot] = []
        self.casts = 0
        self.input_block = 1
        self.pinned = self._pinned()

    def run(self) -> JpegModule:
        """Lower every node."""
        for node in self.spatial.graph.nodes:
            self._lower(node)
        module = JpegModule(self.root, self.graph)
        module.options, module.source = self.options, None
        module.decisions = None if self.decisions is None else dict(self.decisions)
        module.report = LoweringReport(tuple(self.nodes), self.casts)
        module.input_block, module.slots = self.input_block, tuple(self.slots)
        return module

    # Values

    def has(self, node: fx.Node, domain: Domain) -> bool:
        """Whether a value is known in a domain without a cast."""
        return domain in self.values[node]

    def read(self, node: fx.Node, domain: Domain) -> Any:
        """Return a value in a domain; it is cast once."""
        known = self.values[node]
        if domain not in known:
            (source,) = known.values()
            known[domain] = self._cast(node, source, domain)
        return known[domain]

    def read_all(self, arguments: Any, domain: Domain) -> Any:
        """Return arguments with their maps in a domain."""
        return fx.node.map_arg(arguments, lambda node: self.read(node, domain))

    def call(self, name: str, module: nn.Module, *arguments: Any) -> fx.Node:
        """Call a new module, which gets a free name."""
        path = self._free(name)
        self.place(path, module)
        return self.graph.call_module(path, arguments)

    def place(self, path: str, module: nn.Module) -> None:
        """Set the module at a qualified name."""
        put(self.root, path, module)
        self.placed.add(path)
        self.taken.add(path)

    def _cast(self, node: fx.Node, source: Any, domain: Domain) -> Any:
        value = described(node)
        if isinstance(value, list | tuple):
            items = [
                self.graph.call_function(operator.getitem, (source, i)) for i in range(len(value))
            ]
            return [self._cast_one(item, domain) for item in items]
        return self._cast_one(source, domain)

    def _cast_one(self, source: fx.Node, domain: Domain) -> fx.Node:
        self.casts += 1
        return self.call(f"to_{domain}", _CASTS[domain](), source)

    def _free(self, name: str) -> str:
        count, free = 0, name
        while free in self.taken:
            count += 1
            free = f"{name}_{count}"
        return free

    # Nodes

    def _lower(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self._enter(node)
        elif node.op == "output":
            self.graph.output(self.read_all(node.args[0], "spatial"))
        elif node.op == "get_attr":
            self._store(node, "spatial", self.graph.node_copy(node))
        else:
            self._lower_call(node)

    def _enter(self, node: fx.Node) -> None:
        image = self.graph.node_copy(node)
        image.type = None  # A type in quotes cannot be pickled.
        shape = shape_of(node)
        if self.values or shape is None:
            self._store(node, "spatial", image)
            return
        domain: Domain = "spatial"
        if self.options.domain == "jpeg" and self.options.input == "jpeg":
            domain, self.input_block = "jpeg", block_of_node(node)
        checked = self.call("entry", Entry(shape[1:]), image)
        self._store(node, domain, checked)

    def _store(self, node: fx.Node, domain: Domain, value: Any) -> None:
        """Store a value; without tiles both domains are the same."""
        if block_of_node(node) == 1:
            self.values[node] = {"jpeg": value, "spatial": value}
        else:
            self.values[node] = {domain: value}

    def _lower_call(self, node: fx.Node) -> None:
        call = call_of(node, self.spatial)
        maps = [n for n in node.all_input_nodes if block_of_node(n) > 1]
        if not maps and block_of_node(node) == 1:
            self._store(node, "spatial", self._copy(node, call))
            return
        made = self._made(node, call, maps)
        block = block_of_node(node) if block_of_node(node) > 1 else block_of_node(maps[0])
        name, op = self._name(node), _op_of(node, call)
        if isinstance(made, Message):
            self._store(node, "spatial", self._spatial(node, call))
            self.nodes.append(LoweredNode(name, op, "spatial", block, made))
        else:
            self._store(node, "jpeg", made)
            self.nodes.append(LoweredNode(name, op, "jpeg", block))

    def _made(self, node: fx.Node, call: Call, maps: list[fx.Node]) -> fx.Node | Message:
        """Return the node in the JPEG domain, or why there is none."""
        for name in self._names(node):
            if name in self.kept:
                return self.kept[name]
        if self.options.domain == "auto":
            return Message("learning-domain-auto", "pixels are as fast for all frequencies")
        if node.op == "call_module" and node.target in self.pinned:
            return self.pinned[str(node.target)]
        if call.module is not None and has_twin(call.module):
            return self._twin(node, call)
        return commute(self, node, call, maps)

    def _twin(self, node: fx.Node, call: Call) -> fx.Node | Message:
        assert call.module is not None
        x = call.arguments["x"]
        problem = twin_problem(x, call.module)
        if problem is not None:
            return problem
        source = self.read(x, "jpeg")
        if is_masked(call.module) and block_of_node(node) > 1:
            return self._masked(node, call.module, source, "jpeg")
        module = call.module
        return self._call_at(node, lambda: twin_of(module), source)

    def _masked(self, node: fx.Node, module: nn.Module, source: Any, domain: Domain) -> fx.Node:
        """Call a piecewise linear function, and truncate its result."""
        names = self._names(node)
        slot = Slot(names, "", "", domain)
        decided = slot.decided(self.decisions, self.options.default)
        masking = self.options.masking
        made = self._call_at(
            node, lambda: masked_form(module, decided.mask, masking, domain), source
        )
        kept = self.call(f"{made.target}_truncated", Truncate(decided.keep, domain), made)
        self.slots.append(Slot(names, str(made.target), str(kept.target), domain))
        return kept

    def _call_at(self, node: fx.Node, make: Callable[[], nn.Module], *sources: Any) -> fx.Node:
        """Call a module at the name of the source module, or at the name of the node."""
        if node.op != "call_module":
            return self.call(node.name, make(), *sources)
        path = str(node.target)
        if path in self.placed and not has_state(self.spatial.get_submodule(path)):
            return self.call(path, make(), *sources)
        if path not in self.placed:
            self.place(path, make())
        return self.graph.call_module(path, sources)

    def _spatial(self, node: fx.Node, call: Call) -> Any:
        """Compute a node on pixels."""
        module = call.module
        if module is None or block_of_node(node) == 1 or not self._may_mask(node, module):
            return self._copy(node, call)
        source = self.read(node.all_input_nodes[0], "spatial")
        return self._masked(node, module, source, "spatial")

    def _may_mask(self, node: fx.Node, module: nn.Module) -> bool:
        """Whether a node that stays spatial has masks: a piecewise linear function of tiles."""
        if any(name in self.kept for name in self._names(node)) or not is_masked(module):
            return False
        return twin_problem(node.all_input_nodes[0], module) is None

    def _copy(self, node: fx.Node, call: Call) -> fx.Node:
        arguments = self.read_all(node.args, "spatial")
        keywords = self.read_all(node.kwargs, "spatial")
        if node.op == "call_module":
            path = str(node.target)
            if path in self.placed and not has_state(self.spatial.get_submodule(path)):
                path = self._free(path)
            if path not in self.placed:
                self.place(path, clone(self.spatial.get_submodule(str(node.target))))
            made = self.graph.call_module(path, arguments, keywords)
        else:
            made = self.graph.create_node(node.op, node.target, arguments, keywords, node.name)
        return made

    def _names(self, node: fx.Node) -> tuple[str, ...]:
        names = [node.meta.get("source_name"), node.name]
        if node.op == "call_module":
            names.append(str(node.target))
        return tuple(name for name in names if name)

    def _name(self, node: fx.Node) -> str:
        if "source_name" in node.meta:
            return str(node.meta["source_name"])
        return str(node.target) if node.op == "call_module" else node.name

    def _pinned(self) -> dict[str, Message]:
        """Return modules with parameters of which some call has no JPEG form: all stay spatial."""
        pinned = {}
        for node in self.spatial.graph.nodes:
            if node.op != "call_module":
                continue
            module = self.spatial.get_submodule(node.target)
            if not has_twin(module) or not has_state(module):
                continue
            calls = [
                other
                for other in self.spatial.graph.nodes
                if other.op == "call_module" and other.target == node.target
            ]
            blocked = any(name in self.kept for call in calls for name in self._names(call))
            plain = any(block_of_node(call.args[0]) == 1 for call in calls)
            if len(calls) > 1 and (blocked or plain):
                pinned[str(node.target)] = Message(
                    "learning-shared-module",
                    f"module '{node.target}' is also called on pixels, with the same parameters",
                )
        return pinned


def has_state(module: nn.Module) -> bool:
    """Whether a module has parameters or buffers."""
    return any(True for _ in (*module.parameters(), *module.buffers()))


def twin_problem(x: Any, module: nn.Module) -> Message | None:
    """Return why a call of a module with a JPEG module has no JPEG form; None if it has one."""
    shape = shape_of(x)
    if shape is None or len(shape) != 4:
        return Message("learning-not-a-map", "its input has no shape [N, C, H, W]")
    if isinstance(module, nn.MaxPool2d) and module.return_indices:
        return Message("learning-pool-positions", "positions of a maximum are those of pixels")
    return None


def _names_in(root: nn.Module) -> Iterator[str]:
    """Yield the qualified names of modules, parameters and buffers."""
    for names in (root.named_modules(), root.named_parameters(), root.named_buffers()):
        yield from (name for name, _ in names)


def _op_of(node: fx.Node, call: Call) -> str:
    return type(call.module).__name__ if node.op == "call_module" else call.kind
