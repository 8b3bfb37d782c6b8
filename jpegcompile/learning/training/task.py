"""What is learned: the networks, their images and the settings."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jpegcompile.data.sample import NO_LABEL
from jpegcompile.errors import UsageError
from jpegcompile.learning.training.distributed import Group
from jpegcompile.learning.training.feeds import Feed, Pair, on_device
from jpegcompile.messages import Message
from jpegcompile.results.finetuning import TrainingSettings

_AMP = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Task:
    """What is learned from what.

    Attributes:
        student: maps the inputs of a batch to scores [N, classes].
        teacher: the same for a fixed network; None without distillation.
        training: training images.
        validation: validation images; None without evaluation.
        classes: number of classes.
        steps: number of steps of an epoch.
        settings: options.
        group: processes that learn together.
    """

    student: nn.Module
    teacher: nn.Module | None
    training: Feed
    validation: Feed | None
    classes: int
    steps: int
    settings: TrainingSettings
    group: Group

    def labels(self, pair: Pair) -> Tensor:
        """Return the labels of a batch on the device.

        Raises:
            UsageError: if a label is no class of the network, or there is nothing to learn from.
        """
        labels = pair.student.labels
        is_labeled = labels != NO_LABEL
        wrong = is_labeled & ((labels < 0) | (labels >= self.classes))
        if wrong.any():
            index = int(wrong.nonzero()[0])
            raise UsageError(
                Message(
                    "finetune-label-too-large",
                    f"{pair.student.keys[index]}: has class {int(labels[index])}, and the network"
                    f" has {self.classes} classes; map folders to classes with --labels",
                )
            )
        if self.teacher is None and not is_labeled.any():
            raise UsageError(NO_LABELS)
        return labels.to(self.group.device, non_blocking=True)

    def counted(self, pair: Pair) -> int:
        """Return the number of images of a batch that count for the loss."""
        if self.teacher is not None:
            return len(pair)
        return int((pair.student.labels != NO_LABEL).sum())

    def teacher_scores(self, pair: Pair) -> Tensor | None:
        """Return the scores of the teacher for a batch; None without a teacher."""
        if self.teacher is None:
            return None
        with torch.no_grad(), self.precision():
            scores = self.teacher(on_device(pair.teacher.inputs, self.group.device))
        assert isinstance(scores, Tensor)
        return scores

    def precision(self) -> torch.autocast:
        """Return a context of mixed precision, if it is asked for."""
        kind = self.settings.amp
        return torch.autocast(
            self.group.device.type,
            dtype=None if kind is None else _AMP[kind],
            enabled=kind is not None,
        )


NO_LABELS = Message(
    "finetune-without-labels",
    "the images have no labels to learn from; add --distill to learn from the original network, or"
    " put the images of each class into a folder of its own",
)


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the weights and buffers of a network in CPU memory."""
    return {name: one.detach().cpu().clone() for name, one in network.state_dict().items()}
