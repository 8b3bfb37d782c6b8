"""What `bench` prints: times of every step, memory, and what was checked."""

from __future__ import annotations

from collections.abc import Iterator

from jpegcompile.commands.bench_figures import megabytes, milliseconds, ratio, whole
from jpegcompile.commands.bench_rivals import rival_lines, rivals_table
from jpegcompile.commands.console import counted
from jpegcompile.commands.images import left_out_lines
from jpegcompile.evaluation.benchmark.job import COMPILED, PORTABLE, SPATIAL
from jpegcompile.evaluation.benchmark.operators import NodeTime, by_operator
from jpegcompile.evaluation.benchmark.results import Benchmark, Cell
from jpegcompile.results.table import Cell as TableCell
from jpegcompile.results.table import Page, Table, columns, number, percentage, text

_HEADERS = {SPATIAL: "spatial", COMPILED: "compiled", PORTABLE: "bodies"}
_MOST_NODES = 20


def benchmark_page(result: Benchmark) -> Page:
    """Return times and ratios of every step, memory, session creation, and the checks."""
    reference = "compiled to the rival on the left" if result.rivals else "to spatial"
    parts: list[Table | str] = [
        rivals_table(result) if result.rivals else _times(result),
        "",
        f"times of a batch, medians of {counted(result.rounds, 'round')}; ratios are {reference};"
        f" {counted(result.cpus, 'processor')}, ONNX Runtime {result.onnxruntime}",
    ]
    for name, (count, size) in result.inputs.items():
        about = "" if size is None else f", {size / 1e3:.1f} kB each"
        inputs = counted(count, "input")
        if result.files is not None and result.files < count:
            inputs = f"{counted(result.files, 'file')}, run as {inputs}"
        parts.append(f"{name}: {inputs}{about}")
    parts += _other_files(result)
    parts += left_out_lines(result.skipped, result.ignored, result.pixel_fallbacks)
    parts += [f"compiled: {result.execution}", _check_text(result), *rival_lines(result)]
    parts += _nodes(result)
    return Page(tuple(parts))


def _other_files(result: Benchmark) -> Iterator[str]:
    """Yield lines about files that the compiled model cannot read as they are."""
    pixels = result.left_out_pixels
    samplings = result.left_out - pixels
    if samplings:
        yield f"left out: {counted(samplings, 'file')} of other samplings"
    if pixels:
        yield (
            f"left out: {counted(pixels, 'file')} without readable coefficients; a model for"
            " coefficients of one size is timed with coefficients only"
        )


def _times(result: Benchmark) -> Table:
    """Return the times, spatial first, and ratios to it."""
    sides = list(result.cells[0].sides)
    headers = ["batch", "threads", "step", "inputs", _HEADERS[SPATIAL]]
    for side in sides[1:]:
        headers += [_HEADERS[side], "ratio"]
    rows: list[tuple[TableCell, ...]] = []
    for cell in result.cells:
        lead = (whole(cell.batch), whole(cell.threads))
        for row in _rows(cell):
            rows.append((*lead, *row))
            lead = (whole(None), whole(None))
    return Table("", columns(*headers, right=(0, 1, *range(4, len(headers)))), tuple(rows))


def _rows(cell: Cell) -> Iterator[list[TableCell]]:
    """Yield step, inputs, and for each side its figure and, after the first, its ratio."""
    others = [side for side in cell.sides if side != SPATIAL]
    for timing in cell.timings:
        row = [text(timing.stage), text(timing.inputs or "")]
        row.append(milliseconds(timing.seconds(SPATIAL)))
        for side in others:
            row += [milliseconds(timing.seconds(side)), ratio(timing.ratio(side))]
        yield row
    for what, name, figure in (
        ("memory", "peak memory", megabytes),
        ("own_memory", "  beyond the modules'", megabytes),
        ("creation", "session creation", milliseconds),
    ):
        row = [text(name), text(""), figure(getattr(cell.sides[SPATIAL], what))]
        for side in others:
            row += [figure(getattr(cell.sides[side], what)), ratio(cell.ratio(side, what))]
        yield row


def _check_text(result: Benchmark) -> str:
    outputs = [output for check in result.checks for output in check.outputs]
    # Nothing is allowed at an output that is 0 everywhere.
    worst = max(outputs, key=lambda one: one.conversion / one.allowed if one.allowed else 0.0)
    if not result.checks[0].is_exact:
        return (
            "the model was compiled to approximate: the largest error of its outputs is"
            f" {worst.conversion:.2e}; compare shows the loss of accuracy"
        )
    inputs = counted(result.checks[0].inputs, "input")
    return (
        f"the same answers on {inputs} in every process:"
        f" the largest error is {worst.conversion:.2e}, the tolerance is {worst.allowed:.2e}"
    )


def _nodes(result: Benchmark) -> Iterator[Table | str]:
    """Yield the slowest nodes of each process, where nodes were timed."""
    for cell in result.cells:
        for name, side in cell.sides.items():
            if not side.nodes:
                continue
            title = (
                f"{_HEADERS.get(name, name)}, batch {cell.batch},"
                f" {counted(cell.threads, 'thread')}: {_operator_text(side.nodes)}"
            )
            total = sum(node.seconds for node in side.nodes)
            rows = tuple(
                (
                    text(node.node),
                    text(node.op),
                    number(1e3 * node.seconds, ".3f"),
                    percentage(node.seconds / total if total else None, 1),
                )
                for node in side.nodes[:_MOST_NODES]
            )
            yield ""
            yield Table(
                title, columns("node", "op", "ms", "of all", right=(2, 3), units={2: "ms"}), rows
            )


def _operator_text(nodes: tuple[NodeTime, ...]) -> str:
    """Return the sums of the operators: `9 Conv 3.210 ms, 8 Relu 0.120 ms`."""
    sums = list(by_operator(nodes).items())[:_MOST_NODES]
    return ", ".join(f"{count} {op} {1e3 * seconds:.3f} ms" for op, (count, seconds) in sums)
