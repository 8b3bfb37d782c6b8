"""Fit the prices of the sparse path and the dense path of first convolutions to measurements.

    python kernels/ingest_conv/bench.py IMAGES --stem all --json measured.json
    python -m jpegcompile.cost.fit_first measured.json > jpegcompile/cost/first_prices.json

The fit minimizes the same error as `fit`. It uses only images near the crossover, for which neither
path takes more than `NEAR` times as long as the other path. The script prints the errors of the fit
to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jpegcompile.cost.first import FEATURES, FirstLayer, Way
from jpegcompile.cost.fit import prices_of
from jpegcompile.evaluation.benchmark.record import nested
from jpegcompile.version import __version__

NEAR = 2.0


def fit_first(rows: Sequence[Mapping[str, Any]]) -> dict[Way, dict[str, float]]:
    """Return the price of each feature in seconds, by path.

    Args:
        rows: nested rows of the benchmark's record. Each row contains a layer, the numbers of
            nonzero coefficients, and seconds by path.
    """
    prices: dict[Way, dict[str, float]] = {}
    for way, names in FEATURES.items():
        counted = [(_counts(row, way), row["seconds"][way]) for row in rows if _is_near(row)]
        prices[way] = prices_of(counted, names)
    return prices


def layer_of(row: Mapping[str, Any]) -> FirstLayer:
    """Return the layer of a row, in which pairs are lists."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in row["layer"].items()
    }
    return FirstLayer(**values)


def _counts(row: Mapping[str, Any], way: Way) -> dict[str, float]:
    layer = layer_of(row)
    return layer.features(way, layer.vectors(row["luma_nonzeros"], row["chroma_nonzeros"]))


def _is_near(row: Mapping[str, Any]) -> bool:
    ratio = float(row["seconds"]["sparse"] / row["seconds"]["dense"])
    return 1 / NEAR <= ratio <= NEAR


def main() -> None:
    """Read a record of measurements and print the prices."""
    measured: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    rows = [nested(row) for row in measured["rows"]]
    prices = fit_first(rows)
    for row in rows:
        missed = []
        for way in FEATURES:
            expected = sum(prices[way][name] * n for name, n in _counts(row, way).items())
            missed.append(f"{way} {expected / row['seconds'][way]:.2f} of measured")
        name = f"{row['stem']} quality {row['quality']} {row['file']}"
        print(f"{name}: {', '.join(missed)}", file=sys.stderr)
    result = {"library": __version__, "machine": measured["machine"], "seconds": prices}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
