"""Give the end of a squeeze-and-excitation block one operator.

JpegRelu(Add(JpegScale(x, s), r))  =>  JpegScaleAddRelu(x, s, r)
Relu(Add(JpegScale(x, s), r))      =>  SpatialScaleAddRelu(x, s, r)    at block size 1

Exact. Maps are read once instead of three times.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.interface import DOMAIN
from jpegcompile.ir.followers import forget, only_reader, residual_of, transforms
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class FuseScale(Pass):
    """Products are known by then: `spatial_twins.py`."""

    name = "fuse-scale"

    def run(self, module: Module) -> bool:
        """Returns whether a product took anything in."""
        changed = False
        inside = {id(node) for node in module.graph.nodes}
        for node in list(module.graph.nodes):
            if node.domain == DOMAIN and node.op == "JpegScale":
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
    block = module.domain(summed)
    matrices = []
    if block > 1:
        matrices = transforms(summed, module, invert=True)
        matrices += transforms(summed, module, invert=False)
    relu.op, relu.domain = ("SpatialScaleAddRelu" if block == 1 else "JpegScaleAddRelu"), DOMAIN
    relu.attrs = {} if block == 1 else {"block": block}
    relu.inputs = [*scale.inputs, residual, *matrices]
    for node in (scale, add):
        forget(node.outputs[0], module)
        node.inputs, node.outputs = [], []
        module.graph.nodes.remove(node)
    return True


def _is_relu(node: gs.Node, module: Module) -> bool:
    """Whether a node is a ReLU of a map that is wholly lowered."""
    if node.domain == DOMAIN:
        return bool(node.op == "JpegRelu")
    return node.op == "Relu" and all(
        module.maps.get(t.name) == 1 for t in (node.inputs[0], node.outputs[0])
    )
