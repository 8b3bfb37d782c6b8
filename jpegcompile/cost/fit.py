"""Fit the prices of the cost model to measurements.

    python kernels/conv/bench.py --rounds 31 --json jpegcompile/cost/measured.json
    python -m jpegcompile.cost.fit jpegcompile/cost/measured.json > jpegcompile/cost/prices.json

The fit finds non-negative prices with the least sum of squared *relative* errors, so that small
layers count as much as large ones. The script prints the errors of the fit to stderr: for each
layer the expected times as fractions of the measured times, and the time of the chosen method as a
multiple of the best time. It prints these numbers for prices fitted to all layers, and for prices
fitted to the other layers only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.cost.model import FEATURES, METHODS, Layer, Method, features
from jpegcompile.evaluation.benchmark.record import nested
from jpegcompile.version import __version__

Times = Mapping[str, float]
Prices = Mapping[Method, Mapping[str, float]]


def fit(rows: Sequence[tuple[Layer, float]], method: Method) -> dict[str, float]:
    """Return the price of each feature, in seconds.

    Args:
        rows: layers, each with the measured seconds.
        method: the method that was measured.
    """
    return prices_of([(features(layer, method), time) for layer, time in rows], FEATURES)


def prices_of(
    rows: Sequence[tuple[Mapping[str, float], float]], names: Sequence[str]
) -> dict[str, float]:
    """Return the price of each named feature, in seconds.

    Args:
        rows: amounts by feature, with the seconds that all of them took together.
        names: names of the features.
    """
    counts = [[count[name] for name in names] for count, _ in rows]
    relative = np.asarray(counts) / np.asarray([[time] for _, time in rows])
    scale = np.linalg.norm(relative, axis=0)
    scale[scale == 0] = 1.0
    prices = _non_negative(relative / scale, np.ones(len(rows))) / scale
    return {name: float(f"{price:.4g}") for name, price in zip(names, prices, strict=True)}


def _non_negative(matrix: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the x >= 0 with the least |matrix x - wanted|.

    There are few unknowns, so the function tries every set of nonzero unknowns.
    """
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


def fit_all(rows: Sequence[tuple[Layer, Times]]) -> Prices:
    """Return the prices of every method, from layers with the measured seconds of each method."""
    return {m: fit([(layer, times[m]) for layer, times in rows], m) for m in METHODS}


def fastest_by(prices: Prices, layer: Layer) -> Method:
    """Return the method with the least expected time."""
    return min(METHODS, key=lambda method: _expected(prices, layer, method))


def measured_rows(measured: Any) -> list[tuple[Layer, Times]]:
    """Return layers with the seconds of each method, from a record of `kernels/conv/bench.py`."""
    rows = [nested(row) for row in measured["rows"]]
    return [(Layer(**row["layer"]), row["seconds"]) for row in rows]


def _expected(prices: Prices, layer: Layer, method: Method) -> float:
    return sum(prices[method][name] * count for name, count in features(layer, method).items())


def _account(layer: Layer, times: Times, prices: Prices) -> str:
    """Return expected times as fractions of measured times, and the cost of the chosen method."""
    chosen = fastest_by(prices, layer)
    best = min(times[method] for method in METHODS)
    parts = " ".join(f"{_expected(prices, layer, m) / times[m]:.2f}" for m in METHODS)
    return f"{parts} of measured; {chosen} takes {times[chosen] / best:.2f} of the best time"


def main() -> None:
    """Read a record of measurements and print the prices."""
    measured: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    rows = measured_rows(measured)
    prices = fit_all(rows)
    for layer, times in rows:
        others = [row for row in rows if replace(row[0], batch=0) != replace(layer, batch=0)]
        print(f"{layer}: {_account(layer, times, prices)}", file=sys.stderr)
        print(f"    by other layers: {_account(layer, times, fit_all(others))}", file=sys.stderr)
    result = {"library": __version__, "machine": measured["machine"], "seconds": prices}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
