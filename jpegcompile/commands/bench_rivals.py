"""What `bench` prints for models for images of any size: the compiled model against each rival."""

from __future__ import annotations

from collections.abc import Iterator

from jpegcompile.commands.bench_figures import megabytes, milliseconds, ratio, whole
from jpegcompile.commands.console import counted
from jpegcompile.evaluation.benchmark.job import COMPILED, PORTABLE
from jpegcompile.evaluation.benchmark.results import Benchmark, Cell, Side
from jpegcompile.results.table import Cell as TableCell
from jpegcompile.results.table import Table, columns, text


def rivals_table(result: Benchmark) -> Table:
    """Return the times: compiled first, then each rival with the compiled model's ratio to it."""
    headers = ["batch", "threads", "step", "inputs", "compiled"]
    if PORTABLE in result.cells[0].sides:
        headers.append("bodies")
    for rival in result.rivals:
        headers += [rival, "ratio"]
    rows: list[tuple[TableCell, ...]] = []
    for cell in result.cells:
        lead = (whole(cell.batch), whole(cell.threads))
        for row in _rows(cell, list(result.rivals)):
            rows.append((*lead, *row))
            lead = (whole(None), whole(None))
    return Table("", columns(*headers, right=(0, 1, *range(4, len(headers)))), tuple(rows))


def _rows(cell: Cell, rivals: list[str]) -> Iterator[list[TableCell]]:
    """Yield step, inputs, the figures of the compiled sides, and each rival with the ratio."""
    compiled = [side for side in (COMPILED, PORTABLE) if side in cell.sides]
    for timing in cell.timings:
        row = [text(timing.stage), text(timing.inputs or "")]
        row += [milliseconds(timing.seconds(side)) for side in compiled]
        for rival in rivals:
            row += [milliseconds(timing.seconds(rival)), ratio(timing.ratio(COMPILED, rival))]
        yield row
    for what, name, figure in (
        ("memory", "peak memory", megabytes),
        ("own_memory", "  beyond the modules'", megabytes),
        ("creation", "session creation", milliseconds),
    ):
        own = getattr(cell.sides[COMPILED], what)
        row = [text(name), text("")]
        row += [figure(getattr(cell.sides[side], what)) for side in compiled]
        for rival in rivals:
            other = getattr(cell.sides[rival], what)
            row += [figure(other), ratio(own / other if own is not None and other else None)]
        yield row


def rival_lines(result: Benchmark) -> Iterator[str]:
    """Yield lines about each rival, the rivals that were left out, and the division of threads."""
    for name, resize in result.rivals.items():
        does = f"resizes with {resize}" if resize else "does not resize"
        yield f"{name}: {does}; {_difference_text(result.cells[0].sides[name])}"
        count = result.read_by_pillow.get(name)
        if count:
            yield f"{name}: cannot read {counted(count, 'file')}, which pillow reads instead"
    for name, reason in result.left_out_rivals.items():
        yield f"{name}: left out, {reason}"
    for cell in result.cells:
        ways = {name: side.sharing for name, side in cell.sides.items() if side.sharing}
        if not ways:
            continue
        texts = [
            f"{name} {way.readers} reading and {way.network} computing"
            for name, way in ways.items()
        ]
        lead = f"pipelined, batch {cell.batch}, {counted(cell.threads, 'thread')}"
        yield f"{lead}: {', '.join(texts)}"


def _difference_text(side: Side) -> str:
    """Return how far the outputs are from the outputs for the float decode."""
    if not side.differences:
        return "its outputs are not numbers that can be compared"
    worst = max(side.differences, key=lambda found: found.difference / (found.largest or 1.0))
    text = f"outputs are off by {worst.difference:.2e} of {worst.largest:.2e}"
    if worst.same_top1 is None:
        return text
    return f"{text}, top-1 is the same for {worst.same_top1} of {counted(worst.inputs, 'input')}"
