"""Replace any form of a group or instance normalization by one operator.

InstanceNormalization(x), GroupNormalization(x), LayerNormalization(x) over channels and plane
Reshape(InstanceNormalization(Reshape(x))) * scale + shift
LayerNormalization(x, s, t), s and t vary over the plane
    first Add(Mul(n, s), t) with n = LayerNormalization(x)
(x - m) / Sqrt(v + epsilon),  x * factor + (shift - m * factor),  ...
    =>  SpatialGroupNormalization(x, scale, shift, epsilon)                      exact

`analysis/moments.py` recognizes normalizations. The result is a jpegcompile operator because older
opsets have no GroupNormalization. Maps at block size 1 keep this operator. Maps in float16 are cast
to float32 and back.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx import helper

from jpegcompile.analysis.moment_rules import FIRST
from jpegcompile.analysis.moments import Moments, Normalization
from jpegcompile.ir.graph import input_at, is_float, is_graph_output, static_dims, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import make_node
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.normalization import SPATIAL_GROUP_NORMALIZATION


class CanonicalNormalization(Pass):
    """Replaces normalizations of maps of known size, with constant scales and shifts."""

    name = "canonical-normalization"

    def run(self, module: Module) -> bool:
        """Replace normalizations; returns whether one was replaced."""
        changed = False
        for node in list(module.graph.nodes):
            changed |= node.op == "LayerNormalization" and _take_apart(node, module)
        positions = {id(node): index for index, node in enumerate(module.graph.nodes)}
        sources = [*module.graph.inputs, *(t for n in module.graph.nodes for t in n.outputs)]
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
    """Replace every normalization of a map whose result is an output or has other readers."""
    changed = False
    waiting: list[tuple[int | None, float | None]] = [(None, None)]
    seen = set(waiting)
    while waiting:
        groups, epsilon = waiting.pop()
        moments = Moments(source, groups=groups, epsilon=epsilon)
        changed |= _replace_known(source, _followed(moments, positions, module), moments, module)
        # Normalizations with other groups may also read the map.
        more = moments.others - seen
        seen |= more
        waiting += sorted(more, key=str)
    return changed


def _followed(moments: Moments, positions: dict[int, int], module: Module) -> list[gs.Node]:
    """Nodes whose outputs are polynomials of the source, in graph order."""
    nodes = module.graph.nodes
    waiting = [positions[id(n)] for n in moments.source.outputs if id(n) in positions]
    heapq.heapify(waiting)
    seen, known = set(waiting), list[gs.Node]()
    while waiting:
        node = nodes[heapq.heappop(waiting)]
        if not node.outputs or not moments.follow(node):
            continue
        known.append(node)
        for reader in node.outputs[0].outputs:
            position = positions.get(id(reader))
            if position is not None and position not in seen:
                seen.add(position)
                heapq.heappush(waiting, position)
    return known


def _replace_known(
    source: gs.Tensor, known: list[gs.Node], moments: Moments, module: Module
) -> bool:
    inside = {id(node) for node in known}
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
    # Statistics are computed in float32 or float64.
    precise = np.float64 if source.dtype == np.float64 else np.float32
    is_half = source.dtype != precise
    given = _cast(source, precise, f"{target.name}.wide", module) if is_half else source
    made = gs.Variable(module.fresh(f"{target.name}.normalized"), precise, target.shape)
    parameters = {
        name: gs.Constant(module.fresh(f"{target.name}.{name}"), values.astype(precise))
        for name, values in (
            ("scale", normalization.scale.reshape(-1, 1, 1)),
            ("shift", normalization.shift.reshape(-1, 1, 1)),
            ("epsilon", np.asarray([normalization.epsilon])),
        )
    }
    parameters["to_rows"] = _rows(normalization.groups, module)
    node.outputs = [gs.Variable(module.fresh(f"{target.name}.unread"), target.dtype)]
    module.graph.nodes[module.graph.nodes.index(node)] = make_node(
        SPATIAL_GROUP_NORMALIZATION,
        node.name,
        {"x": given, **parameters},
        {"groups": normalization.groups},
        [made if is_half else target],
    )
    if is_half:
        _cast(made, target.dtype, target.name, module, target)


def _cast(
    source: gs.Tensor, dtype: Any, name: str, module: Module, target: gs.Tensor | None = None
) -> gs.Tensor:
    """Append a cast of a tensor and return its output: `target`, or a new tensor."""
    made = target or gs.Variable(module.fresh(name), dtype, source.shape)
    code = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    cast = gs.Node("Cast", module.fresh(f"{name}.cast"), {"to": int(code)}, [source], [made])
    module.graph.nodes.append(cast)
    return made


def _take_apart(node: gs.Node, module: Module) -> bool:
    """Move a scale and a shift that vary over the plane out of the normalization."""
    source, target = node.inputs[0], node.outputs[0]
    if not _is_map(source) or int(node.attrs.get("axis", -1)) % 4 != 1:
        return False
    parameters = [(op, input_at(node, index)) for op, index in (("Mul", 1), ("Add", 2))]
    if not any(_differs(tensor) for _, tensor in parameters):
        return False
    steps = [(op, tensor) for op, tensor in parameters if tensor is not None]
    result = gs.Variable(module.fresh(f"{target.name}.normalized"), target.dtype, target.shape)
    ones = gs.Constant(module.fresh(f"{target.name}.ones"), np.ones_like(steps[0][1].values))
    position = module.graph.nodes.index(node) + 1
    node.inputs, node.outputs = [source, ones], [result]
    for index, (op, tensor) in enumerate(steps):
        is_last = index == len(steps) - 1
        name = module.fresh(f"{target.name}.{op.lower()}")
        made = target if is_last else gs.Variable(name, target.dtype, target.shape)
        module.graph.nodes.insert(position + index, gs.Node(op, name, {}, [result, tensor], [made]))
        result = made
    return True


def _differs(tensor: gs.Tensor | None) -> bool:
    """Whether a constant [C, H, W] varies over the plane."""
    values = value_of(tensor)
    return values is not None and values.ndim == 3 and bool((values != values[:, :1, :1]).any())


def _rows(groups: int, module: Module) -> gs.Constant:
    """Target shape of a Reshape to one row for each group: int64 [4]."""
    shape = np.asarray([0, groups, 1, -1])
    return module.constants.share(f"rows.{groups}", shape, np.dtype(np.int64))
