"""What `bench` prints of models for images of any size: the compiled one against each rival."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from jpegcompile.commands.bench_figures import megabytes, milliseconds
from jpegcompile.commands.console import counted, new_table, plain
from jpegcompile.evaluation.benchmark.job import COMPILED, PORTABLE
from jpegcompile.evaluation.benchmark.results import Benchmark, Cell, Side


def rivals_table(result: Benchmark) -> Table:
    """Compiled first; behind the time of each rival stands compiled's ratio to it."""
    headers = ["batch", "threads", "step", "inputs", "compiled"]
    if PORTABLE in result.cells[0].sides:
        headers.append("bodies")
    for rival in result.rivals:
        headers += [rival, "ratio"]
    table = new_table(*headers, right=(0, 1, *range(4, len(headers))))
    for cell in result.cells:
        lead = (str(cell.batch), str(cell.threads))
        for row in _rows(cell, list(result.rivals)):
            table.add_row(*lead, *row)
            lead = ("", "")
    return table


def _rows(cell: Cell, rivals: list[str]) -> Iterator[list[str]]:
    """Step, inputs, the figures of the compiled sides, and of each rival with the ratio to it."""
    compiled = [side for side in (COMPILED, PORTABLE) if side in cell.sides]
    for timing in cell.timings:
        row = [timing.stage, plain(timing.inputs or "")]
        row += [milliseconds(timing.seconds(side)) for side in compiled]
        for rival in rivals:
            row += [milliseconds(timing.seconds(rival)), f"{timing.ratio(COMPILED, rival):.2f}"]
        yield row
    for what, name, text in (
        ("memory", "peak memory", megabytes),
        ("own_memory", "  beyond the modules'", megabytes),
        ("creation", "session creation", milliseconds),
    ):
        own = getattr(cell.sides[COMPILED], what)
        row = [name, "", *(text(getattr(cell.sides[side], what)) for side in compiled)]
        for rival in rivals:
            other = getattr(cell.sides[rival], what)
            row += [text(other), f"{own / other:.2f}" if own is not None and other else "-"]
        yield row


def rival_lines(result: Benchmark) -> Iterator[str]:
    """What each rival does differently, which do not take part, and how threads are shared."""
    for name, resize in result.rivals.items():
        does = f"resizes with {resize}" if resize else "does not resize"
        yield f"{name}: {does}; {_difference_text(result.cells[0].sides[name])}"
        count = result.read_by_pillow.get(name)
        if count:
            yield f"{name}: cannot read {counted(count, 'file')}, read by pillow in its place"
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
    """How far the outputs are from those for the float decode."""
    if not side.differences:
        return "its outputs are no numbers to compare"
    worst = max(side.differences, key=lambda found: found.difference / (found.largest or 1.0))
    text = f"outputs are off by {worst.difference:.2e} of {worst.largest:.2e}"
    if worst.same_top1 is None:
        return text
    return f"{text}, top-1 is the same for {worst.same_top1} of {counted(worst.inputs, 'input')}"
