"""Decide which tensors the jpeg domain is for, and at which block size.

With every domain asked to be jpeg this is every feature map of known height and width: its block
size is the largest of 8, 4, 2, 1 that divides both. The casts are exact, so no choice made here
can change an answer; it only decides where the work is done.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.dct.blocks import block_size
from jpegcompile.ir.graph import static_dims
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class AssignDomains(Pass):
    """Fill `Module.maps`, and remember the order of nodes for the report."""

    name = "assign-domains"

    def run(self, module: Module) -> bool:
        """Returns whether an assignment changed."""
        if module.maps:
            return False
        module.maps = {
            name: block_size(*map(int, tensor.shape[2:]))
            for name, tensor in module.graph.tensors().items()
            if isinstance(tensor, gs.Variable) and _is_feature_map(tensor)
        }
        module.report.order = [node.name for node in module.graph.nodes]
        return bool(module.maps)


def _is_feature_map(tensor: gs.Variable) -> bool:
    if tensor.shape is None or len(tensor.shape) != 4 or tensor.dtype is None:
        return False
    is_float = tensor.dtype in (np.float16, np.float32, np.float64)
    return is_float and static_dims(tensor.shape[1:]) is not None
