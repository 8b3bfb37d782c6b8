"""Losses against their definitions in NumPy, in double precision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.learning_tasks import SETTINGS

from jpegcompile.data.sample import NO_LABEL
from jpegcompile.learning.training.losses import losses_of

Doubles = NDArray[np.float64]


def log_softmax(scores: Doubles) -> Doubles:
    shifted = scores - scores.max(axis=1, keepdims=True)
    result: Doubles = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def expected(
    scores: Doubles, labels: list[int], teacher: Doubles | None, settings: Any
) -> tuple[Doubles, Doubles]:
    """Loss of each image and sums, image by image."""
    classes, each, entropies, divergences = scores.shape[1], [], [], []
    logs = log_softmax(scores)
    for index, label in enumerate(labels):
        target = np.full(classes, settings.label_smoothing / classes)
        entropy, weight = 0.0, 1.0
        if label != NO_LABEL:
            target[label] += 1 - settings.label_smoothing
            entropy, weight = -(target * logs[index]).sum(), settings.distill_weight
        divergence = 0.0
        if teacher is None:
            each.append(entropy)
        else:
            heat = settings.temperature
            wanted = log_softmax(teacher[index : index + 1] / heat)[0]
            own = log_softmax(scores[index : index + 1] / heat)[0]
            divergence = heat**2 * (np.exp(wanted) * (wanted - own)).sum()
            each.append((1 - weight) * entropy + weight * divergence)
        entropies.append(entropy)
        divergences.append(divergence)
    labeled = sum(label != NO_LABEL for label in labels)
    sums = [sum(each), sum(entropies), sum(divergences), len(labels), labeled]
    return np.array(each), np.array(sums)


@pytest.mark.parametrize("has_teacher", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_losses(has_teacher: bool, smoothing: float) -> None:
    generator = np.random.default_rng(1)
    scores, teacher = generator.normal(0, 3, (2, 6, 5)).astype(np.float32)
    labels = [0, 4, NO_LABEL, 2, 2, NO_LABEL]
    settings = replace(SETTINGS, label_smoothing=smoothing)
    taught = torch.from_numpy(teacher) if has_teacher else None
    found = losses_of(torch.from_numpy(scores), torch.tensor(labels), taught, settings)
    each, sums = expected(
        scores.astype(float), labels, teacher.astype(float) if has_teacher else None, settings
    )
    # A few float32 operations on numbers up to 100.
    np.testing.assert_allclose(found.each.numpy(), each, atol=1e-4)
    np.testing.assert_allclose(found.sums.numpy(), sums, atol=1e-3)
    wrong, _ = expected(scores.astype(float), labels[::-1], None, settings)
    assert np.abs(found.each.numpy() - wrong).max() > 0.1
