"""The plots, drawn with matplotlib without global state; equal results produce equal bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import AccessError
from jpegcompile.messages import Message
from jpegcompile.reproduction.accuracy import AccuracyByFrequencies
from jpegcompile.reproduction.block_rmse import BlockRmse
from jpegcompile.reproduction.throughput import Throughput
from jpegcompile.search.interval import CONFIDENCE, PairedCounts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colors of Okabe and Ito's palette, which color-blind readers can tell apart; markers differ too.
_ASM, _APX, _TRUNCATED = "#0072B2", "#D55E00", "#009E73"
_SPATIAL, _EXACT = "#999999", "#333333"
_STYLE = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#E3E3E3",
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "errorbar.capsize": 2.5,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "svg.hashsalt": "jpegcompile",
}
_SIZE = (6.4, 4.2)
_DPI = 200
_TITLE_WIDTH = 55
_FREQUENCIES = range(1, ALL + 1)


def require_matplotlib() -> None:
    """Check that plots can be drawn, before any long work.

    Raises:
        AccessError: if matplotlib is not installed.
    """
    try:
        import matplotlib.figure
        import matplotlib.style  # noqa: F401
    except ImportError as error:
        text = "plots require matplotlib; pip install 'jpegcompile[paper]'"
        raise AccessError(Message("matplotlib-not-installed", text)) from error


def rendered(draw: Callable[[], Figure]) -> dict[str, bytes]:
    """Return the contents of the files of a plot, by "png" and "svg".

    Args:
        draw: returns the figure; called within the style of the plots.

    Raises:
        AccessError: if matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib import style

    # The matplotlibrc of a user must not change the plots.
    with style.context(["default", _STYLE]):
        figure = draw()
        files = {}
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            stream = io.BytesIO()
            figure.savefig(stream, format=kind, dpi=_DPI, metadata=metadata)
            files[kind] = stream.getvalue()
    return files


def draw_block_rmse(result: BlockRmse) -> Figure:
    """Plot the mean RMSE against frequencies."""
    figure, axes = _figure()
    for means, color, marker, label in (
        (result.asm, _ASM, "o", "ASM"),
        (result.apx, _APX, "s", "APX"),
    ):
        # With all frequencies the error is 0, which a logarithmic axis cannot show.
        values = [mean.value for mean in means[:-1]]
        axes.plot(_FREQUENCIES[:-1], values, color=color, marker=marker, label=label)
    _count_frequencies(axes, "mask frequencies ($\\varphi$)")
    axes.set_ylabel("mean RMSE of ReLU")
    axes.set_yscale("log")
    axes.set_title(f"ReLU of {result.blocks:,} random blocks; at {ALL} both are exact")
    axes.legend()
    return figure


def draw_accuracy(result: AccuracyByFrequencies, model: str) -> Figure:
    """Plot top-1 against frequencies, with intervals of the change from the exact model."""
    figure, axes = _figure()
    axes.axhline(
        100 * result.exact, color=_EXACT, linestyle="--", linewidth=1.2, label="exact", zorder=1.5
    )
    # Offsets keep the whiskers of equal points apart.
    for points, color, marker, label, offset in (
        (result.asm, _ASM, "o", "ASM", -0.12),
        (result.apx, _APX, "s", "APX", 0.0),
        (result.truncated, _TRUNCATED, "^", "truncated (exact masks)", 0.12),
    ):
        axes.errorbar(
            [number + offset for number in _FREQUENCIES],
            [100 * counts.after for counts in points],
            yerr=_whiskers(points),
            color=color,
            marker=marker,
            elinewidth=1.1,
            label=label,
        )
    _count_frequencies(axes, "mask frequencies ($\\varphi$), or kept frequencies")
    axes.set_ylabel("top-1 accuracy (%)")
    axes.set_ylim(0, 103)
    axes.set_yticks(range(0, 101, 20))
    name = fill(model, _TITLE_WIDTH)
    # A name may contain a dollar sign.
    axes.set_title(f"{name}\n{result.asm[0].images:,} images, no retraining", parse_math=False)
    note = f"whiskers: {100 * CONFIDENCE:.0f} % interval\nof the change from exact"
    axes.legend(loc="lower right", title=note, title_fontsize=8.5)
    return figure


def draw_throughput(result: Throughput) -> Figure:
    """Plot images per second of both pipelines, with a pair of bars for each batch size."""
    figure, axes = _figure()
    width = 0.38
    for offset, name, color, label in (
        (-width / 2, "spatial", _SPATIAL, "pixels: Pillow, original model"),
        (width / 2, "jpeg", _ASM, "coefficients: compiled model"),
    ):
        rows = [timing.to_json() for timing in result.timings]
        heights = [row[name] for row in rows]
        least = [row[name] - min(row[f"{name}_rounds"]) for row in rows]
        most = [max(row[f"{name}_rounds"]) - row[name] for row in rows]
        bars = axes.bar(
            [index + offset for index in range(len(rows))],
            heights,
            width,
            yerr=[least, most],
            error_kw={"elinewidth": 1.1, "ecolor": _EXACT},
            color=color,
            label=label,
        )
        texts = [f"{height:,.0f}" if height >= 10 else f"{height:.2g}" for height in heights]
        axes.bar_label(bars, texts, padding=3)
    axes.set_xticks(range(len(result.timings)), _batch_texts(result))
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("images a second")
    axes.margins(y=0.12)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(
        f"median of {result.rounds} rounds; whiskers: slowest and fastest", fontsize=9.5
    )
    threads = f"{result.threads} thread" + ("s" if result.threads > 1 else "")
    axes.set_title(f"Throughput from JPEG files, {threads}")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _figure() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    return figure, figure.subplots()


def _count_frequencies(axes: Axes, label: str) -> None:
    axes.set_xlabel(label)
    axes.set_xticks(_FREQUENCIES)


def _whiskers(points: Sequence[PairedCounts]) -> list[list[float]]:
    """Return the lengths below and above each point, in percentage points."""
    below, above = [], []
    for counts in points:
        low, high = counts.interval()
        below.append(100 * max(counts.after - max(counts.before + low, 0.0), 0.0))
        # The interval belongs to a difference, but an accuracy is at most 1.
        above.append(100 * max(min(counts.before + high, 1.0) - counts.after, 0.0))
    return [below, above]


def _batch_texts(result: Throughput) -> list[str]:
    return [f"batch {timing.batch} (ratio {timing.ratio:.2f})" for timing in result.timings]
