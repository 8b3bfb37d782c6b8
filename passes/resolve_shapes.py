"""Make every shape known that follows from others.

The size of one map can decide that of the next (x.chunk(2), x.view(n, c // 2, ...)), through what
only folding, or a constant in place of a computed shape, lets inference see. So these passes take
turns until nothing changes.
"""

from __future__ import annotations

from jpegcompile.errors import InternalError
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.passes.canonical_reshape import CanonicalReshape
from jpegcompile.passes.canonical_resize import CanonicalResize
from jpegcompile.passes.fold_constants import FoldConstants
from jpegcompile.passes.infer_shapes import InferShapes


class ResolveShapes(Pass):
    """Inference, folding and canonical shapes in turns."""

    name = "resolve-shapes"
    steps = (InferShapes(), FoldConstants(), CanonicalResize(), CanonicalReshape())

    def run(self, module: Module) -> bool:
        """Returns whether a step changed the graph; shapes are inferred at the end.

        A round that changes the graph folds a node, names one, or brings one to its canonical form,
        so there are as many rounds as that at most.

        Raises:
            InternalError: if there were more.
        """
        most = 3 * len(module.graph.nodes) + 1
        for rounds in range(most):
            if not self._once(module):
                return rounds > 0
        raise InternalError(f"{self.name} still changes the graph after {most} rounds")

    def _once(self, module: Module) -> bool:
        """Each step once, none left out for the sake of one before it."""
        outcomes = [step.run(module) for step in self.steps]
        return any(outcomes)
