"""Fit the prices of the cost model to measurements.

    python kernels/conv/bench.py --json > measured.json
    python -m jpegcompile.cost.fit measured.json > jpegcompile/cost/prices.json

Prices are the non-negative ones of the least sum of squared *relative* errors, so that small layers
count as much as large ones. What the fit misses by is printed to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.cost.model import FEATURES, METHODS, Layer, Method, features
from jpegcompile.version import __version__

# Steps of the projected gradient; the problem has four unknowns, which settle long before.
_STEPS = 200_000


def fit(rows: Sequence[tuple[Layer, float]], method: Method) -> dict[str, float]:
    """Seconds for one of each feature.

    Args:
        rows: layers, and seconds that the method took for them.
        method: that was measured.
    """
    counts = [[features(layer, method)[name] for name in FEATURES] for layer, _ in rows]
    relative = np.asarray(counts) / np.asarray([[time] for _, time in rows])
    scale = np.linalg.norm(relative, axis=0)
    scale[scale == 0] = 1.0
    prices = _non_negative(relative / scale, np.ones(len(rows))) / scale
    return {name: float(f"{price:.4g}") for name, price in zip(FEATURES, prices, strict=True)}


def _non_negative(matrix: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """X >= 0 of the least |matrix x - wanted|, by projected gradients."""
    step = 1.0 / np.linalg.norm(matrix.T @ matrix, 2)
    x = np.zeros(matrix.shape[1])
    for _ in range(_STEPS):
        x = np.maximum(x - step * (matrix.T @ (matrix @ x - wanted)), 0.0)
    return x


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
