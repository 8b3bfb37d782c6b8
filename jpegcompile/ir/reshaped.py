"""Change the output shape of a node, and append a node that restores the old shape."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import static_dims
from jpegcompile.ir.module import Module


def reshaped(
    target: gs.Tensor, shape: tuple[int | str, ...], role: str, module: Module
) -> gs.Variable:
    """Create a tensor and append a Flatten or Reshape that computes `target` from it.

    Args:
        target: the tensor with the old shape.
        shape: shape of the new tensor.
        role: suffix of the new tensor's name.
        module: the module to append to.

    Returns:
        The new tensor, which the caller makes the output of a node.
    """
    made = gs.Variable(module.fresh(f"{target.name}.{role}"), target.dtype, shape)
    rest = static_dims((target.shape or ())[1:])
    if rest is None or len(rest) == 1:
        node = gs.Node("Flatten", made.name, {"axis": 1}, [made], [target])
    else:
        name = module.fresh(f"{target.name}.shape")
        operands = [made, gs.Constant(name, np.asarray([0, *rest], np.int64))]
        node = gs.Node("Reshape", made.name, {}, operands, [target])
    module.graph.nodes.append(node)
    return made
