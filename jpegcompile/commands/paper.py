"""The verb `paper`: the experiments of the paper as tables, a JSON file and plots."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console

from jpegcompile.commands.console import console, counted, new_table, plain, progress_bar
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import verb_command
from jpegcompile.reproduction.accuracy import AccuracyByFrequencies
from jpegcompile.reproduction.block_rmse import BlockRmse, Mean
from jpegcompile.reproduction.conversion import Conversion
from jpegcompile.reproduction.experiments import paper as run_experiments
from jpegcompile.reproduction.plots import require_matplotlib
from jpegcompile.reproduction.results import PaperResults, require_folder
from jpegcompile.reproduction.throughput import Throughput
from jpegcompile.search.interval import PairedCounts


@verb_command("paper")
def paper(
    model: Path | None, images: Path | None, output: Path, json: bool, **options: Any
) -> None:
    """Run the experiments, write the files and show the tables."""
    require_matplotlib()
    require_folder(output)
    with progress_bar("experiments") as progress:
        result = run_experiments(model, images, progress=progress, **options)
    files = result.save(output)
    if json:
        print_json(result.to_json())
    else:
        show_results(result)
        click.echo()
        for file in files:
            click.echo(str(file))


def show_results(result: PaperResults) -> None:
    """Print a table for each experiment."""
    out = console()
    _show_block_rmse(out, result.block_rmse)
    out.print()
    out.print(f"{plain(result.model)} on {counted(result.images, 'image')}, all 15 frequencies:")
    _show_conversion(out, result.conversion)
    out.print()
    _show_accuracy(out, result.accuracy)
    out.print()
    _show_throughput(out, result.throughput)


def _show_block_rmse(out: Console, result: BlockRmse) -> None:
    out.print(
        f"mean RMSE of ReLU over {result.blocks:,} random blocks, with its standard error,"
        " by frequencies:"
    )
    table = new_table("frequencies", "ASM", "", "APX", "", right=(0, 1, 2, 3, 4))
    for number, means in enumerate(zip(result.asm, result.apx, strict=True), 1):
        table.add_row(str(number), *(text for mean in means for text in _mean_texts(mean)))
    out.print(table)


def _mean_texts(mean: Mean) -> tuple[str, str]:
    return f"{mean.value:.5f}", f"± {mean.standard_error:.0e}"


def _show_conversion(out: Console, result: Conversion) -> None:
    table = new_table("pipeline", "top-1", right=(1,))
    table.add_row("Pillow decode, original model", f"{100 * result.top1_pillow:.2f} %")
    table.add_row("float decode, original model", f"{100 * result.top1_float:.2f} %")
    table.add_row("coefficients, compiled model", f"{100 * result.top1_compiled:.2f} %")
    out.print(table)
    out.print(
        f"scores deviate from the float decode's by {result.largest_deviation:.1e} at most,"
        f" {result.mean_deviation:.1e} on average (scores up to {result.largest_score:.3g});"
        f" the same prediction on {100 * result.agreement:.2f} %"
        f" (of Pillow's: {100 * result.agreement_pillow:.2f} %)"
    )


def _show_accuracy(out: Console, result: AccuracyByFrequencies) -> None:
    out.print(
        f"top-1 by frequencies, without retraining; change from {100 * result.exact:.2f} % in"
        " points, with its 95 % interval (truncated: masks are exact, results keep that many"
        " frequencies):"
    )
    series = ("ASM", "APX", "truncated")
    headers = ("frequencies", *(header for name in series for header in (name, "change", "")))
    table = new_table(*headers, right=tuple(range(len(headers))))
    points_of = zip(result.asm, result.apx, result.truncated, strict=True)
    for number, points in enumerate(points_of, 1):
        table.add_row(str(number), *(text for counts in points for text in _change_texts(counts)))
    out.print(table)


def _change_texts(counts: PairedCounts) -> tuple[str, str, str]:
    low, high = counts.interval()
    return (
        f"{100 * counts.after:.2f} %",
        f"{100 * counts.change:+.2f}",
        f"({100 * low:+.2f} to {100 * high:+.2f})",
    )


def _show_throughput(out: Console, result: Throughput) -> None:
    out.print(
        f"images a second, {counted(result.threads, 'thread')},"
        f" median of {counted(result.rounds, 'round')}:"
    )
    headers = ("batch", "Pillow, original model", "coefficients, compiled model", "ratio")
    table = new_table(*headers, right=(0, 1, 2, 3))
    for timing in result.timings:
        speeds = (f"{median(values):,.1f}" for values in (timing.spatial, timing.jpeg))
        table.add_row(str(timing.batch), *speeds, f"{timing.ratio:.2f}")
    out.print(table)
    out.print(f"the same prediction on {100 * result.agreement:.2f} % of the timed images")
