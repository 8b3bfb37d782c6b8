"""Infer dtype and shape of every tensor, replacing earlier annotations."""

from __future__ import annotations

from jpegcompile.analysis.skeleton import infer_shapes
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class InferShapes(Pass):
    """Annotates tensors; the graph itself stays unchanged."""

    name = "infer-shapes"

    def run(self, module: Module) -> bool:
        """Infer shapes; returns False, since annotations do not change the graph."""
        infer_shapes(module.graph, module.image)
        return False
