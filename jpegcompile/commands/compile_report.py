"""What `compile` prints: files, nodes that stay spatial, and notes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from jpegcompile.commands.console import counted, fate_text
from jpegcompile.commands.search import Search
from jpegcompile.compiled_model import CompiledModel
from jpegcompile.frequency_plan import MASKINGS
from jpegcompile.gpu.library.files import beside
from jpegcompile.weights.write import data_file


def summary(
    output: Path | None,
    compiled: CompiledModel,
    search: Search | None,
    has_weights: bool,
) -> dict[str, Any]:
    """Return what `compile --json` prints.

    Args:
        output: the file or folder that was written; None if nothing was written.
        compiled: the model.
        search: the search that chose its options, if any.
        has_weights: whether the weights are in a separate file.
    """
    return {
        "output": None if output is None else str(output),
        "weights": str(data_file(output)) if output is not None and has_weights else None,
        "kernels": str(beside(output)) if output is not None and compiled.cubins else None,
        "report": compiled.report.to_json(),
        "search": None if search is None else search.to_json(),
        "skipped": [] if search is None else [asdict(skipped) for skipped in search.skipped],
        "ignored": {} if search is None else dict(search.ignored),
        "pixel_fallbacks": 0 if search is None else search.pixel_fallbacks,
    }


def show_report(output: Path, compiled: CompiledModel, has_weights: bool) -> None:
    """Print the written files, the nodes that stay spatial, and the notes.

    Args:
        output: the written file or folder.
        compiled: the compiled model.
        has_weights: whether the weights are in a separate file.
    """
    report = compiled.report
    fates = fate_text(len(report.lowered), len(report.kept), report.domain)
    files = list(output.iterdir()) if output.is_dir() else [output]
    size = sum(file.stat().st_size for file in files)
    click.echo(f"{output}: {fates}, {counted(report.casts, 'cast')}, {size:,} bytes")
    if has_weights:
        weights = data_file(output)
        click.echo(f"{weights}: its weights, {weights.stat().st_size:,} bytes")
    if compiled.cubins:
        click.echo(f"{beside(output)}: its GPU kernels, {len(compiled.cubins):,} bytes")
    if not report.is_exact:
        masks = sum(node.masking in MASKINGS for node in report.nodes)
        truncated = sum(node.is_truncated for node in report.nodes)
        parts = []
        if masks:
            parts.append(f"few frequencies decide the masks of {counted(masks, 'node')}")
        if truncated:
            parts.append(
                f"{counted(truncated, 'result')} {'is' if truncated == 1 else 'are'} truncated"
            )
        click.echo(f"approximate: {', and '.join(parts)}")
    for node in report.kept:
        click.echo(f"kept spatial: {node.op} '{node.name}': {node.reason}")
    for call in report.calls:
        if not call.kernel:
            click.echo(f"by PyTorch: {call.operators[0]} '{call.name}': {call.reason}")
    for note in report.notes:
        click.echo(f"note: {note}")
