"""Spell padding by one amount for each axis, of the plane and of channels apart.

Pad(x, pads, axes)             =>  Pad(x, pads of all axes)
Pad(x, of channels and plane)  =>  Pad(Pad(x, of the plane), of channels)        exact
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class CanonicalPad(Pass):
    """Maps of rank 4 and constant amounts; any value to pad with."""

    name = "canonical-pad"

    def run(self, module: Module) -> bool:
        """Returns whether a node changed."""
        changed = False
        for node in list(module.graph.nodes):
            if node.op == "Pad" and len(node.inputs[0].shape or ()) == 4:
                changed |= _name_all_axes(node, module)
                changed |= _split(node, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _name_all_axes(node: gs.Node, module: Module) -> bool:
    axes, given = value_of(input_at(node, 3)), value_of(input_at(node, 1))
    if axes is None or given is None:
        return False
    amounts = np.zeros((2, 4), np.int64)
    amounts[:, axes % 4] = given.reshape(2, -1)
    value = input_at(node, 2)
    node.inputs = [node.inputs[0], _constant(node, module, amounts)]
    node.inputs += [] if value is None else [value]
    return True


def _split(node: gs.Node, module: Module) -> bool:
    """Let a second node pad the channels, if this one pads the plane as well."""
    in_attribute = "pads" in node.attrs
    given = node.attrs["pads"] if in_attribute else value_of(input_at(node, 1))
    is_constant = node.attrs.get("mode", "constant") == "constant"
    if given is None or input_at(node, 3) is not None or not is_constant:
        return False
    amounts = np.asarray(given, np.int64).reshape(2, 4)
    if amounts[:, 0].any() or not (amounts[:, 1].any() and amounts[:, 2:].any()):
        return False
    plane, channels = amounts.copy(), amounts.copy()
    plane[:, 1], channels[:, 2:] = 0, 0
    target = node.outputs[0]
    between = gs.Variable(module.fresh(f"{target.name}.plane"), target.dtype)
    if target.shape is not None:
        between.shape = (target.shape[0], node.inputs[0].shape[1], *target.shape[2:])
    second = gs.Node("Pad", module.fresh(f"{target.name}.channels"), dict(node.attrs))
    second.inputs, second.outputs = [between, *node.inputs[1:]], [target]
    node.outputs = [between]
    for part, values in ((node, plane), (second, channels)):
        if in_attribute:
            part.attrs["pads"] = values.reshape(-1).tolist()
        else:
            part.inputs[1] = _constant(part, module, values)
    module.graph.nodes.append(second)
    return True


def _constant(node: gs.Node, module: Module, amounts: np.ndarray) -> gs.Constant:
    return gs.Constant(module.fresh(f"{node.outputs[0].name}.pads"), amounts.reshape(-1))
