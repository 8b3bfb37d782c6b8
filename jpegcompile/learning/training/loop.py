"""The loop: epochs and steps, with checkpoints from which it continues exactly."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from jpegcompile.errors import CheckFailedError, ImageError
from jpegcompile.learning.training.checkpoint import CheckpointFile
from jpegcompile.learning.training.course import Best, Course
from jpegcompile.learning.training.evaluation import evaluated
from jpegcompile.learning.training.feeds import Pair, full_only
from jpegcompile.learning.training.interrupts import Interrupts, delayed
from jpegcompile.learning.training.metrics import Board, write_metrics
from jpegcompile.learning.training.stepping import Stepper
from jpegcompile.learning.training.task import Task, weights_of
from jpegcompile.messages import Message
from jpegcompile.progress import Progress, no_progress
from jpegcompile.results.finetuning import EpochResult, Evaluated

# Steps between checks of the loss, each of which waits for the device.
_CHECKED = 16


@dataclass(frozen=True)
class Outputs:
    """Where a run reports to.

    Attributes:
        checkpoint: file of checkpoints; None for no checkpoints.
        metrics: CSV file; None for none.
        board: folder for TensorBoard; None for none.
        progress: called with (steps done, steps in all).
        on_epoch: called after each epoch.
    """

    checkpoint: CheckpointFile | None = None
    metrics: Path | None = None
    board: Path | None = None
    progress: Progress = no_progress
    on_epoch: Callable[[EpochResult], None] | None = None


class Loop:
    """Learns, from the beginning or from a checkpoint.

    Attributes:
        course: how far the run has come.
        resumed: number of steps of the checkpoint that the run continues.
    """

    def __init__(self, task: Task, outputs: Outputs) -> None:
        """Prepare to learn from the beginning.

        Args:
            task: what to learn.
            outputs: where to report to.
        """
        self._task, self._outputs = task, outputs
        self._stepper = Stepper(task)
        self._sums = torch.zeros(0)
        self._began = 0.0
        self._board: Board | None = None
        self.course = Course()
        self.resumed = 0

    @property
    def stops_early(self) -> bool:
        """Whether the validation has not improved for `patience` epochs."""
        patience = self._task.settings.patience
        return patience is not None and self.course.epoch - self.course.best.epoch >= patience

    def resume(self) -> None:
        """Continue from the checkpoint.

        Raises:
            AccessError, UsageError: as `CheckpointFile.read`.
        """
        assert self._outputs.checkpoint is not None
        state = self._outputs.checkpoint.read()
        self._stepper.load_state(state["stepper"])
        self.course = Course.of_state(state["course"])
        self.resumed = self.course.steps
        if not self._task.group.is_first:
            # Sums over all processes are in the first one.
            self.course.sums = [0.0] * len(self.course.sums)

    def run(self) -> None:
        """Learn all epochs that are left.

        Raises:
            CheckFailedError: if the loss or a weight is no finite number.
            KeyboardInterrupt: if the user interrupts; the checkpoint is written before.
            ImageError, AccessError, UsageError: as `ImageDataset` and `Task.labels`.
        """
        task, outputs, course = self._task, self._outputs, self.course
        if outputs.board is not None and task.group.is_first:
            self._board = Board(outputs.board, course.steps)
        try:
            if course.before is None:
                course.before = self._evaluated()
            while course.epoch < task.settings.epochs and not self.stops_early:
                self._learn_epoch()
                self._finish_epoch()
        finally:
            if self._board is not None:
                self._board.close()

    def _learn_epoch(self) -> None:
        course, task, checkpoint = self.course, self._task, self._outputs.checkpoint
        self._began = time.perf_counter()
        self._sums = torch.tensor(course.sums, dtype=torch.float64, device=task.group.device)
        total = task.settings.epochs * task.steps
        task.student.train()
        with delayed(is_wanted=checkpoint is not None) as interrupts:
            for pair, counted in self._pairs(interrupts):
                place = (course.epoch, course.step, course.steps)
                self._sums += self._stepper.learn(pair, counted, *place)
                course.step += 1
                course.steps += 1
                self._outputs.progress(min(course.steps, total), total)
                if course.steps % _CHECKED == 0:
                    self._check()
                if checkpoint and checkpoint.every and course.steps % checkpoint.every == 0:
                    self._save()
            if interrupts.is_agreed:
                self._save()
        if interrupts.is_agreed:
            self._end(interrupts.number)
        self._check()

    def _pairs(self, interrupts: Interrupts) -> Iterator[tuple[Pair, float]]:
        """Yield the batches that are left, with the number of images that count in all processes.

        Ends for all processes when one of them has no batch, or was interrupted.
        """
        task, group, place = self._task, self._task.group, self.course.step
        every = task.training.pairs(self.course.epoch)
        for index, pair in enumerate(full_only(every, task.training.size, self.course.seen)):
            if index < place:
                continue
            ready, counted, stops = group.total([1, task.counted(pair), interrupts.number != 0])
            interrupts.is_agreed = stops > 0
            if interrupts.is_agreed or ready < group.ranks:
                return
            yield pair, counted
        _, _, stops = group.total([0, 0, interrupts.number != 0])
        interrupts.is_agreed = stops > 0

    def _check(self) -> None:
        """Require a finite loss so far.

        Raises:
            CheckFailedError: if it is not finite.
            ImageError: if there is no usable image.
        """
        course = self.course
        sums = self._task.group.total_of(self._sums).tolist()
        if not course.step:
            raise ImageError(
                Message("finetune-no-batch", "no training image is usable; see --on-error")
            )
        if not math.isfinite(sums[0]):
            raise CheckFailedError(
                Message(
                    "loss-not-finite",
                    f"the loss is not finite in epoch {course.epoch + 1}, step {course.step};"
                    " lower --learning-rate, or limit gradients with --clip 1",
                )
            )
        if self._board is not None:
            mean = sums[0] / max(1.0, sums[3 if self._task.teacher is not None else 4])
            values = {"loss": mean, "learning_rate": self._stepper.rate}
            self._board.add_step(course.steps, values)

    def _finish_epoch(self) -> None:
        course, task, outputs = self.course, self._task, self._outputs
        seconds = course.seconds + time.perf_counter() - self._began
        [course.fallbacks] = map(int, task.group.total([course.seen.pixel_fallbacks]))
        course.seen.pixel_fallbacks = 0
        sums = task.group.total_of(self._sums).tolist()
        if task.validation is not None:
            self._save()
        result = self._result(sums, seconds, self._evaluated())
        self._require_finite(result)
        course.epochs.append(result)
        score = (0.0, 0.0) if result.validation is None else result.validation.score
        if result.validation is None or score > course.best.score:
            is_kept = task.settings.keep == "best" and result.validation is not None
            weights = weights_of(task.student) if is_kept else {}
            course.best = Best(result.epoch, score, weights)
        if task.group.is_first:
            if outputs.metrics is not None:
                write_metrics(outputs.metrics, course.epochs)
            if self._board is not None:
                self._board.add_epoch(course.steps, result)
        course.epoch, course.step, course.seconds = course.epoch + 1, 0, 0.0
        course.sums = [0.0] * len(course.sums)
        self._write()
        if outputs.on_epoch is not None:
            outputs.on_epoch(result)

    def _require_finite(self, result: EpochResult) -> None:
        """Refuse weights that the last step made useless, before they replace others.

        Raises:
            CheckFailedError: if the validation loss or a weight is not finite.
        """
        found = result.validation
        is_finite = found is None or math.isfinite(found.loss)
        if is_finite and all(one.isfinite().all() for one in self._task.student.parameters()):
            return
        raise CheckFailedError(
            Message(
                "learning-diverged",
                f"the {'weights are' if is_finite else 'validation loss is'} not finite after epoch"
                f" {result.epoch}; lower --learning-rate, or limit gradients with --clip 1",
            )
        )

    def _result(
        self, sums: list[float], seconds: float, validation: Evaluated | None
    ) -> EpochResult:
        course, has_teacher = self.course, self._task.teacher is not None
        loss, entropy, divergence, images, labeled = sums
        return EpochResult(
            course.epoch + 1,
            course.step,
            int(images),
            self._stepper.rate,
            loss / max(1.0, images if has_teacher else labeled),
            entropy / labeled if labeled else None,
            divergence / images if has_teacher else None,
            validation,
            seconds,
            images / seconds,
        )

    def _evaluated(self) -> Evaluated | None:
        task = self._task
        if task.validation is None:
            return None
        task.group.share_buffers(task.student)
        fallbacks = self.course.seen.pixel_fallbacks
        found = evaluated(task, task.student, task.validation, self.course.seen)
        self.course.seen.pixel_fallbacks = fallbacks
        return found

    def _save(self) -> None:
        """Write a checkpoint within an epoch."""
        self._check()
        course, now = self.course, time.perf_counter()
        course.seconds += now - self._began
        self._began = now
        course.sums = self._task.group.total_of(self._sums).tolist()
        self._write()

    def _write(self) -> None:
        """Write the checkpoint, if there is one."""
        checkpoint, group = self._outputs.checkpoint, self._task.group
        for listed in group.gathered(self.course.seen.to_list()):
            self.course.seen.add(listed)
        if checkpoint is not None and group.is_first:
            course = self.course.to_state()
            checkpoint.write({"stepper": self._stepper.to_state(), "course": course})

    def _end(self, number: int) -> None:
        """End the run as the signal would have ended it."""
        assert self._outputs.checkpoint is not None
        if number == signal.SIGTERM:
            signal.raise_signal(signal.SIGTERM)
        raise KeyboardInterrupt(
            f"{self._outputs.checkpoint.path} has the weights after {self.course.steps} steps;"
            " continue with --resume"
        )
