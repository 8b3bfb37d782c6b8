"""Store in float16 the weights that the source has in float16.

w: float32 constant  =>  Cast(w: float16 constant)        exact: they were converted without loss

Runtimes fold the casts when they open the file. Those that passes computed anew, as by folding a
normalisation, stay in float32, and so do small ones.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from onnx import TensorProto

from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

# Elements below which a node more costs as much as the file saves.
_FEWEST = 64


class StoreHalf(Pass):
    """Behind all passes that ask for the values of weights."""

    name = "store-half"

    def run(self, module: Module) -> bool:
        """Returns whether a weight was put back."""
        graph = module.graph
        changed = False
        for name, tensor in graph.tensors().items():
            half = module.half_constants.get(name)
            if half is None or not isinstance(tensor, gs.Constant):
                continue
            if np.prod(tensor.shape) < _FEWEST or tensor in graph.outputs:
                continue
            wide = gs.Variable(name, np.dtype(np.float32), tensor.shape)
            for reader in list(tensor.outputs):
                reader.inputs = [wide if t is tensor else t for t in reader.inputs]
            attrs = {"to": int(TensorProto.FLOAT)}
            graph.nodes.append(gs.Node("Cast", module.fresh(f"{name}.cast"), attrs, [half], [wide]))
            changed = True
        if changed:
            graph.toposort()
        return changed
