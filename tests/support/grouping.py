"""Convert maps of a compiled graph to the memory layouts that its attributes specify.

Function bodies ignore these attributes. Here, every operator with such an attribute reads its map
in that layout and converts it to NCHW, as a kernel does. Standard operators read their inputs
unchanged. If producer and reader expect different layouts, the result is scrambled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.interface import CHANNEL_GROUP
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import operator_of
from jpegcompile.operators.queries import grouped_operands


def lay_out(module: Module) -> int:
    """Insert the layout conversions of kernels; returns the number of converted maps."""
    count = 0
    for node in list(module.graph.nodes):
        operator = operator_of(node)
        if operator is None:
            continue
        for name, operand in grouped_operands(operator).items():
            if node.attrs.get(name, 1) != 1 and operand in operator.inputs:
                index = operator.position(operand.name)
                node.inputs[index] = _rearranged(module, node.inputs[index], grouped=True)
                count += 1
        if node.attrs.get("y_group", 1) != 1:
            (target,) = node.outputs
            plain = gs.Variable(module.fresh("plain"), target.dtype, target.shape)
            node.outputs = [plain]
            _rearranged(module, plain, target, grouped=False)
            count += 1
    module.graph.toposort()
    return count


def _rearranged(
    module: Module, source: gs.Tensor, target: gs.Tensor | None = None, *, grouped: bool
) -> gs.Tensor:
    """Convert from grouped channels to NCHW, or back; the shape stays the same."""
    _, channels, height, width = source.shape
    groups = channels // CHANNEL_GROUP
    assert groups * CHANNEL_GROUP == channels
    if grouped:
        split, order = [0, groups, height, width, CHANNEL_GROUP], [0, 1, 4, 2, 3]
    else:
        split, order = [0, groups, CHANNEL_GROUP, height, width], [0, 1, 3, 4, 2]
    apart = _appended(module, "Reshape", [source, _shape(module, split)], {})
    turned = _appended(module, "Transpose", [apart], {"perm": order})
    result = target or gs.Variable(module.fresh("laid"), source.dtype, source.shape)
    shape = _shape(module, [0, channels, height, width])
    module.graph.nodes.append(
        gs.Node("Reshape", module.fresh("laid"), {}, [turned, shape], [result])
    )
    return result


def _appended(
    module: Module, op: str, inputs: Sequence[gs.Tensor], attrs: dict[str, object]
) -> gs.Variable:
    result = gs.Variable(module.fresh("laid"), inputs[0].dtype)
    module.graph.nodes.append(gs.Node(op, module.fresh("laid"), attrs, list(inputs), [result]))
    return result


def _shape(module: Module, sizes: Sequence[int]) -> gs.Constant:
    return gs.Constant(module.fresh("shape"), np.asarray(sizes, np.int64))
