"""Plot of the benchmark: time of a first convolution by the quality of the files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegcompile.kernels.ingest_conv.stem import RUNTIME
from jpegcompile.reproduction.plots import rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The palette of Okabe and Ito, which color-blind readers can distinguish; markers differ too.
_LINES = (
    ("sparse", "sparse, by coefficients", "#0072B2", "o"),
    ("dense", "dense, by pixels", "#D55E00", "s"),
    (RUNTIME, "dense ingest, then ONNX Runtime", "#009E73", "^"),
    ("chosen", "chosen by the cost model", "#333333", "x"),
)


def crossover(means: Sequence[dict[str, Any]]) -> float | None:
    """Return the quality at which the sparse path takes as long as ingest and ONNX Runtime.

    Returns None if one of them is faster at every measured quality.
    """
    for lower, upper in pairwise(means):
        below, above = lower["ratios"]["sparse"], upper["ratios"]["sparse"]
        if below <= 1 < above:
            share = (1 - below) / (above - below)
            return float(lower["quality"] + share * (upper["quality"] - lower["quality"]))
    return None


def draw(means: Sequence[dict[str, Any]], path: Path) -> None:
    """Plot a line for each method, and the crossing of the sparse path and ONNX Runtime.

    Args:
        means: one row per quality, in ascending order.
        path: SVG or PNG file to write.
    """

    def figure() -> Figure:
        from matplotlib.figure import Figure

        made = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = made.add_subplot()
        qualities = [row["quality"] for row in means]
        for way, label, color, marker in _LINES:
            values = [row["seconds"][way] * 1e3 for row in means]
            axes.plot(qualities, values, color=color, marker=marker, label=label)
        crossing = crossover(means)
        if crossing is not None:
            axes.axvline(crossing, color="#333333", linewidth=1, linestyle=":")
            axes.annotate(
                f"{crossing:.0f}",
                (crossing, 0.02),
                xycoords=("data", "axes fraction"),
                xytext=(4, 0),
                textcoords="offset points",
            )
        axes.set(xlabel="quality of the JPEG files", ylabel="ms an image", xticks=qualities)
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left")
        return made

    path.write_bytes(rendered(figure)[path.suffix.removeprefix(".")])
