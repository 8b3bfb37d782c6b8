"""Fuse the end of a squeeze-and-excitation block into one operator.

JpegRelu(Add(JpegScale(x, s), r))  =>  JpegScaleAddRelu(x, s, r)
JpegTruncate(JpegRelu(Add(JpegScale(x, s), r)), n)  =>  JpegScaleAddReluTruncate(x, s, r, n)
Relu(Add(JpegScale(x, s), r))      =>  SpatialScaleAddRelu(x, s, r)    at block size 1

Exact. Maps are read once instead of three times.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.fusion import forget, only_reader, residual_of
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.graph import remove_node
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.operands import is_operator, operand, operands, replace_operator
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.arithmetic import (
    SCALE,
    SCALE_ADD_RELU,
    SCALE_ADD_RELU_TRUNCATE,
    SPATIAL_SCALE_ADD_RELU,
)
from jpegcompile.operators.piecewise import RELU, TRUNCATE


class FuseScale(Pass):
    """Fuses scales; `spatial_twins.py` must have replaced the products by JpegScale."""

    name = "fuse-scale"

    def run(self, module: Module) -> bool:
        """Fuse nodes; returns whether a scale was fused."""
        changed = False
        inside = {id(node) for node in module.graph.nodes}
        for node in list(module.graph.nodes):
            if is_operator(node, SCALE):
                changed |= _fuse(node, module, inside)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _fuse(scale: gs.Node, module: Module, inside: set[int]) -> bool:
    scaled = scale.outputs[0]
    add = only_reader(scaled, module, inside)
    residual = None if add is None else residual_of(add, scaled, module)
    if add is None or residual is None:
        return False
    summed = add.outputs[0]
    relu = only_reader(summed, module, inside)
    if relu is None or not _is_relu(relu, module):
        return False
    block = module.current_block(summed)
    inputs = {**operands(scale), "residual": residual}
    if block > 1:
        pool = module.constants
        inputs |= pool.to_pixels(size_of(summed), block, summed.dtype)
        inputs |= pool.to_coefficients(size_of(summed), block, summed.dtype)
        replace_operator(relu, SCALE_ADD_RELU, inputs, {"block": block})
    else:
        replace_operator(relu, SPATIAL_SCALE_ADD_RELU, inputs, {})
    for node in (scale, add):
        forget(node.outputs[0], module)
        remove_node(module.graph, node)
    if block > 1:
        _truncate(relu, module, inside)
    return True


def _truncate(node: gs.Node, module: Module, inside: set[int]) -> None:
    """Fuse a truncation of the result, if there is one."""
    whole = node.outputs[0]
    truncation = only_reader(whole, module, inside)
    if truncation is None or not is_operator(truncation, TRUNCATE):
        return
    inputs = {**operands(node), "band": operand(truncation, "band")}
    attrs = {**node.attrs, "frequencies": truncation.attrs["frequencies"]}
    replace_operator(node, SCALE_ADD_RELU_TRUNCATE, inputs, attrs)
    kept = truncation.outputs[0]
    forget(whole, module)
    remove_node(module.graph, truncation)
    node.outputs = [kept]


def _is_relu(node: gs.Node, module: Module) -> bool:
    """Whether a node is a ReLU of a lowered map."""
    if node.domain == DOMAIN:
        return is_operator(node, RELU)
    return node.op == "Relu" and all(
        module.maps.get(t.name) == 1 for t in (node.inputs[0], node.outputs[0])
    )
