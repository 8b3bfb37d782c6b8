"""One step: forward, backward, and the optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from jpegcompile.errors import UsageError
from jpegcompile.learning.training.feeds import Pair, on_device
from jpegcompile.learning.training.losses import losses_of
from jpegcompile.learning.training.optimizers import LearningRate, optimizer_of
from jpegcompile.learning.training.task import Task
from jpegcompile.messages import Message


class Stepper:
    """Learns from batches.

    Attributes:
        rate: learning rate of the last step.
    """

    def __init__(self, task: Task) -> None:
        """Prepare the optimizer.

        Args:
            task: what to learn.
        """
        self._task = task
        self._optimizer = optimizer_of(task.student, task.settings)
        self._schedule = LearningRate(task.settings, task.steps)
        is_scaled = task.settings.amp == "float16"
        self._scaler = torch.amp.GradScaler(task.group.device.type, enabled=is_scaled)
        self.rate = 0.0

    def learn(self, pair: Pair, counted: float, epoch: int, step: int, steps: int) -> Tensor:
        """Learn from a batch, and return its sums as in `Losses`.

        Args:
            pair: part of the batch of this process.
            counted: number of images of all parts that count for the loss.
            epoch: number of the epoch, from 0.
            step: number of the step in the epoch.
            steps: number of the step in all epochs.

        Raises:
            UsageError: if a normalization has one value per channel, whose variance is zero.
        """
        task, settings = self._task, self._task.settings
        # Every step has random numbers of its own, for networks with dropout.
        numbers = np.random.SeedSequence([settings.seed, task.group.rank, steps])
        torch.manual_seed(int(numbers.generate_state(1, np.uint64)[0]))
        self.rate = self._schedule.set(self._optimizer, epoch, step)
        labels, teacher = task.labels(pair), task.teacher_scores(pair)
        inputs = on_device(pair.student.inputs, task.group.device)
        with task.precision(), _naming_normalization():
            scores = task.group.parallel(task.student)(inputs)
        losses = losses_of(scores, labels, teacher, settings)
        # The gradients of the processes are averaged.
        loss = losses.each.sum() * (task.group.ranks / counted)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if settings.clip is not None:
            self._scaler.unscale_(self._optimizer)
            clip_grad_norm_(task.student.parameters(), settings.clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return losses.sums

    def to_state(self) -> dict[str, Any]:
        """Return the data of a checkpoint."""
        return {
            "network": self._task.student.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "rate": self.rate,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from the data of `to_state`."""
        self._task.student.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.rate = state["rate"]


@contextmanager
def _naming_normalization() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise UsageError(
            Message(
                "normalization-of-one-value",
                "a batch normalization gets one value per channel, which has no variance; give a"
                " larger --batch, or more images",
            )
        ) from error
