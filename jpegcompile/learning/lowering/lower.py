"""Lowering of a spatial graph to the JPEG domain.

    op(x)  =>  ToSpatial(JpegOp(ToJpeg(x)))        for an operator with a JPEG module
    op(x)  =>  ToJpeg(op(ToSpatial(x)))            for another operator

Operators that commute with the block DCT run in the domain of their maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import fx, nn

from jpegcompile.learning.lowering.calls import Call, call_of
from jpegcompile.learning.lowering.commuting import commute, is_spread_later
from jpegcompile.learning.lowering.discontinuous import read_by_steps
from jpegcompile.learning.lowering.emitter import Emitter, has_state
from jpegcompile.learning.lowering.in_place import Aliases
from jpegcompile.learning.lowering.module import Entry, JpegModule
from jpegcompile.learning.lowering.options import Decisions, LoweringOptions
from jpegcompile.learning.lowering.padded_pool import is_of_pools, read_infinities, with_padding
from jpegcompile.learning.lowering.report import LoweredNode, LoweringReport
from jpegcompile.learning.lowering.shapes import (
    Example,
    block_of_node,
    has_tensors,
    map_problem,
    propagate,
    shape_of,
)
from jpegcompile.learning.lowering.slots import Slot, decided
from jpegcompile.learning.lowering.twins import has_twin, is_masked, masked_form, twin_of
from jpegcompile.learning.modules.casts import Truncate
from jpegcompile.learning.modules.domain import Domain
from jpegcompile.messages import Message


def lower_graph(
    spatial: fx.GraphModule,
    example: Example,
    options: LoweringOptions | None = None,
    *,
    decisions: Decisions | None = None,
    kept: Mapping[str, Message] | None = None,
    only_mode: bool | None = None,
) -> JpegModule:
    """Lower a spatial network to the JPEG domain; both share parameters and buffers.

    Args:
        spatial: the network. Its first input is the image [N, C, H, W].
        example: an image, the shape of an image, or one tensor for each input. Values do not
            matter.
        options: domain, frequencies and input.
        decisions: frequencies of piecewise linear functions, in place of those of the options.
            Keys are `meta["source_name"]` of nodes, names of nodes or qualified names of modules.
            Functions that are not named stay exact.
        kept: nodes that must stay spatial, and why; keys as for `decisions`.
        only_mode: mode of training that the graph holds for; None for both.

    Returns:
        The network for images of the size of the example, and any batch.

    Raises:
        UnsupportedModelError: if the network changes a part of a map in place, or has a submodule
            or tensor with the name of an attribute of `JpegModule`.
    """
    propagate(spatial, example)
    all_kept = {**read_infinities(spatial), **read_by_steps(spatial), **(kept or {})}
    lowering = _Lowering(spatial, options or LoweringOptions(), decisions, all_kept)
    lowering.only_mode = only_mode
    return lowering.run()


class _Lowering:
    """The state of a lowering."""

    def __init__(
        self,
        spatial: fx.GraphModule,
        options: LoweringOptions,
        decisions: Decisions | None,
        kept: Mapping[str, Message],
    ) -> None:
        self.spatial, self.options, self.decisions, self.kept = spatial, options, decisions, kept
        self.emit = Emitter(spatial)
        self.aliases = Aliases(spatial)
        self.nodes: list[LoweredNode] = []
        self.slots: list[Slot] = []
        self.input_block = 1
        self.only_mode: bool | None = None
        self.image: fx.Node | None = None
        self.pinned = self._pinned()

    def run(self) -> JpegModule:
        """Lower every node."""
        for node in self.spatial.graph.nodes:
            if node.op == "placeholder":
                self._enter(node)
            elif node.op == "output":
                self.emit.graph.output(self.emit.read_all(node.args[0], "spatial"))
            elif node.op == "get_attr":
                self.emit.store(node, "spatial", self.emit.graph.node_copy(node))
            else:
                self._lower(node, with_padding(call_of(node, self.spatial), self.spatial))
                for changed in self.aliases.changed_by(node):
                    self.emit.replace(changed, node)
        module = JpegModule(self.emit.root, self.emit.graph)
        module.options, module.source = self.options, None
        module.decisions = None if self.decisions is None else dict(self.decisions)
        module.report = LoweringReport(tuple(self.nodes), self.emit.casts)
        module.image_shape = (shape_of(self.image) or ())[1:]
        module.input_block, module.slots = self.input_block, tuple(self.slots)
        return module

    def _enter(self, node: fx.Node) -> None:
        image = self.emit.graph.node_copy(node)
        image.type = None  # A type in quotes cannot be pickled.
        shape = shape_of(node)
        if self.image is not None or shape is None:
            self.emit.store(node, "spatial", image)
            return
        self.image = node
        domain: Domain = "spatial"
        if self.options.domain == "jpeg" and self.options.input == "jpeg":
            domain, self.input_block = "jpeg", block_of_node(node)
        checked = self.emit.call("entry", Entry(shape[1:], self.only_mode), image)
        self.emit.store(node, domain, checked)

    def _lower(self, node: fx.Node, call: Call) -> None:
        # A padded pool reads what its padding reads.
        x = call.arguments.get("x")
        sources = dict.fromkeys((*node.all_input_nodes, *([x] if isinstance(x, fx.Node) else ())))
        maps = [n for n in sources if block_of_node(n) > 1]
        if not maps and block_of_node(node) == 1:
            self.emit.store(node, "spatial", self.emit.copy(node))
        elif not has_tensors(node):
            # It reads a shape or a type, which are the same in both domains.
            arguments = fx.node.map_arg((node.args, node.kwargs), self.emit.read_any)
            made = self.emit.graph.create_node(node.op, node.target, *arguments, name=node.name)
            self.emit.store(node, "spatial", made)
        elif is_spread_later(node, call) or is_of_pools(node, call, self.spatial):
            self.emit.store_later(node)
        else:
            self._lower_on_maps(node, call, maps)

    def _lower_on_maps(self, node: fx.Node, call: Call, maps: list[fx.Node]) -> None:
        made = self._in_jpeg(node, call, maps)
        domain: Domain = "jpeg"
        reason = ""
        if isinstance(made, Message):
            domain, reason, made = "spatial", made, self._on_pixels(node, call)
        self.emit.store(node, domain, made)
        block = max(block_of_node(node), *(block_of_node(n) for n in maps), 1)
        names = self._names(node)
        self.nodes.append(LoweredNode(names[0], call.op, domain, block, reason))

    def _in_jpeg(self, node: fx.Node, call: Call, maps: list[fx.Node]) -> Any:
        """Return the value in the JPEG domain, or why there is none."""
        for name in self._names(node):
            if name in self.kept:
                return self.kept[name]
        if self.options.domain == "auto":
            return Message("learning-domain-auto", "pixels are as fast for all frequencies")
        if node.op == "call_module" and node.target in self.pinned:
            return self.pinned[str(node.target)]
        module = call.module
        if module is None or not has_twin(module):
            return commute(self.emit, node, call, maps)
        problem = twin_problem(call.arguments["x"], module)
        if problem is not None:
            return problem
        source = self.emit.read(call.arguments["x"], "jpeg")
        if is_masked(module) and _has_tiles(node, call):
            return self._masked(node, module, source, "jpeg")
        return self.emit.call_at(node, lambda: twin_of(module), source)

    def _on_pixels(self, node: fx.Node, call: Call) -> fx.Node:
        """Compute a node on pixels; masks and truncation still apply to tiles."""
        module = call.module
        is_free = not any(name in self.kept for name in self._names(node))
        if module is not None and is_masked(module) and is_free and _has_tiles(node, call):
            x = call.arguments["x"]
            if twin_problem(x, module) is None:
                return self._masked(node, module, self.emit.read(x, "spatial"), "spatial")
        return self.emit.copy(node)

    def _masked(self, node: fx.Node, module: nn.Module, source: Any, domain: Domain) -> fx.Node:
        """Call a piecewise linear function, and truncate its result."""
        names, masking = self._names(node), self.options.masking
        count = decided(names, self.decisions, self.options.default)
        made = self.emit.call_at(
            node, lambda: masked_form(module, count.mask, masking, domain), source
        )
        kept = self.emit.call(f"{made.target}_truncated", Truncate(count.keep, domain), made)
        self.slots.append(Slot(names, str(made.target), str(kept.target), domain))
        return kept

    def _names(self, node: fx.Node) -> tuple[str, ...]:
        """Return the names of a node, the one of the source first."""
        source = node.meta.get("source_name")
        own = (str(node.target), node.name) if node.op == "call_module" else (node.name,)
        return own if source is None else (str(source), *own)

    def _pinned(self) -> dict[str, Message]:
        """Return modules with state of which some call must be on pixels: all calls stay there."""
        calls: dict[str, list[fx.Node]] = {}
        for node in self.spatial.graph.nodes:
            if node.op == "call_module":
                calls.setdefault(node.target, []).append(node)
        pinned = {}
        for target, nodes in calls.items():
            module = self.spatial.get_submodule(target)
            if len(nodes) == 1 or not has_twin(module) or not has_state(module):
                continue
            sources = [call_of(node, self.spatial).arguments["x"] for node in nodes]
            is_kept = any(name in self.kept for node in nodes for name in self._names(node))
            is_mixed = len({block_of_node(source) > 1 for source in sources}) > 1
            if not (is_kept or is_mixed or any(twin_problem(x, module) for x in sources)):
                continue
            text = f"another call of module '{target}' is on pixels, and shares its weights"
            reason = Message("learning-shared-module", text)
            if is_kept:
                self.kept = {**{node.name: reason for node in nodes}, **self.kept}
            else:
                pinned[target] = reason
        return pinned


def _has_tiles(node: fx.Node, call: Call) -> bool:
    """Whether a function has tiles for masks, which are those of its input, or for truncation."""
    return max(block_of_node(call.arguments["x"]), block_of_node(node)) > 1


def twin_problem(x: Any, module: nn.Module) -> Message | None:
    """Return why a call of a module with a JPEG module has no JPEG form; None if it has one."""
    if isinstance(module, nn.MaxPool2d) and module.return_indices:
        return Message("learning-pool-positions", "positions of a maximum are those of pixels")
    return map_problem(x)
