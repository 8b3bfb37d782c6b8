"""What the commands print: tables on standard output, progress on a terminal's stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from jpegcompile.demo.tour import Demo
from jpegcompile.evaluation.compare import Accuracy, Comparison
from jpegcompile.evaluation.measure import Verification
from jpegcompile.evaluation.predict import Prediction
from jpegcompile.inspection import Inspection

# Wide enough that nothing is cut where output goes to a file or another program.
_PLAIN_WIDTH = 200


class _Console(Console):
    """A console that leaves it to the command line what a reader that has gone means."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Standard output, without guessed highlighting."""
    probe = _Console(highlight=False)
    return probe if probe.is_terminal else _Console(highlight=False, width=_PLAIN_WIDTH)


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """A callback (done, total) that draws a bar; it draws nothing where stderr is no terminal."""
    terminal = Console(stderr=True)
    if not terminal.is_terminal:
        yield lambda done, total: None
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=terminal,
        transient=True,
    ) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _table(*headers: str, right: tuple[int, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, header in enumerate(headers):
        if index in right:
            table.add_column(header, justify="right", no_wrap=True)
        else:
            table.add_column(header, overflow="fold")
    return table


def show_inspection(result: Inspection) -> None:
    """Nodes with their fate, sums, and the record of a compiled model."""
    out = console()
    report = result.report
    table = _table("node", "op", "domain", "output", "multiply-adds", "why kept", right=(4,))
    for node in report["nodes"]:
        table.add_row(
            _plain(node["name"]),
            node["op"],
            _domain_text(node),
            "x".join(str(d) if isinstance(d, int) else "N" for d in node["output_shape"]),
            f"{node['multiply_adds']:,}",
            _plain(node["reason"]),
        )
    out.print(table)
    out.print()
    out.print(
        f"{report['lowered']} lowered, {report['kept']} kept spatial,"
        f" {counted(report['casts'], 'cast')};"
        f" {report['multiply_adds']:,} multiply-adds,"
        f" {report['transform_multiply_adds']:,} in block transforms"
    )
    for note in report["notes"]:
        out.print(f"note: {note}", markup=False)
    if result.compiled is not None:
        _show_record(out, result)


def _show_record(out: Console, result: Inspection) -> None:
    info = result.compiled
    assert info is not None
    taken = info.input
    out.print(f"compiled by jpegcompile {info.tool_version}, format {info.format_version}")
    out.print(f"source sha256 {info.source_sha256}", markup=False)
    out.print(
        f"target {info.target}, input {taken.mode} for '{taken.name}'"
        f" {taken.channels}x{taken.height}x{taken.width} {taken.layout},"
        f" subsampling {taken.subsampling or '-'}",
        markup=False,
    )
    out.print(f"preprocessing {info.preprocess or '-'}", markup=False)


def _domain_text(node: dict[str, Any]) -> str:
    if node["status"] == "kept":
        return "spatial"
    sides = [node["input_block"], node["output_block"]]
    names = ["vector" if block is None else f"b={block}" for block in sides]
    return f"jpeg {names[0]}" if names[0] == names[1] else f"jpeg {names[0]} to {names[1]}"


def counted(count: int, noun: str) -> str:
    """A number with its noun, in the plural where it should be."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _plain(text: str) -> str:
    """Text that rich does not take for markup."""
    return text.replace("[", r"\[")


def show_verification(result: Verification, most_nodes: int) -> None:
    """Worst nodes first, then the outputs with both errors apart."""
    out = console()
    if result.nodes and most_nodes:
        table = _table("node", "block", "error", "of largest", right=(1, 2, 3))
        for node in result.nodes[:most_nodes]:
            row = (_plain(node.node), str(node.block), f"{node.error:.2e}", f"{node.relative:.1e}")
            table.add_row(*row)
        shown = min(most_nodes, len(result.nodes))
        inputs = counted(result.inputs_for_nodes, "input")
        out.print(f"worst {shown} of {counted(len(result.nodes), 'node')} on {inputs}:")
        out.print(table)
        out.print()
    table = _table("output", "original fed by", "error", "allowed", "same top-1", right=(2, 3, 4))
    for output in result.outputs:
        table.add_row(
            _plain(output.name),
            "float decode" if output.decoder is not None else "the same tensors",
            f"{output.conversion:.2e}",
            f"{output.allowed:.2e}",
            _fraction(output.same_top1, result.inputs),
        )
        if output.decoder is not None:
            same = _fraction(output.same_top1_pillow, result.inputs)
            table.add_row("", "Pillow", f"{output.decoder:.2e}", "-", same)
    out.print(table)
    verdict = "the same answers" if result.passed else "NOT the same answers"
    out.print(f"{verdict} on {counted(result.inputs, 'input')}")


def _fraction(count: int | None, total: int) -> str:
    return "-" if count is None else f"{count}/{total}"


def show_comparison(result: Comparison, most_changes: int) -> None:
    """The before/after table and the predictions that changed."""
    out = console()
    table = _table("pipeline", "top-1", "top-5", right=(1, 2))
    table.add_row("before: Pillow decode, original model", *_percent(result.before))
    table.add_row("        float decode, original model", *_percent(result.exact))
    table.add_row("after:  coefficients, compiled model", *_percent(result.after))
    out.print(table)
    out.print(
        f"{result.images} images; the same prediction on {100 * result.agreement:.2f} %"
        f" (of the float decode: {100 * result.agreement_exact:.2f} %);"
        f" top-1 {_points(-result.drop)}"
    )
    if result.skipped:
        count = sum(result.skipped.values())
        out.print(f"{count} images in {len(result.skipped)} folders without a class were skipped")
    if result.changes and most_changes:
        changes = _table("changed prediction", "label", "before", "after", right=(1, 2, 3))
        for change in result.changes[:most_changes]:
            row = (change.label, change.before, change.after)
            changes.add_row(_plain(change.file), *map(str, row))
        out.print()
        out.print(changes)
        if len(result.changes) > most_changes:
            rest = len(result.changes) - most_changes
            out.print(f"and {rest} more; --json lists all")


def show_demo(result: Demo) -> None:
    """What was compiled, a few predictions, and the before/after table."""
    out = console()
    out.print(
        "a residual network for coloured digits, trained on pixels:"
        f" {result.lowered} nodes lowered to the JPEG domain, {result.kept} kept spatial"
    )
    out.print("run on the DCT coefficients of JPEG files; no pixel is made:")
    for prediction in result.predictions:
        path = Path(prediction.file)
        name, digit, score = path.name, prediction.classes[0], prediction.scores[0]
        out.print(f"  {path.parent.name}/{name} is a {digit} (score {score:.2f})", markup=False)
    output = result.verification.outputs[0]
    out.print(
        f"largest difference of any score from the original's: {output.conversion:.1e}"
        f" (scores up to {output.largest:.0f})"
    )
    out.print()
    show_comparison(result.comparison, most_changes=5)


def _points(change: float) -> str:
    return f"changes by {change:+.2f} points" if change else "does not change"


def _percent(accuracy: Accuracy) -> tuple[str, str]:
    return f"{100 * accuracy.top1:.2f} %", f"{100 * accuracy.top5:.2f} %"


def show_predictions(predictions: list[Prediction], names: dict[int, str]) -> None:
    """One line a file: classes with scores, best first."""
    out = console()
    for prediction in predictions:
        pairs = zip(prediction.classes, prediction.scores, strict=True)
        text = "  ".join(f"{names.get(index, index)} {score:.3f}" for index, score in pairs)
        out.print(f"{prediction.file}: {text}", markup=False, soft_wrap=True)
