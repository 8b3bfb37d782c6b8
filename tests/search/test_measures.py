"""Splits of the images, and divergences of outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.codes import refused

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.dataset import LabelledImages
from jpegcompile.search.plan_evaluator import divergence, log_probabilities
from jpegcompile.search.splits import split_in_halves


def test_halves() -> None:
    paths = tuple(Path(f"{index}.jpg") for index in range(7))
    data = LabelledImages(paths, (0, 0, 0, 1, 1, 2, 2), {}, {})
    first, second = split_in_halves(data)
    assert [list(half.labels) for half in (first, second)] == [[0, 0, 1, 2], [0, 1, 2]]
    assert sorted([*first.files, *second.files]) == list(paths)
    assert list(first.spread("s", 2).files) == [first.files[0], first.files[3]]
    assert first.spread("s", 9).labels == first.labels
    with refused("search-classes-have-one-image", UsageError):
        split_in_halves(LabelledImages(paths[:2], (0, 1), {}, {}))


def test_divergence() -> None:
    exact = np.log(np.array([[0.5, 0.5], [0.25, 0.75]]))
    other = np.log(np.array([[0.25, 0.75], [0.25, 0.75]]))
    expected = (0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)) / 2
    assert divergence(exact, other) == pytest.approx(expected, rel=1e-12)
    assert divergence(exact, exact) == 0


def test_divergence_of_classes_without_a_chance() -> None:
    masked = log_probabilities(np.array([[1.0, 2.0, -np.inf]]))
    assert divergence(masked, masked) == 0
    assert divergence(masked, log_probabilities(np.array([[1.0, 2.0, 3.0]]))) > 0
    # A class lost its probability, or a score is not a number: the divergence is infinite.
    assert divergence(log_probabilities(np.array([[1.0, 2.0, 3.0]])), masked) == np.inf
    for value in (np.nan, np.inf):
        scores = log_probabilities(np.array([[1.0, value, 3.0]]))
        assert divergence(masked, scores) == np.inf


def test_log_probabilities() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [500.0, -500.0, 0.0]])
    logs = log_probabilities(logits)
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.diff(logs), np.diff(logits), rtol=1e-12)
    chances = np.array([[0.25, 0.75, 0.0]], np.float32)
    np.testing.assert_allclose(np.exp(log_probabilities(chances)), chances, atol=1e-30)
