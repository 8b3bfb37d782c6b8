"""Optimizers with their parameter groups, and learning-rate schedules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from jpegcompile.results.finetuning import TrainingSettings

# "step" divides the learning rate by this number.
_STEP = 10.0


def optimizer_of(network: nn.Module, settings: TrainingSettings) -> Optimizer:
    """Return the optimizer of a network's parameters.

    With `decay` "weights", parameters of one axis do not decay: biases, scales and slopes.
    """
    parameters = [one for one in network.parameters() if one.requires_grad]
    bare = [one for one in parameters if settings.decay == "weights" and one.dim() < 2]
    ids = {id(one) for one in bare}
    groups: list[dict[str, Any]] = [
        {"params": [one for one in parameters if id(one) not in ids]},
        {"params": bare, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "adamw":
        return AdamW(groups, lr=rate, weight_decay=decay)
    return SGD(
        groups,
        lr=rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=decay,
    )


@dataclass(frozen=True)
class LearningRate:
    """The learning rate of every step.

    Attributes:
        settings: schedule, largest learning rate, epochs, warmup and milestones.
        steps: number of steps of an epoch. If unusable images make an epoch shorter, the last
            values of the epoch are left out.
    """

    settings: TrainingSettings
    steps: int

    def of(self, epoch: int, step: int) -> float:
        """Return the learning rate of a step.

        Args:
            epoch: number of the epoch, from 0.
            step: number of the step in the epoch, from 0.
        """
        settings, place = self.settings, epoch * self.steps + step
        rise = settings.warmup * self.steps
        if place < rise:
            return settings.learning_rate * min(1.0, (place + 1) / rise)
        match settings.schedule:
            case "cosine":
                whole = max(1.0, settings.epochs * self.steps - rise)
                done = min(1.0, (place - rise) / whole)
                return settings.learning_rate * (1 + math.cos(math.pi * done)) / 2
            case "step":
                passed = sum(epoch >= milestone for milestone in settings.milestones)
                return settings.learning_rate / _STEP**passed
            case "constant":
                return settings.learning_rate

    def set(self, optimizer: Optimizer, epoch: int, step: int) -> float:
        """Set the learning rate of a step in an optimizer, and return it."""
        rate = self.of(epoch, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        return rate
