"""The verb `inspect`: what is lowered, what is kept spatial and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from jpegcompile.commands.console import (
    change_text,
    console,
    counted,
    fate_text,
    new_table,
    plain,
)
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import verb_command
from jpegcompile.dct.frequencies import full
from jpegcompile.input_size import size_text
from jpegcompile.inspection import Inspection
from jpegcompile.inspection import inspect as inspect_model
from jpegcompile.metadata import CompiledInfo
from jpegcompile.search.interval import PairedCounts


@verb_command("inspect")
def inspect(model: Path, json: bool, **options: Any) -> None:
    """Inspect the model and show the report."""
    result = inspect_model(model, **options)
    if json:
        print_json(result.to_json())
    else:
        show_inspection(result)


def show_inspection(result: Inspection) -> None:
    """Nodes with their fate, sums, and the record of a compiled model."""
    out = console()
    report = result.report
    headers = ("node", "op", "domain", "output", "multiply-adds", "method", "frequencies")
    table = new_table(*headers, "why kept", right=(4,))
    for node in report["nodes"]:
        table.add_row(
            plain(node["name"]),
            node["op"],
            _domain_text(node, is_choice=report.get("domain") == "auto"),
            "x".join(str(d) if isinstance(d, int) else "N" for d in node["output_shape"]),
            f"{node['multiply_adds']:,}",
            node.get("method") or "",
            _frequency_text(node),
            plain(node["reason"]),
        )
    out.print(table)
    out.print()
    out.print(
        f"{fate_text(report['lowered'], report['kept'], report.get('domain', 'jpeg'))},"
        f" {counted(report['casts'], 'cast')};"
        f" {report['multiply_adds']:,} multiply-adds,"
        f" {report['transform_multiply_adds']:,} in block transforms"
    )
    skippable = report.get("skippable_multiply_adds", 0)
    transforms = report.get("skippable_transform_multiply_adds", 0)
    if skippable or transforms:
        out.print(
            f"truncation: native kernels skip {skippable:,} multiply-adds, and {transforms:,} in"
            " block transforms"
        )
    if report.get("calls"):
        _show_calls(out, report["calls"])
    for note in report["notes"]:
        out.print(f"note: {note}", markup=False)
    if result.compiled is not None:
        _show_record(out, result)


def _show_calls(out: Console, calls: Sequence[dict[str, Any]]) -> None:
    """What computes the nodes of a model for GPUs, call by call."""
    table = new_table("call", "of", "by", "reads", "makes")
    for call in calls:
        by = call["kernel"] or f"PyTorch: {call['reason']}"
        parts = call["name"], " ".join(call["operators"]), by, ", ".join(call["reads"])
        table.add_row(*map(plain, (*parts, call["makes"])))
    out.print(table)
    out.print()


def _show_record(out: Console, result: Inspection) -> None:
    info = result.compiled
    assert info is not None
    taken = info.input
    out.print(f"compiled by jpegcompile {info.tool_version}, format {info.format_version}")
    out.print(f"source sha256 {info.source_sha256}", markup=False)
    out.print(
        f"target {info.target}, domain {info.domain}, input {info.input_mode} for '{taken.name}'"
        f" {taken.channels}x{taken.height}x{taken.width} {taken.layout},"
        f" {_files_text(info)}",
        markup=False,
    )
    if info.target == "triton":
        out.print(f"GPU kernels in {info.precision}")
    elif info.batch is not None:
        lean = ", of little memory" if info.lean else ""
        out.print(f"native kernels for {counted(info.batch, 'image')} at a time{lean}")
    preprocess = json.dumps(info.preprocess) if info.preprocess else "-"
    out.print(f"preprocessing {preprocess}", markup=False)
    if info.trained_size is not None:
        out.print(f"runs at {size_text(taken.size)}, trained at {size_text(info.trained_size)}")
    if result.execution is not None:
        out.print(f"runs here: {result.execution}", markup=False)
        if result.execution.native:
            out.print(f"on a GPU: {result.execution.cuda_text}", markup=False)
    chosen = info.report.get("resolution")
    if chosen is not None:
        out.print(
            f"resolution chosen to lose {chosen['max_drop']:g} points of top-1 at most;"
            f" verification: {change_text(PairedCounts.from_json(chosen['verification']))}",
            soft_wrap=True,
        )
    evidence = (info.frequencies or {}).get("evidence")
    if evidence is not None:
        out.print(
            f"frequencies chosen to lose {evidence['max_drop']:g} points of top-1 at most;"
            f" verification: {change_text(PairedCounts.from_json(evidence['verification']))}",
            soft_wrap=True,
        )


def _files_text(info: CompiledInfo) -> str:
    """Which files the model takes."""
    if info.frame is None or not info.input.is_preprocessed:
        return f"subsampling {info.subsampling or '-'}"
    if info.input.geometry.takes_any_size:
        return "files of any size and subsampling"
    return "files of any subsampling"


def _frequency_text(node: dict[str, Any]) -> str:
    """What decides a mask, and what is kept behind it: `asm 8/15, keeps 10/15`."""
    if not node.get("frequencies"):
        return ""
    parts = [_share(node["masking"], node["frequencies"], node["input_block"])]
    truncated = node.get("truncate")
    if truncated and truncated < full(node["output_block"]):
        parts.append(_share("keeps", truncated, node["output_block"]))
    return ", ".join(parts)


def _share(what: str, frequencies: int, block: int) -> str:
    return what if frequencies == full(block) else f"{what} {frequencies}/{full(block)}"


def _domain_text(node: dict[str, Any], *, is_choice: bool) -> str:
    if node["status"] == "kept":
        return "spatial"
    sides = [node["input_block"], node["output_block"]]
    if is_choice and set(sides) <= {1, None}:
        return "spatial by choice"
    names = ["vector" if block is None else f"b={block}" for block in sides]
    return f"jpeg {names[0]}" if names[0] == names[1] else f"jpeg {names[0]} to {names[1]}"
