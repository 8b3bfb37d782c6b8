"""Find the order in which passes copied the weights of a file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.frontend.load import Source
from jpegcompile.ir.module import CompileOptions
from jpegcompile.ir.weights import import_graph
from jpegcompile.learning.onnx.origins import Origin, origins_of
from jpegcompile.learning.onnx.prepared import Prepared
from jpegcompile.learning.onnx.roles import Role


def trace(
    ready: Prepared, roles: Sequence[Role], source: Source, options: CompileOptions, merges: bool
) -> dict[str, Origin]:
    """Return the origins of learned constants by name, as far as they are found."""
    graph = import_graph(source.model, source.folder)
    named = {
        name: np.asarray(t.values) if isinstance(t, gs.Constant) else None
        for name, t in graph.tensors().items()
        if isinstance(t, gs.Constant) or t.inputs
    }
    return origins_of((role.tensor for role in roles), ready.module, named)
