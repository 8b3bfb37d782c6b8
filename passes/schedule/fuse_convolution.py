"""Fuse a convolution, a residual input and an activation into one operator.

JpegRelu(JpegConv(x, w, b))          =>  JpegConvRelu(x, w, b)
Add(JpegConv(x, w, b), r)            =>  JpegConvAdd(x, w, b, r)
JpegRelu(Add(JpegConv(x, w, b), r))  =>  JpegConvAddRelu(x, w, b, r)
JpegTruncate(JpegRelu(JpegConv(x, w, b)), n)  =>  JpegConvReluTruncate(x, w, b, n)

JpegPointwiseConv, JpegPRelu and JpegClip are fused in the same way. For targets that support it,
the pass also fuses spatial operators at block size 1; every Conv becomes a SpatialConv. Exact,
since the omitted transforms cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.analysis.bounds import bounds_of
from jpegcompile.analysis.convolution import Convolution, convolution_of
from jpegcompile.analysis.fusion import forget, only_reader, residual_of
from jpegcompile.analysis.slopes import slope_of
from jpegcompile.analysis.window import bias_of
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.graph import remove_node, static_dims
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.operands import Operands, is_operator, make_node, operand, operands, operator_of
from jpegcompile.ir.rewrite import Pass, elements
from jpegcompile.messages import Message
from jpegcompile.operators.convolution import (
    ACTIVATIONS,
    JPEG_CONV,
    NONE,
    RESIDUAL_INVERSE,
    SPATIAL_CONV,
    fused_name,
)
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.piecewise import TRUNCATE
from jpegcompile.operators.registry import OPERATORS

_JPEG_ACTIVATIONS = {a.operator: kind for kind, a in ACTIVATIONS.items() if a.operator}
_SPATIAL_ACTIVATIONS = {"Relu": "Relu", "PRelu": "PRelu", "LeakyRelu": "PRelu", "Clip": "Clip"}


@dataclass(frozen=True)
class Base:
    """A convolution as a jpegcompile operator without epilogue.

    Attributes:
        op: the operator.
        attrs: attributes of its node.
        operands: creates the inputs of its node.
    """

    op: str
    attrs: Mapping[str, Any]
    operands: Callable[[], Operands]


@dataclass(frozen=True)
class Activated:
    """An activation.

    Attributes:
        kind: name of the activation.
        operands: creates its parameters.
    """

    kind: str
    operands: Callable[[], Operands]


@dataclass(frozen=True)
class Chain:
    """Nodes that become one operator.

    Attributes:
        base: the convolution as an operator.
        conv: the node of the convolution.
        add: the node of an addition after the convolution, and the other operand; or None.
        activation: the node of an activation after these nodes, and the activation; or None.
        truncation: the node that truncates the activation's output; or None.
    """

    base: Base
    conv: gs.Node
    add: tuple[gs.Node, gs.Tensor] | None
    activation: tuple[gs.Node, Activated] | None
    truncation: gs.Node | None

    @property
    def nodes(self) -> list[gs.Node]:
        """All nodes, in order."""
        parts = [self.conv, *(part[0] for part in (self.add, self.activation) if part)]
        return [*parts, self.truncation] if self.truncation else parts

    @property
    def name(self) -> str:
        """Name of the last node that comes from the source model."""
        return str(self.nodes[-2 if self.truncation else -1].name)

    @property
    def operator(self) -> Operator:
        """The fused operator."""
        kind = self.activation[1].kind if self.activation else NONE
        is_truncated = self.truncation is not None
        return OPERATORS[fused_name(self.base.op, self.add is not None, kind, is_truncated)]


class FuseConvolution(Pass):
    """Fuses nodes in reverse order: if two convolutions are added, the later one is fused."""

    name = "fuse-convolution"

    def __init__(self, *, takes_spatial: bool) -> None:
        """Create the pass.

        Args:
            takes_spatial: whether to fuse convolutions at block size 1, too.
        """
        self._takes_spatial = takes_spatial

    def run(self, module: Module) -> bool:
        """Fuse nodes; returns whether a convolution was fused or became a SpatialConv."""
        changed = False
        inside = {id(node) for node in module.graph.nodes}
        for node in reversed(list(module.graph.nodes)):
            base = self._base(node, module)
            if base is None:
                continue
            chain = _chain(base, node, module, inside)
            if len(chain.nodes) > 1 or chain.base.op == SPATIAL_CONV:
                _count_transforms(chain, module)
                _fuse(chain, module)
                changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed

    def _base(self, node: gs.Node, module: Module) -> Base | None:
        """Return a convolution as an operator without epilogue; None for other nodes."""
        if node.domain == DOMAIN:
            operator = operator_of(node)
            if operator is None or operator.name != operator.base or operator.base == SPATIAL_CONV:
                return None
            return Base(operator.name, node.attrs, lambda: operands(node))
        return _spatial_base(node, module) if self._takes_spatial else None


def _spatial_base(node: gs.Node, module: Module) -> Base | None:
    """Return a standard convolution as a SpatialConv; None if that is not possible."""
    if node.op != "Conv" or node.name in module.exact_nodes:
        return None
    if any(module.maps.get(t.name) != 1 for t in (node.inputs[0], node.outputs[0])):
        return None
    match = convolution_of(node, module)
    if not isinstance(match, Convolution):
        return None
    x, weight = node.inputs[:2]
    return Base(
        SPATIAL_CONV,
        match.attributes,
        lambda: {"x": x, "weight": weight, "bias": bias_of(node, module)},
    )


def _chain(base: Base, conv: gs.Node, module: Module, inside: set[int]) -> Chain:
    add = activation = truncation = None
    made = conv.outputs[0]
    reader = _open_reader(made, module, inside)
    if reader is not None:
        residual = residual_of(reader, made, module)
        if residual is not None:
            add = (reader, residual)
            made = reader.outputs[0]
            reader = _open_reader(made, module, inside)
    if reader is not None:
        activated = _activated(reader, made, module)
        if activated is not None:
            activation = (reader, activated)
            truncation = only_reader(reader.outputs[0], module, inside)
    if truncation is not None and not is_operator(truncation, TRUNCATE):
        truncation = None
    return Chain(base, conv, add, activation, truncation)


def _open_reader(made: gs.Tensor, module: Module, inside: set[int]) -> gs.Node | None:
    """Return the only reader of a tensor, unless the reader must stay unfused."""
    reader = only_reader(made, module, inside)
    return None if reader is None or reader.name in module.exact_nodes else reader


def _activated(node: gs.Node, made: gs.Tensor, module: Module) -> Activated | None:
    """Return the activation that a node applies to a map; None for other operators."""
    if len(node.outputs) != 1:
        return None
    if node.domain != DOMAIN:
        return _spatially_activated(node, made, module)
    kind = _JPEG_ACTIVATIONS.get(node.op)
    if kind is None or operand(node, "x") is not made:
        return None
    given = operands(node)
    parameters = {o.name: given[o.name] for o in ACTIVATIONS[kind].operands}
    if not all(_is_by_channel(tensor, int(made.shape[1])) for tensor in parameters.values()):
        return None
    return Activated(kind, lambda: parameters)


def _spatially_activated(node: gs.Node, made: gs.Tensor, module: Module) -> Activated | None:
    kind = _SPATIAL_ACTIVATIONS.get(node.op)
    if kind is None or node.inputs[0] is not made:
        return None
    if kind == "PRelu":
        if node.op == "PRelu" and not _is_by_channel(node.inputs[1], int(made.shape[1])):
            return None
        return Activated(kind, lambda: {"slope": slope_of(node, module)})
    if kind == "Clip":
        bounds, target = bounds_of(node), node.outputs[0]
        if isinstance(bounds, Message):
            return None
        if not bounds.is_relu:
            return Activated(kind, lambda: bounds.constants(target, module))
    return Activated("Relu", dict)


def _is_by_channel(parameter: gs.Tensor, channels: int) -> bool:
    """Whether a parameter is one number, or one for each channel."""
    shape = static_dims(parameter.shape)
    return shape is not None and (all(d == 1 for d in shape) or shape == (channels, 1, 1))


def _fuse(chain: Chain, module: Module) -> None:
    fused, inputs = chain.operator, _operands(chain, module)
    name, target = chain.name, chain.nodes[-1].outputs[0]
    attrs = dict(chain.base.attrs)
    if chain.truncation:
        attrs["frequencies"] = chain.truncation.attrs["frequencies"]
    for node in chain.nodes:
        inner = node.outputs[0]
        if inner is not target:
            forget(inner, module)
        remove_node(module.graph, node)
    module.convolutions[name] = chain.conv.name
    module.graph.nodes.append(make_node(fused, name, inputs, attrs, [target]))


def _operands(chain: Chain, module: Module) -> Operands:
    """Inputs of the fused node by name, including the matrices of its inner transforms."""
    fused, made, pool = chain.operator, chain.conv.outputs[0], module.constants
    inputs = chain.base.operands()
    if chain.add:
        inputs["residual"] = chain.add[1]
    if chain.activation:
        inputs |= chain.activation[1].operands()
    if chain.truncation:
        inputs["band"] = operand(chain.truncation, "band")
    block = module.current_block(made)
    if fused.has("inverse_rows") and "inverse_rows" not in inputs:
        inputs |= pool.to_pixels(size_of(made), block, made.dtype)
        inputs |= pool.to_coefficients(size_of(made), block, made.dtype)
    if fused.has("residual_rows"):
        inputs |= pool.to_pixels(size_of(made), block, made.dtype, RESIDUAL_INVERSE)
    return {name: tensor for name, tensor in inputs.items() if fused.has(name)}


def _count_transforms(chain: Chain, module: Module) -> None:
    """Subtract omitted transforms in the report, and add the transform of the residual input."""
    block = module.current_block(chain.conv.outputs[0])
    if chain.base.op != JPEG_CONV or chain.activation is None or block == 1:
        return
    one = 2 * block * elements(chain.conv.outputs[0])
    for node, change in (
        (chain.conv, -one),
        (chain.add[0] if chain.add else None, one),
        (chain.activation[0], -one),
    ):
        if node is not None and module.report.has(node.name):
            report = module.report.node(node.name)
            cost = report.transform_multiply_adds + change
            module.report.add(replace(report, transform_multiply_adds=cost))
