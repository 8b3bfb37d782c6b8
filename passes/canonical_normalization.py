"""Name group and instance normalisations, however a graph spells them.

InstanceNormalization(x), GroupNormalization(x), LayerNormalization(x) over channels and plane
Reshape(InstanceNormalization(Reshape(x))) * scale + shift
(x - m) / Sqrt(v + epsilon),  x * factor + (shift - m * factor),  ...
    =>  SpatialGroupNormalization(x, scale, shift, epsilon)                      exact

See `ir/moments.py` for what is recognised. The operator is ours since GroupNormalization is none of
old opsets; at block size 1 it stays as it is.
"""

from __future__ import annotations

import heapq

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.interface import DOMAIN
from jpegcompile.ir.graph import is_float, is_graph_output, static_dims
from jpegcompile.ir.module import Module
from jpegcompile.ir.moments import FIRST, Moments, Normalization
from jpegcompile.ir.rewrite import Pass


class CanonicalNormalization(Pass):
    """Maps of known channels, height and width, and constant scales and shifts."""

    name = "canonical-normalization"

    def run(self, module: Module) -> bool:
        """Returns whether a normalisation was replaced."""
        positions = {id(node): index for index, node in enumerate(module.graph.nodes)}
        sources = [*module.graph.inputs, *(t for n in module.graph.nodes for t in n.outputs)]
        changed = False
        for source in sources:
            if _is_map(source) and any(reader.op in FIRST for reader in source.outputs):
                changed |= _replace_readers(source, positions, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _is_map(tensor: gs.Tensor) -> bool:
    shape = tensor.shape
    is_plane = shape is not None and len(shape) == 4 and static_dims(shape[1:]) is not None
    return is_plane and is_float(tensor)


def _replace_readers(source: gs.Tensor, positions: dict[int, int], module: Module) -> bool:
    """Replace every normalisation of a map that others read than what computes it."""
    nodes = module.graph.nodes
    moments, inside = Moments(source), set[int]()
    waiting = sorted({positions[id(n)] for n in source.outputs if id(n) in positions})
    seen = set(waiting)
    known: list[gs.Node] = []
    while waiting:
        node = nodes[heapq.heappop(waiting)]
        if not moments.follow(node):
            continue
        known.append(node)
        inside.add(id(node))
        for reader in node.outputs[0].outputs:
            position = positions.get(id(reader))
            if position is not None and position not in seen:
                seen.add(position)
                heapq.heappush(waiting, position)
    found = [(node, moments.normalization(node.outputs[0])) for node in known]
    changed = False
    for node, normalization in found:
        target = node.outputs[0]
        leaves = is_graph_output(module.graph, target)
        leaves = leaves or any(id(reader) not in inside for reader in target.outputs)
        if normalization is not None and leaves:
            _replace(node, source, normalization, module)
            changed = True
    return changed


def _replace(
    node: gs.Node, source: gs.Tensor, normalization: Normalization, module: Module
) -> None:
    target = node.outputs[0]
    parameters = [
        gs.Constant(
            module.fresh(f"{target.name}.{name}"), values.astype(source.dtype).reshape(-1, 1, 1)
        )
        for name, values in (("scale", normalization.scale), ("shift", normalization.shift))
    ]
    # Statistics are computed in float32 at least.
    precise = np.float64 if source.dtype == np.float64 else np.float32
    epsilon = np.asarray([normalization.epsilon], precise)
    parameters.append(gs.Constant(module.fresh(f"{target.name}.epsilon"), epsilon))
    parameters.append(_rows(normalization.groups, module))
    node.outputs = []
    module.graph.nodes[module.graph.nodes.index(node)] = gs.Node(
        "SpatialGroupNormalization",
        node.name,
        {"groups": normalization.groups},
        [source, *parameters],
        [target],
        DOMAIN,
    )


def _rows(groups: int, module: Module) -> gs.Constant:
    """The shape that Reshape takes for one row a group: int64 [4]."""
    shape = np.asarray([0, groups, 1, -1])
    return module.constants.share(f"rows.{groups}", shape, np.dtype(np.int64))
