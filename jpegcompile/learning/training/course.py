"""How far a run has come, and what it has found: the part of a checkpoint without networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jpegcompile.learning.training.losses import SUMS
from jpegcompile.learning.training.seen import Seen
from jpegcompile.results.finetuning import EpochResult, Evaluated


@dataclass
class Best:
    """The weights of the best epoch.

    Attributes:
        epoch: number of the epoch, from 1; 0 before the first.
        score: score of its evaluation.
        weights: its weights; empty if they will not be written.
    """

    epoch: int = 0
    score: tuple[float, float] = (-1.0, 0.0)
    weights: dict[str, Any] = field(default_factory=dict)


@dataclass
class Course:
    """How far a run has come.

    Attributes:
        epoch: number of finished epochs.
        step: number of finished steps of the present epoch.
        steps: number of finished steps of all epochs.
        sums: sums of the present epoch, as in `Losses`.
        seconds: duration of the finished steps of the present epoch.
        epochs: results of finished epochs.
        before: evaluation before learning; None if there is none.
        best: the best epoch.
        seen: what became of the files.
        fallbacks: number of images of an epoch that went through the pixel fallback.
    """

    epoch: int = 0
    step: int = 0
    steps: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0] * SUMS)
    seconds: float = 0.0
    epochs: list[EpochResult] = field(default_factory=list)
    before: Evaluated | None = None
    best: Best = field(default_factory=Best)
    seen: Seen = field(default_factory=Seen)
    fallbacks: int = 0

    def to_state(self) -> dict[str, Any]:
        """Return the data of a checkpoint."""
        return {
            **vars(self),
            "epochs": [one.to_json() for one in self.epochs],
            "before": None if self.before is None else self.before.to_json(),
            "best": {**vars(self.best)},
            "seen": self.seen.to_list(),
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Course:
        """Return the course from the data of `to_state`."""
        # The finished steps of the epoch are read again, and their files counted again.
        seen = Seen()
        seen.add(state["seen"])
        before = state["before"]
        changed = {
            "epochs": [EpochResult.from_json(one) for one in state["epochs"]],
            "before": None if before is None else Evaluated.from_json(before),
            "best": Best(**state["best"]),
            "seen": seen,
        }
        return cls(**{**state, **changed})
