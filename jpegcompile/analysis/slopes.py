"""Slopes of LeakyRelu and PRelu nodes."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.module import Module

_DEFAULT_ALPHA = 0.01


def slope_of(node: gs.Node, module: Module) -> gs.Tensor:
    """Factor that a LeakyRelu or PRelu applies to negative pixels."""
    if node.op == "PRelu":
        slope: gs.Tensor = node.inputs[1]
        return slope
    alpha = np.asarray([node.attrs.get("alpha", _DEFAULT_ALPHA)], node.inputs[0].dtype)
    return gs.Constant(module.fresh(f"{node.outputs[0].name}.alpha"), alpha)
