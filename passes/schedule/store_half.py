"""Store weights in float16 if the source stores them in float16.

w: float32 constant  =>  Cast(w: float16 constant)        exact: the conversion was lossless

Runtimes fold the casts when they load the file. Weights that passes have recomputed, for instance
to fold a normalization, stay in float32. So do small weights.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from onnx import TensorProto

from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

# Below this number of elements, an additional node costs more than it saves.
_FEWEST = 64


class StoreHalf(Pass):
    """Restores float16 weights; runs after all passes that use values of weights."""

    name = "store-half"

    def run(self, module: Module) -> bool:
        """Restore weights; returns whether a weight was restored."""
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
