"""Measure the loss of one knob and the accuracy of a whole frequency plan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.compare import check_scores
from jpegcompile.evaluation.stability import Stability
from jpegcompile.frequency_plan import FrequencyPlan, Masking, NodeFrequencies
from jpegcompile.progress import Advance
from jpegcompile.search.cache import Cache
from jpegcompile.search.interval import PairedCounts
from jpegcompile.search.probe import Knob, Probe
from jpegcompile.search.splits import Split

Levels = Mapping[Knob, int]


class PlanEvaluator:
    """Measures frequency plans with a probe, and caches the results."""

    def __init__(
        self,
        probe: Probe,
        cache: Cache,
        output: str,
        masking: Masking,
        progress: Advance,
    ) -> None:
        """Prepare to measure.

        Args:
            probe: the model with bands as inputs.
            cache: cache of the measurements.
            output: name of the output with the scores.
            masking: masking of the plans.
            progress: called with the number of images done since the last call.
        """
        self._probe = probe
        self._cache = cache
        self._output = output
        self._masking = masking
        self._progress = progress
        self._exact_scores: dict[str, NDArray[np.float64]] = {}

    def loss(self, split: Split, knob: Knob, level: int) -> float:
        """Return the mean divergence of the scores from the exact scores, with one knob reduced.

        Args:
            split: images to measure.
            knob: the reduced knob.
            level: number of frequencies of the knob.
        """
        name = f"loss {split.name} {knob.kind} {level} {knob.node}"
        known = self._cache.get(name)
        if known is None:
            scores = self._log_scores(split, plan_from_levels({knob: level}, self._masking))
            exact = self._exact(split)
            known = divergence(exact, scores)
            self._cache.put(name, known)
        else:
            self._progress(len(split.files))
        return float(known)

    def accuracy(self, split: Split, levels: Levels) -> PairedCounts:
        """Compare the predictions of the exact model and of a plan with the labels."""
        labels = np.asarray(split.labels)
        exact = self._predictions(split, {}) == labels
        after = self._predictions(split, levels) == labels
        return PairedCounts.of(exact, after)

    def stability(self, split: Split, levels: Levels) -> Stability:
        """Measure the effect of one unit in the last place of the input under a plan."""
        name = f"stability {split.name} {_turned(levels)}"
        known = self._cache.get(name)
        if known is not None:
            self._progress(len(split.files))
            return Stability.from_json(known)
        plan = plan_from_levels(levels, self._masking)
        measured = self._probe.stability(split.files, plan, self._output, self._progress)
        self._cache.put(name, measured.to_json())
        return measured

    def _predictions(self, split: Split, levels: Levels) -> NDArray[np.int64]:
        name = f"predictions {split.name} {_turned(levels)}"
        known = self._cache.get(name)
        if known is None:
            scores = self._scores(split, plan_from_levels(levels, self._masking))
            known = scores.argmax(axis=1).tolist()
            self._cache.put(name, known)
        else:
            self._progress(len(split.files))
        return np.asarray(known, np.int64)

    def _exact(self, split: Split) -> NDArray[np.float64]:
        if split.name not in self._exact_scores:
            plan = plan_from_levels({}, self._masking)
            self._exact_scores[split.name] = self._log_scores(split, plan)
        return self._exact_scores[split.name]

    def _log_scores(self, split: Split, plan: FrequencyPlan) -> NDArray[np.float64]:
        return log_probabilities(self._scores(split, plan))

    def _scores(self, split: Split, plan: FrequencyPlan) -> NDArray[Any]:
        scores = self._probe.scores(split.files, plan, self._output, self._progress)
        check_scores(scores, self._output, len(split.files), split.labels)
        return scores


def _turned(levels: Levels) -> list[tuple[str, str, int]]:
    """Return the reduced knobs of a plan, for names in the cache."""
    return sorted((k.node, k.kind, n) for k, n in levels.items() if n != k.levels[0])


def plan_from_levels(levels: Levels, masking: Masking) -> FrequencyPlan:
    """Return the plan with the given levels; all other knobs are exact."""
    numbers: dict[str, dict[str, int]] = {}
    for knob, level in levels.items():
        numbers.setdefault(knob.node, {})[knob.kind] = level
    nodes = {node: NodeFrequencies(**kinds) for node, kinds in numbers.items()}
    return FrequencyPlan(masking, NodeFrequencies(), nodes)


def divergence(exact: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Return the mean Kullback-Leibler divergence of log probabilities from exact ones.

    Args:
        exact: exact log probabilities [N, classes].
        scores: log probabilities of a plan [N, classes].

    Returns:
        The divergence in nats. It is infinite if a score is not a number, or if a class with a
        nonzero exact probability has probability zero.
    """
    chances = np.exp(exact)
    # A class of exact probability zero contributes nothing.
    with np.errstate(invalid="ignore"):
        terms = np.where(chances > 0, chances * (exact - scores), 0.0)
    mean = float(terms.sum(axis=1).mean())
    return mean if math.isfinite(mean) else math.inf


def log_probabilities(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Return log probabilities [N, classes] of logits or probabilities."""
    values = scores.astype(np.float64)
    sums = values.sum(axis=1)
    if values.min() >= 0 and np.allclose(sums, 1, rtol=0, atol=1e-3):
        # Float32 rounds probabilities below its smallest number to zero.
        return np.asarray(np.log(np.maximum(values, np.finfo(np.float32).tiny)))
    # A row with an infinite score or a NaN becomes NaN.
    with np.errstate(invalid="ignore"):
        shifted = values - values.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
