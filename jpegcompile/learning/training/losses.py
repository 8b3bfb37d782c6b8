"""The loss: cross entropy with labels, and distillation from a teacher.

Distillation is the Kullback-Leibler divergence of both networks' probabilities at a temperature,
times the temperature squared (Hinton, Vinyals and Dean, arXiv 1503.02531, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from jpegcompile.data.sample import NO_LABEL
from jpegcompile.results.finetuning import TrainingSettings

# Sums over images: loss, cross entropy, divergence. Numbers of images, and of labeled images.
SUMS = 5


@dataclass(frozen=True)
class Losses:
    """The losses of the images of a batch.

    Attributes:
        each: loss of each image [N].
        sums: sums of loss, cross entropy and divergence, then numbers of images and of labeled
            images; float64 [5].
    """

    each: Tensor
    sums: Tensor


def losses_of(
    scores: Tensor, labels: Tensor, teacher: Tensor | None, settings: TrainingSettings
) -> Losses:
    """Return the losses of a batch.

    A labeled image has (1 - w) times cross entropy plus w times divergence, where w is
    `distill_weight`. Without a label, divergence counts in full. Without a teacher, cross entropy
    counts in full.

    Args:
        scores: scores of the network [N, classes].
        labels: classes [N]; `NO_LABEL` without a label.
        teacher: scores of the teacher [N, classes]; None without a teacher.
        settings: smoothing, temperature and weight.
    """
    scores = scores.float()
    is_labeled = labels != NO_LABEL
    smoothing = settings.label_smoothing
    entropy = functional.cross_entropy(
        scores, labels, reduction="none", label_smoothing=smoothing, ignore_index=NO_LABEL
    )
    divergence, each = torch.zeros_like(entropy), entropy
    if teacher is not None:
        divergence = _divergence(scores, teacher.float(), settings.temperature)
        weight = torch.where(is_labeled, settings.distill_weight, 1.0)
        each = (1 - weight) * entropy + weight * divergence
    parts = [each, entropy, divergence, torch.ones_like(entropy), is_labeled]
    sums = torch.stack([part.detach().double().sum() for part in parts])
    return Losses(each, sums)


def _divergence(scores: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    student = functional.log_softmax(scores / temperature, dim=1)
    wanted = functional.log_softmax(teacher / temperature, dim=1)
    apart = functional.kl_div(student, wanted, reduction="none", log_target=True)
    return temperature**2 * apart.sum(dim=1)
