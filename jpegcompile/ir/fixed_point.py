"""Passes that take turns until nothing changes."""

from __future__ import annotations

from jpegcompile.errors import InternalError
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class FixedPoint(Pass):
    """Runs several passes one after the other, again and again, until none changes the graph."""

    def __init__(self, name: str, *steps: Pass) -> None:
        """Combine passes.

        Args:
            name: of the combination.
            steps: in the order of one round. Each change must fold a node, name one, or bring one
                to its canonical form, since that bounds the number of rounds.
        """
        self.name = name
        self.steps = steps

    def run(self, module: Module) -> bool:
        """Returns whether a step changed the graph.

        Raises:
            InternalError: if the steps do not come to an end.
        """
        most = 3 * len(module.graph.nodes) + 1
        for rounds in range(most):
            if not self._once(module):
                return rounds > 0
        raise InternalError(f"{self.name} still changes the graph after {most} rounds")

    def _once(self, module: Module) -> bool:
        """Run every step once, also behind a step that changed the graph."""
        outcomes = [step.run(module) for step in self.steps]
        return any(outcomes)
