"""Give a convolution, a sum with another map and an activation one operator.

JpegRelu(JpegConv(x, w, b))          =>  JpegConvRelu(x, w, b)
Add(JpegConv(x, w, b), r)            =>  JpegConvAdd(x, w, b, r)
JpegRelu(Add(JpegConv(x, w, b), r))  =>  JpegConvAddRelu(x, w, b, r)
JpegTruncate(JpegRelu(JpegConv(x, w, b)), n)  =>  JpegConvReluTruncate(x, w, b, n)

and so for JpegPointwiseConv, for JpegPRelu and JpegClip, and, if asked to, at block size 1 for the
spatial operators, of which every Conv becomes a SpatialConv. Exact: the transforms that are left
out only undo each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.analysis.bounds import bounds_of
from jpegcompile.analysis.convolution import Convolution, convolution_of
from jpegcompile.analysis.followers import forget, only_reader, residual_of, transforms
from jpegcompile.analysis.slopes import slope_of
from jpegcompile.analysis.window import bias_of
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.graph import remove_node, static_dims
from jpegcompile.ir.module import Module
from jpegcompile.ir.nonlinear import output_block
from jpegcompile.ir.rewrite import Pass, elements
from jpegcompile.operators.fused import SPATIAL_CONV, Activation, fused_name
from jpegcompile.operators.nonlinear import TRUNCATE

_JPEG = ("JpegConv", "JpegPointwiseConv")
_JPEG_ACTIVATIONS: dict[str, Activation] = {
    "JpegRelu": "Relu",
    "JpegPRelu": "PRelu",
    "JpegClip": "Clip",
}
_SPATIAL_ACTIVATIONS: dict[str, Activation] = {
    "Relu": "Relu",
    "PRelu": "PRelu",
    "LeakyRelu": "PRelu",
    "Clip": "Clip",
}


@dataclass(frozen=True)
class Activated:
    """An activation, and what it reads besides the map and transforms."""

    kind: Activation
    operands: Callable[[], list[gs.Tensor]]


@dataclass(frozen=True)
class Chain:
    """What becomes one operator.

    Attributes:
        base: operator of the convolution, as it is called where nothing follows.
        attrs: of that operator.
        conv: the convolution's node.
        add: of a sum behind it, the node; and the other operand.
        activation: of an activation behind these, the node; and what it is.
        truncation: of an activation's result that keeps few frequencies, the node that sees to it.
    """

    base: str
    attrs: Mapping[str, Any]
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
        """Of the last node that the source has."""
        return str(self.nodes[-2 if self.truncation else -1].name)


class FuseConvolution(Pass):
    """Works from the end: of two convolutions that are added, the later one takes the sum."""

    name = "fuse-convolution"

    def __init__(self, *, takes_spatial: bool) -> None:
        """Fuse jpeg-domain convolutions and, with `takes_spatial`, those of block size 1, too."""
        self._takes_spatial = takes_spatial

    def run(self, module: Module) -> bool:
        """Returns whether a convolution took anything in, or became a SpatialConv."""
        changed = False
        inside = {id(node) for node in module.graph.nodes}
        for node in reversed(list(module.graph.nodes)):
            base = self._base(node, module)
            if base is None:
                continue
            chain = _chain(*base, node, module, inside)
            if len(chain.nodes) > 1 or chain.base == SPATIAL_CONV:
                _count_transforms(chain, module)
                _fuse(chain, module)
                changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed

    def _base(self, node: gs.Node, module: Module) -> tuple[str, Mapping[str, Any]] | None:
        """The operator that a convolution is, or would be by itself, and its attributes."""
        if node.domain == DOMAIN:
            return (node.op, node.attrs) if node.op in _JPEG else None
        return _spatial_base(node, module) if self._takes_spatial else None


def _spatial_base(node: gs.Node, module: Module) -> tuple[str, Mapping[str, Any]] | None:
    """The operator and the attributes of a SpatialConv; None where a node cannot become one."""
    if node.op != "Conv" or node.name in module.plateaus:
        return None
    if any(module.maps.get(t.name) != 1 for t in (node.inputs[0], node.outputs[0])):
        return None
    match = convolution_of(node, module)
    return (SPATIAL_CONV, match.attributes) if isinstance(match, Convolution) else None


def _chain(
    base: str, attrs: Mapping[str, Any], conv: gs.Node, module: Module, inside: set[int]
) -> Chain:
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
    if truncation is not None and truncation.op != TRUNCATE:
        truncation = None
    return Chain(base, attrs, conv, add, activation, truncation)


def _open_reader(made: gs.Tensor, module: Module, inside: set[int]) -> gs.Node | None:
    """The only reader of a tensor, unless it must stay a node of its own."""
    reader = only_reader(made, module, inside)
    return None if reader is None or reader.name in module.plateaus else reader


def _activated(node: gs.Node, made: gs.Tensor, module: Module) -> Activated | None:
    """The activation that a node applies to a map; None if it is another operator."""
    is_jpeg = node.domain == DOMAIN
    kind = (_JPEG_ACTIVATIONS if is_jpeg else _SPATIAL_ACTIVATIONS).get(node.op)
    if kind is None or node.inputs[0] is not made or len(node.outputs) != 1:
        return None
    target = node.outputs[0]
    if kind == "PRelu":
        fits = node.op == "LeakyRelu" or _is_by_channel(node.inputs[1], int(made.shape[1]))
        if not fits:
            return None
        return Activated(kind, lambda: node.inputs[1:2] if is_jpeg else [slope_of(node, module)])
    if kind == "Clip" and not is_jpeg:
        bounds = bounds_of(node)
        if isinstance(bounds, str):
            return None
        if bounds.is_relu:
            return Activated("Relu", list)
        return Activated(kind, lambda: bounds.constants(target, module))
    count = {"Relu": 0, "Clip": 2}[kind]
    return Activated(kind, lambda: list(node.inputs[1 : 1 + count]))


def _is_by_channel(slope: gs.Tensor, channels: int) -> bool:
    """Whether a slope is one number, or one for each channel."""
    shape = static_dims(slope.shape)
    return shape is not None and (all(d == 1 for d in shape) or shape == (channels, 1, 1))


def _fuse(chain: Chain, module: Module) -> None:
    head, tail = _ends(chain, module)
    residual = [chain.add[1]] if chain.add else []
    kind: Activation = chain.activation[1].kind if chain.activation else ""
    parameters = chain.activation[1].operands() if chain.activation else []
    name, target = chain.name, chain.nodes[-1].outputs[0]
    attrs = dict(chain.attrs)
    if chain.truncation:
        tail.append(chain.truncation.inputs[1])
        attrs["frequencies"] = chain.truncation.attrs["frequencies"]
    for node in chain.nodes:
        inner = node.outputs[0]
        if inner is not target:
            forget(inner, module)
        remove_node(module.graph, node)
    op = fused_name(chain.base, chain.add is not None, kind, chain.truncation is not None)
    module.convolutions[name] = chain.conv.name
    inputs = [*head, *residual, *parameters, *tail]
    module.graph.nodes.append(gs.Node(op, name, attrs, inputs, [target], DOMAIN))


def _ends(chain: Chain, module: Module) -> tuple[list[gs.Tensor], list[gs.Tensor]]:
    """Inputs that stand before and behind those of a sum and an activation."""
    conv, made = chain.conv, chain.conv.outputs[0]
    if chain.base == SPATIAL_CONV:
        return [*conv.inputs[:2], bias_of(conv, module)], []
    head, tail = list(conv.inputs[:3]), list(conv.inputs[3:])
    if chain.activation and chain.base == "JpegPointwiseConv":
        tail = [*transforms(made, module, invert=True), *transforms(made, module, invert=False)]
    elif chain.activation and chain.add:
        tail += transforms(made, module, invert=True)
    return head, tail


def _count_transforms(chain: Chain, module: Module) -> None:
    """Take the transforms that are left out from the report, and add the residual's."""
    block = output_block(chain.conv)
    if chain.base != "JpegConv" or chain.activation is None or block == 1:
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
