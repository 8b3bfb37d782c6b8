"""Evaluate a network on the validation images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from jpegcompile.data.sample import NO_LABEL
from jpegcompile.learning.training.feeds import Feed, Pair, on_device
from jpegcompile.learning.training.losses import SUMS, losses_of
from jpegcompile.learning.training.task import Task
from jpegcompile.results.finetuning import Evaluated

_BEST = 5


def evaluated(
    task: Task,
    network: nn.Module,
    feed: Feed,
    seen: Callable[[Pair], None],
) -> Evaluated:
    """Return what a network predicts for images of all processes.

    The network is in evaluation mode meanwhile, and then in its earlier mode.

    Args:
        task: teacher, settings and processes.
        network: the network. All processes have the same weights.
        feed: the images, for the network and the teacher.
        seen: called with every batch.

    Raises:
        UsageError: as `Task.labels`.
        ImageError, AccessError: as `ImageDataset`.
    """
    device = task.group.device
    sums = torch.zeros(SUMS + 3, dtype=torch.float64, device=device)
    was_training = network.training
    network.eval()
    with torch.no_grad():
        for pair in feed.pairs(0):
            seen(pair)
            if not len(pair):
                continue
            labels, teacher = task.labels(pair), task.teacher_scores(pair)
            with task.precision():
                scores = network(on_device(pair.student.inputs, device)).float()
            sums[:SUMS] += losses_of(scores, labels, teacher, task.settings).sums
            sums[SUMS:] += _hits(scores, labels, teacher)
    network.train(was_training)
    return _summary(task.group.total_of(sums).tolist(), has_teacher=task.teacher is not None)


def _hits(scores: Tensor, labels: Tensor, teacher: Tensor | None) -> Tensor:
    """Return the numbers of images with the right class, among five, and with the teacher's."""
    best = scores.topk(min(_BEST, scores.shape[1]), dim=1).indices
    is_right = (best == labels[:, None]) & (labels != NO_LABEL)[:, None]
    same = torch.zeros_like(labels) if teacher is None else best[:, 0] == teacher.argmax(dim=1)
    return torch.stack([is_right[:, 0].sum(), is_right.sum(), same.sum()]).double()


def _summary(sums: list[float], *, has_teacher: bool) -> Evaluated:
    loss, _, _, images, labeled, first, five, same = sums
    counted = images if has_teacher else labeled
    return Evaluated(
        int(images),
        int(labeled),
        loss / max(1.0, counted),
        first / labeled if labeled else None,
        five / labeled if labeled else None,
        same / images if has_teacher and images else None,
    )
