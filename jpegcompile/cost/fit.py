"""Fit the prices of the cost model to measurements.

    python kernels/conv/bench.py --json > measured.json
    python -m jpegcompile.cost.fit measured.json > jpegcompile/cost/prices.json

Prices are the non-negative ones of the least sum of squared *relative* errors, so that small layers
count as much as large ones. What the fit misses by is printed to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.cost.model import FEATURES, METHODS, Layer, Method, features
from jpegcompile.version import __version__


def fit(rows: Sequence[tuple[Layer, float]], method: Method) -> dict[str, float]:
    """Seconds for one of each feature.

    Args:
        rows: layers, and seconds that the method took for them.
        method: that was measured.
    """
    return prices_of([(features(layer, method), time) for layer, time in rows], FEATURES)


def prices_of(
    rows: Sequence[tuple[Mapping[str, float], float]], names: Sequence[str]
) -> dict[str, float]:
    """Seconds for one of each of the named things.

    Args:
        rows: how many there are of each, and the seconds that they took together.
        names: of the things.
    """
    counts = [[count[name] for name in names] for count, _ in rows]
    relative = np.asarray(counts) / np.asarray([[time] for _, time in rows])
    scale = np.linalg.norm(relative, axis=0)
    scale[scale == 0] = 1.0
    prices = _non_negative(relative / scale, np.ones(len(rows))) / scale
    return {name: float(f"{price:.4g}") for name, price in zip(names, prices, strict=True)}


def _non_negative(matrix: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """X >= 0 of the least |matrix x - wanted|, by trying which of the few unknowns are above 0."""
    columns = range(matrix.shape[1])
    best = np.zeros(matrix.shape[1])
    for count in range(1, len(columns) + 1):
        for chosen in combinations(columns, count):
            x = np.zeros(len(columns))
            x[list(chosen)] = np.linalg.lstsq(matrix[:, chosen], wanted, rcond=None)[0]
            if (x >= 0).all() and _misses(matrix, x, wanted) < _misses(matrix, best, wanted):
                best = x
    return best


def _misses(
    matrix: NDArray[np.float64], x: NDArray[np.float64], wanted: NDArray[np.float64]
) -> float:
    return float(np.linalg.norm(matrix @ x - wanted))


def main() -> None:
    """Read measurements, print the prices."""
    measured: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    prices: dict[str, dict[str, float]] = {}
    for method in METHODS:
        rows = [
            (Layer(**row["layer"]), row["seconds"][method])
            for row in measured["rows"]
            if method in row["seconds"]
        ]
        prices[method] = fit(rows, method)
        for layer, time in rows:
            expected = sum(prices[method][k] * v for k, v in features(layer, method).items())
            print(f"{method:10} {layer}: {expected / time:.2f} of measured", file=sys.stderr)
    result = {"library": __version__, "machine": measured["machine"], "seconds": prices}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
