"""A group of passes that runs until no pass changes the graph."""

from __future__ import annotations

from jpegcompile.errors import InternalError
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message


class FixedPoint(Pass):
    """Runs several passes in rounds until a round changes nothing."""

    def __init__(self, name: str, *steps: Pass) -> None:
        """Combine passes.

        Args:
            name: name of the group.
            steps: the passes of one round, in order. Every change must fold a node, name a node or
                bring a node to its canonical form. This bounds the number of rounds.
        """
        self.name = name
        self.steps = steps

    def run(self, module: Module) -> bool:
        """Run the passes; returns whether a pass changed the graph.

        Raises:
            InternalError: if the passes still change the graph after the largest possible number
                of rounds.
        """
        most = 3 * len(module.graph.nodes) + 1
        for rounds in range(most):
            if not self._once(module):
                return rounds > 0
        text = f"pass {self.name} still changes the graph after {most} rounds; please report it"
        raise InternalError(Message("passes-do-not-settle", text))

    def _once(self, module: Module) -> bool:
        """Run every pass once, whether or not an earlier pass changed the graph."""
        outcomes = [step.run(module) for step in self.steps]
        return any(outcomes)
