"""Differences of the original's outputs if another reader computes its input."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.differences import is_continuous
from jpegcompile.evaluation.meter import is_scores

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Difference:
    """The difference at one output.

    Attributes:
        name: name of the output.
        difference: largest absolute difference to the output for the float decode.
        largest: largest magnitude of the output for the float decode.
        same_top1: number of inputs whose largest entry is at the same place; None if the output is
            not a vector of scores.
        inputs: number of inputs that were run.
    """

    name: str
    difference: float
    largest: float
    same_top1: int | None
    inputs: int


def differences(
    names: Sequence[str], pairs: Sequence[tuple[Arrays, Arrays]]
) -> tuple[Difference, ...]:
    """Return the difference at every output with real numbers.

    Args:
        names: names of the outputs.
        pairs: for each set of inputs, the outputs with a reader and with the float decode.
    """
    return tuple(
        _difference(name, [(a[name], e[name]) for a, e in pairs])
        for name in names
        if all(is_continuous(e[name]) for _, e in pairs)
    )


def _difference(name: str, pairs: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> Difference:
    inputs = sum(len(expected) for _, expected in pairs)
    same: int | None = None
    if all(is_scores(expected, len(expected)) for _, expected in pairs):
        same = sum(int((a.argmax(1) == e.argmax(1)).sum()) for a, e in pairs)
    return Difference(
        name,
        max(_largest_distance(actual, expected) for actual, expected in pairs),
        max(float(np.abs(e).max()) for _, e in pairs),
        same,
        inputs,
    )


def _largest_distance(actual: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return the largest difference; infinite if shapes differ, as for the boxes of a detector."""
    if actual.shape != expected.shape:
        return math.inf
    return float(np.abs(actual.astype(np.float64) - expected).max(initial=0.0))
