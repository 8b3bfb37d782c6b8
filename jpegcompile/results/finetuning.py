"""The result of `finetune`: settings, the course of each epoch, accuracy before and after."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.results.record import Record

Optimizer = Literal["sgd", "adamw"]
Schedule = Literal["cosine", "step", "constant"]
Decay = Literal["all", "weights"]
Keep = Literal["best", "last"]
Amp = Literal["bfloat16", "float16"]


@dataclass(frozen=True)
class TrainingSettings(Record):
    """Options that determine the learned weights; a checkpoint continues only with the same ones.

    Attributes:
        epochs: number of passes over the training images.
        batch: images per step, of all processes together.
        seed: seed of the order, the augmentation and the split of the images.
        optimizer: "sgd" or "adamw".
        learning_rate: largest learning rate of the schedule.
        momentum: momentum of SGD.
        nesterov: whether SGD uses Nesterov's momentum.
        weight_decay: L2 penalty of SGD; decoupled weight decay of AdamW.
        decay: parameters that decay: "all", or "weights" for all except biases and scales.
        schedule: "cosine", "step" or "constant".
        warmup: epochs in which the learning rate rises linearly.
        milestones: epochs after which "step" divides the learning rate by 10.
        clip: largest norm of the gradients; None for no limit.
        label_smoothing: share of a label that is spread over all classes.
        temperature: divides the scores of both networks for distillation.
        distill_weight: share of distillation in the loss of a labeled image.
        keep: weights that are written: those of the "best" or of the "last" epoch.
        patience: epochs without improvement after which learning stops; None to never stop.
        amp: type of mixed precision; None for float32.
        augment: random changes of the training images, as text.
        validation: share of the images that is held out, or the path of validation images.
        domain: domain of the feature maps, "jpeg" or "auto".
        frequencies: frequencies of the nonlinearities, as in a frequencies file.
        resolution: (height, width) of the network's input while learning.
    """

    epochs: int
    batch: int
    seed: int
    optimizer: Optimizer
    learning_rate: float
    momentum: float
    nesterov: bool
    weight_decay: float
    decay: Decay
    schedule: Schedule
    warmup: float
    milestones: tuple[int, ...]
    clip: float | None
    label_smoothing: float
    temperature: float
    distill_weight: float
    keep: Keep
    patience: int | None
    amp: Amp | None
    augment: str
    validation: float | str
    domain: str
    frequencies: Any
    resolution: tuple[int, int]


@dataclass(frozen=True)
class Evaluated(Record):
    """What a network predicts for the validation images.

    Attributes:
        images: number of usable images.
        labeled: number of these that have a label.
        loss: mean loss, as for learning.
        top1: fraction of labeled images with the right class; None without labels.
        top5: fraction of labeled images whose class is among the five best; None without labels.
        agreement: fraction of images with the class that the teacher predicts; None without
            a teacher.
    """

    images: int
    labeled: int
    loss: float
    top1: float | None
    top5: float | None
    agreement: float | None

    @property
    def score(self) -> tuple[float, float]:
        """What learning improves: top-1, then the loss; without labels only the loss."""
        # A loss that is not a number would compare as neither better nor worse.
        return self.top1 or 0.0, -math.inf if math.isnan(self.loss) else -self.loss


@dataclass(frozen=True)
class EpochResult(Record):
    """One epoch of learning.

    Attributes:
        epoch: number of the epoch, from 1.
        steps: number of steps.
        images: number of images that were learned from.
        learning_rate: learning rate of the last step.
        loss: mean loss of an image.
        label_loss: mean cross entropy of a labeled image; None without labels.
        distill_loss: mean divergence from the teacher, times temperature squared; None without a
            teacher.
        validation: evaluation after the epoch; None without validation images.
        seconds: duration of the steps.
        images_per_second: images of all processes per second.
    """

    epoch: int
    steps: int
    images: int
    learning_rate: float
    loss: float
    label_loss: float | None
    distill_loss: float | None
    validation: Evaluated | None
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class Finetuning(Record):
    """The result of `finetune`.

    Attributes:
        model: path of the original.
        output: path of the learned model.
        compiled: path of the compiled model; None if it was not asked for.
        teacher: path of the teacher; None without distillation.
        settings: options that determine the learned weights.
        device: device that computed.
        ranks: number of processes.
        training_images: number of training images, usable or not.
        validation_images: number of validation images, usable or not.
        epochs: results of the epochs.
        original: evaluation of the original at its own resolution with all frequencies; None if it
            was not asked for.
        before: evaluation before learning, with the frequencies and the resolution of the settings;
            None without validation images.
        after: evaluation of the written weights.
        written_epoch: epoch of the written weights.
        stopped_early: whether learning stopped before the last epoch, for lack of improvement.
        resumed_steps: number of steps in the checkpoint that the run continued; 0 for a new run.
        skipped: unusable files with reasons.
        pixel_fallbacks: number of training images per epoch that went through the pixel fallback.
    """

    kind: ClassVar[str] = "finetuning"

    model: str
    output: str
    compiled: str | None
    teacher: str | None
    settings: TrainingSettings
    device: str
    ranks: int
    training_images: int
    validation_images: int
    epochs: tuple[EpochResult, ...]
    original: Evaluated | None
    before: Evaluated | None
    after: Evaluated | None
    written_epoch: int
    stopped_early: bool
    resumed_steps: int
    skipped: tuple[Skipped, ...]
    pixel_fallbacks: int
