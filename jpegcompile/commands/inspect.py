"""The verb `inspect`: what is lowered, what is kept spatial and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from jpegcompile.commands.console import console, counted, new_table, plain
from jpegcompile.commands.options import json_option, model_options, print_json
from jpegcompile.inspection import Inspection
from jpegcompile.inspection import inspect as inspect_model


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@model_options
@json_option
def inspect(
    model: Path,
    input_mode: Any,
    preprocess: str | None,
    subsampling: str | None,
    image_input: str | None,
    as_json: bool,
) -> None:
    """Show what of MODEL is lowered, and what is kept spatial and why.

    MODEL is a source model, of which nothing is written, or a compiled one. What is lowered does
    not depend on --preprocess, so it may be left out here.
    """
    result = inspect_model(
        model,
        input=input_mode,
        preprocess=preprocess or "none",
        subsampling=subsampling,
        image_input=image_input,
    )
    if as_json:
        print_json(result.to_json())
    else:
        show_inspection(result)


def show_inspection(result: Inspection) -> None:
    """Nodes with their fate, sums, and the record of a compiled model."""
    out = console()
    report = result.report
    table = new_table("node", "op", "domain", "output", "multiply-adds", "why kept", right=(4,))
    for node in report["nodes"]:
        table.add_row(
            plain(node["name"]),
            node["op"],
            _domain_text(node),
            "x".join(str(d) if isinstance(d, int) else "N" for d in node["output_shape"]),
            f"{node['multiply_adds']:,}",
            plain(node["reason"]),
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
