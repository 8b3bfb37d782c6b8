"""Raise the `jpegcompile` operators of a model to standard ONNX operators on pixels.

y = JpegOp(x)  =>  ToJpeg(Op(ToSpatial(x)))        and the casts cancel

The result is an ordinary spatial model with the weights of the nodes, which store spatial kernels.
The image is its input again. Casts remain only where a node reads coefficients in another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frequency_plan import FrequencyPlan
from jpegcompile.frontend.raising.image import drop_averages, take_image
from jpegcompile.frontend.raising.inlined import find_operators
from jpegcompile.frontend.raising.masks import plan_of
from jpegcompile.frontend.raising.own import raise_node
from jpegcompile.frontend.raising.standard import raise_standard
from jpegcompile.frontend.raising.state import State
from jpegcompile.frontend.walk import all_graphs, all_nodes, graphs_of, name_of, quoted
from jpegcompile.interface import DOMAIN, DOMAIN_VERSION, PORTABLE_DOMAIN
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo, read_metadata
from jpegcompile.operators.casts import TO_SPATIAL
from jpegcompile.operators.piecewise import TRUNCATE

OWN_DOMAINS = (DOMAIN, PORTABLE_DOMAIN)


@dataclass(frozen=True)
class Raised:
    """What raising found in a model besides its network.

    Attributes:
        info: metadata of the compiled model; None for other models.
        plan: masks and truncations of the nodes; None if all nodes are exact.
        nodes: number of raised nodes.
    """

    info: CompiledInfo | None
    plan: FrequencyPlan | None
    nodes: int


def has_own_operators(model: onnx.ModelProto) -> bool:
    """Whether a model contains `jpegcompile` operators, or was compiled."""
    if any(entry.key == DOMAIN for entry in model.metadata_props):
        return True
    holders: Iterable[Iterable[onnx.NodeProto]] = (
        all_nodes(model.graph),
        *(function.node for function in model.functions),
    )
    return any(node.domain in OWN_DOMAINS for nodes in holders for node in nodes)


def raise_operators(model: onnx.ModelProto, name: str, folder: Path | None = None) -> Raised:
    """Replace the `jpegcompile` operators of a model by standard operators, in place.

    Args:
        model: a model with topologically sorted nodes, whose other local functions are inlined.
        name: name of the model in messages.
        folder: folder of its weight files; None if all values are in memory.

    Raises:
        UnsupportedModelError: if a node cannot be raised. The message names the node.
    """
    _refuse_newer(model, name)
    info = read_metadata(model, name)
    if info is not None and info.averages_views:
        drop_averages(model.graph)
    if info is not None and not any(n.domain in OWN_DOMAINS for n in model.graph.node):
        find_operators(model, info)
    state = State(model, name, info, folder)
    state.functions = {f.name: f for f in model.functions if f.domain in OWN_DOMAINS}
    _refuse_subgraphs(state)
    state.preferred = _preferred(model.graph)
    take_image(state)
    known = {} if state.image is None else dict(state.values)
    for node in list(model.graph.node):
        if any(output in known for output in node.output):
            # The image is known already.
            continue
        if node.domain in OWN_DOMAINS:
            raise_node(state, node)
        else:
            raise_standard(state, node)
    _finish(state)
    return Raised(info, plan_of(state), state.raised)


def _refuse_newer(model: onnx.ModelProto, name: str) -> None:
    for entry in model.opset_import:
        if entry.domain in OWN_DOMAINS and entry.version > DOMAIN_VERSION:
            text = (
                f"{name}: has version {entry.version} of the operators of {entry.domain}, but this"
                f" version of jpegcompile has {DOMAIN_VERSION}; upgrade jpegcompile"
            )
            raise UnsupportedModelError(Message("own-operators-newer", text))


def _refuse_subgraphs(state: State) -> None:
    inside = [node for graph in [*all_graphs(state.model.graph)][1:] for node in graph.node]
    for node in inside:
        if node.domain in OWN_DOMAINS:
            text = (
                f"{state.name}: node {quoted(name_of(node))} ({node.op_type}) is in a subgraph, and"
                " only operators of the main graph can be raised; move it there"
            )
            raise UnsupportedModelError(Message("own-operator-in-subgraph", text))


def _preferred(graph: onnx.GraphProto) -> dict[str, str]:
    """Return names for pixels of maps: the outputs of the casts that compute them."""
    found: dict[str, str] = {}
    for node in reversed(graph.node):
        if node.domain in OWN_DOMAINS and node.input and node.output:
            if node.op_type == TO_SPATIAL:
                found[node.input[0]] = node.output[0]
            elif node.op_type == TRUNCATE and node.output[0] in found:
                found[node.input[0]] = found[node.output[0]]
    return found


def _finish(state: State) -> None:
    """Replace the graph by the new one, without nodes that nothing reads."""
    model, graph = state.model, state.model.graph
    for output in graph.output:
        made = state.raw(output.name)
        if made != output.name:
            node = onnx.helper.make_node("Identity", [made], [output.name])
            node.name = state.names.fresh(f"{output.name}.Identity")
            state.nodes.append(node)
    needed, nodes = _needed(state)
    del graph.node[:]
    graph.node.extend(nodes)
    _keep(graph.initializer, [t.name in needed for t in graph.initializer])
    graph.initializer.extend(t for name, t in state.added.items() if name in needed)
    outputs = {o for node in nodes for o in node.output}
    pixels = list(_declared_pixels(state, outputs))
    _keep(graph.value_info, [value.name in outputs for value in graph.value_info])
    known = {value.name for value in graph.value_info}
    graph.value_info.extend(value for value in pixels if value.name not in known)
    _keep(model.functions, [f.domain not in OWN_DOMAINS for f in model.functions])
    _keep(model.opset_import, [o.domain not in OWN_DOMAINS for o in model.opset_import])
    _keep(model.metadata_props, [m.key != DOMAIN for m in model.metadata_props])


def _needed(state: State) -> tuple[set[str], list[onnx.NodeProto]]:
    """Return the tensors that outputs depend on, and the nodes that make them."""
    needed = {output.name for output in state.model.graph.output}
    nodes = []
    for node in reversed(state.nodes):
        if needed & set(node.output):
            nodes.append(node)
            needed.update(node.input)
            for inner in graphs_of(node):
                for graph in all_graphs(inner):
                    needed.update(name for n in graph.node for name in n.input)
                    needed.update(output.name for output in graph.output)
    return needed, nodes[::-1]


def _declared_pixels(state: State, made: set[str]) -> Iterator[onnx.ValueInfoProto]:
    """Yield declarations of pixels, which have the shapes of their coefficients."""
    for value in state.model.graph.value_info:
        found = state.values.get(value.name)
        if found is not None and found.block > 1 and found.pixels in made:
            copy = onnx.ValueInfoProto()
            copy.CopyFrom(value)
            copy.name = found.pixels
            yield copy


def _keep(field: Any, is_kept: list[bool]) -> None:
    """Delete entries of a repeated field."""
    for index in reversed(range(len(field))):
        if not is_kept[index]:
            del field[index]
