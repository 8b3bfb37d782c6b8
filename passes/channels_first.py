"""Move the transpose of a channels-last input in front of the arithmetic on it.

Transpose(Op(x, c), 0312)  =>  Op(Transpose(x, 0312), c')        Op one of Add Sub Mul Div; exact

c' is the constant with its axes moved along. What is left is NCHW from its first operator on.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.ir.graph import is_graph_output, value_of
from jpegcompile.ir.image import TO_CHANNELS_FIRST
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_ARITHMETIC = ("Add", "Sub", "Mul", "Div")


class ChannelsFirst(Pass):
    """Swap NHWC -> NCHW transposes with elementwise arithmetic before them, until none is left."""

    name = "channels-first"

    def run(self, module: Module) -> bool:
        """Returns whether a transpose moved."""
        changed = False
        while _move_one(module):
            changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _move_one(module: Module) -> bool:
    for transpose in module.graph.nodes:
        if transpose.op == "Transpose" and transpose.attrs.get("perm") == TO_CHANNELS_FIRST:
            producers = transpose.inputs[0].inputs
            if producers and _can_swap(module.graph, producers[0]):
                _swap(module, producers[0], transpose)
                return True
    return False


def _can_swap(graph: gs.Graph, arithmetic: gs.Node) -> bool:
    if arithmetic.op not in _ARITHMETIC:
        return False
    output = arithmetic.outputs[0]
    constants = [t for t in arithmetic.inputs if value_of(t) is not None]
    variables = [t for t in arithmetic.inputs if value_of(t) is None]
    return (
        len(constants) == 1
        and len(output.outputs) == 1
        and not is_graph_output(graph, output)
        and len(variables[0].shape or ()) == 4
    )


def _swap(module: Module, arithmetic: gs.Node, transpose: gs.Node) -> None:
    variable = next(t for t in arithmetic.inputs if value_of(t) is None)
    constant = next(t for t in arithmetic.inputs if value_of(t) is not None)
    moved = gs.Variable(module.fresh(f"{variable.name}.nchw"), variable.dtype)
    if variable.shape is not None:
        moved.shape = tuple(variable.shape[axis] for axis in TO_CHANNELS_FIRST)
    turned = gs.Constant(module.fresh(f"{constant.name}.nchw"), _turn(np.asarray(constant.values)))
    operands = {id(variable): moved, id(constant): turned}
    output = transpose.outputs[0]
    arithmetic.inputs = [operands[id(t)] for t in arithmetic.inputs]
    transpose.inputs, transpose.outputs = [variable], [moved]
    arithmetic.outputs = [output]


def _turn(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """A constant that broadcasts against NHWC, as one that broadcasts against NCHW."""
    full = values.reshape((1,) * (4 - values.ndim) + values.shape)
    return np.ascontiguousarray(full.transpose(TO_CHANNELS_FIRST))
