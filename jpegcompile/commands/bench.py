"""The verb `bench`: how long both pipelines take, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jpegcompile.commands.bench_figures import megabytes, milliseconds
from jpegcompile.commands.bench_rivals import rival_lines, rivals_table
from jpegcompile.commands.console import console, counted, new_table, plain, progress_bar
from jpegcompile.commands.images import require_reported, show_left_out
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import verb_command
from jpegcompile.evaluation.benchmark import run
from jpegcompile.evaluation.benchmark.job import COMPILED, PORTABLE, SPATIAL
from jpegcompile.evaluation.benchmark.operators import NodeTime, by_operator
from jpegcompile.evaluation.benchmark.results import Benchmark, Cell
from jpegcompile.jpeg.unusable import OnError

_HEADERS = {SPATIAL: "spatial", COMPILED: "compiled", PORTABLE: "bodies"}
_MOST_NODES = 20


@verb_command("bench")
def bench(
    original: Path,
    compiled: Path,
    images: Path | None,
    on_error: OnError,
    json: bool,
    **options: Any,
) -> None:
    """Time both models and show the result."""
    with progress_bar("timing") as progress:
        result = run.bench(
            original, compiled, images, on_error=on_error, progress=progress, **options
        )
    if json:
        print_json(result.to_json())
    else:
        show_benchmark(result)
    require_reported(on_error, result.skipped)


def show_benchmark(result: Benchmark) -> None:
    """Times and ratios of every step, memory and the making of sessions, and what was checked."""
    out = console()
    out.print(rivals_table(result) if result.rivals else _table(result))
    out.print()
    ratios = (
        "ratios are compiled's to the rival on their left"
        if result.rivals
        else ("ratios are to spatial")
    )
    out.print(
        f"times of a batch, medians of {counted(result.rounds, 'round')}; {ratios};"
        f" {counted(result.cpus, 'processor')}, ONNX Runtime {result.onnxruntime}"
    )
    for name, (count, size) in result.inputs.items():
        about = "" if size is None else f", {size / 1e3:.1f} kB each"
        text = counted(count, "input")
        if result.files is not None and result.files < count:
            text = f"{counted(result.files, 'file')}, run as {text}"
        out.print(f"{name}: {text}{about}", markup=False)
    _show_other_files(out, result)
    show_left_out(result.skipped, result.ignored, result.pixel_fallbacks)
    out.print(f"compiled: {result.execution}", markup=False)
    out.print(_check_text(result))
    for line in rival_lines(result):
        out.print(line, markup=False)
    _show_nodes(out, result)


def _show_other_files(out: Console, result: Benchmark) -> None:
    """Files that the compiled model does not take as they are."""
    pixels = result.left_out_pixels
    samplings = result.left_out - pixels
    if samplings:
        out.print(f"left out: {counted(samplings, 'file')} of other samplings")
    if pixels:
        out.print(
            f"left out: {counted(pixels, 'file')} without coefficients that are read; a model for"
            " coefficients of one size is timed with coefficients alone"
        )


def _table(result: Benchmark) -> Table:
    """Spatial first, and ratios to it."""
    sides = list(result.cells[0].sides)
    headers = ["batch", "threads", "step", "inputs", _HEADERS[SPATIAL]]
    for side in sides[1:]:
        headers += [_HEADERS[side], "ratio"]
    table = new_table(*headers, right=(0, 1, *range(4, len(headers))))
    for cell in result.cells:
        lead = (str(cell.batch), str(cell.threads))
        for row in _rows(cell):
            table.add_row(*lead, *row)
            lead = ("", "")
    return table


def _rows(cell: Cell) -> Iterator[list[str]]:
    """Step, inputs, and for each side its figure and, but for the first, its ratio."""
    others = [side for side in cell.sides if side != SPATIAL]
    for timing in cell.timings:
        row = [timing.stage, plain(timing.inputs or ""), milliseconds(timing.seconds(SPATIAL))]
        for side in others:
            row += [milliseconds(timing.seconds(side)), f"{timing.ratio(side):.2f}"]
        yield row
    for what, name, text in (
        ("memory", "peak memory", megabytes),
        ("own_memory", "  beyond the modules'", megabytes),
        ("creation", "session creation", milliseconds),
    ):
        row = [name, "", text(getattr(cell.sides[SPATIAL], what))]
        for side in others:
            ratio = cell.ratio(side, what)
            row += [text(getattr(cell.sides[side], what)), "-" if ratio is None else f"{ratio:.2f}"]
        yield row


def _check_text(result: Benchmark) -> str:
    outputs = [output for check in result.checks for output in check.outputs]
    worst = max(outputs, key=lambda output: output.conversion / output.allowed)
    if not result.checks[0].is_exact:
        return (
            "the model was compiled to approximate: its outputs are off by"
            f" {worst.conversion:.2e} at the most, which compare can judge"
        )
    inputs = counted(result.checks[0].inputs, "input")
    return (
        f"the same answers on {inputs} in every process:"
        f" the largest error is {worst.conversion:.2e}, {worst.allowed:.2e} is allowed"
    )


def _show_nodes(out: Console, result: Benchmark) -> None:
    for cell in result.cells:
        for name, side in cell.sides.items():
            if not side.nodes:
                continue
            out.print()
            out.print(
                f"{_HEADERS.get(name, name)}, batch {cell.batch},"
                f" {counted(cell.threads, 'thread')}: {_operator_text(side.nodes)}",
                markup=False,
                soft_wrap=True,
            )
            total = sum(node.seconds for node in side.nodes)
            table = new_table("node", "op", "ms", "of all", right=(2, 3))
            for node in side.nodes[:_MOST_NODES]:
                share = f"{100 * node.seconds / total:.1f} %" if total else "-"
                table.add_row(plain(node.node), node.op, f"{1e3 * node.seconds:.3f}", share)
            out.print(table)


def _operator_text(nodes: tuple[NodeTime, ...]) -> str:
    """Sums of the operators: `9 Conv 3.210 ms, 8 Relu 0.120 ms`."""
    sums = list(by_operator(nodes).items())[:_MOST_NODES]
    return ", ".join(f"{count} {op} {1e3 * seconds:.3f} ms" for op, (count, seconds) in sums)
