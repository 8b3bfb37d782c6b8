"""Infer dtype and shape of every tensor, afresh."""

from __future__ import annotations

from jpegcompile.analysis.skeleton import infer_shapes
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class InferShapes(Pass):
    """Annotate tensors; the graph itself stays."""

    name = "infer-shapes"

    def run(self, module: Module) -> bool:
        """Returns False: annotations are no change of the graph."""
        infer_shapes(module.graph, module.image)
        return False
