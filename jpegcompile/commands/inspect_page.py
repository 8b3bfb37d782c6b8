"""What `inspect` prints: the fate of every node, sums, and a compiled model's metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence

from jpegcompile.commands.console import change_text, console, counted, fate_text
from jpegcompile.dct.frequencies import full
from jpegcompile.input_size import size_text
from jpegcompile.inspection import Inspection
from jpegcompile.metadata import CompiledInfo
from jpegcompile.report import CallReport, NodeReport, Report
from jpegcompile.results.table import Page, Table, columns, number, text
from jpegcompile.results.terminal import print_page


def show_inspection(result: Inspection) -> None:
    """Print the page of `inspection_page`."""
    print_page(console(), inspection_page(result))


def inspection_page(result: Inspection) -> Page:
    """Return the nodes with their fate, sums, and the record of a compiled model."""
    report = result.report
    parts: list[Table | str] = [_nodes(report), "", *_sums(report)]
    if report.calls:
        parts += [_calls(report.calls), ""]
    parts += [f"note: {note}" for note in report.notes]
    if result.compiled is not None:
        parts += _record(result, result.compiled)
    return Page(tuple(parts))


def _nodes(report: Report) -> Table:
    headers = ("node", "op", "domain", "output", "multiply-adds", "method", "frequencies")
    rows = tuple(
        (
            text(node.name),
            text(node.op),
            text(_domain_text(node, is_choice=report.domain == "auto")),
            text("x".join(str(d) if isinstance(d, int) else "N" for d in node.output_shape)),
            number(node.multiply_adds, ","),
            text(node.method or ""),
            text(_frequency_text(node)),
            text(node.reason),
        )
        for node in report.nodes
    )
    return Table("", columns(*headers, "why kept", right=(4,)), rows)


def _sums(report: Report) -> list[str]:
    products = sum(node.multiply_adds for node in report.nodes)
    transforms = sum(node.transform_multiply_adds for node in report.nodes)
    lines = [
        f"{fate_text(len(report.lowered), len(report.kept), report.domain)},"
        f" {counted(report.casts, 'cast')}; {products:,} multiply-adds, {transforms:,} in block"
        " transforms"
    ]
    skipped = sum(node.skippable_multiply_adds for node in report.nodes)
    transforms = sum(node.skippable_transform_multiply_adds for node in report.nodes)
    if skipped or transforms:
        lines.append(
            f"truncation: native kernels skip {skipped:,} multiply-adds, and {transforms:,} in"
            " block transforms"
        )
    return lines


def _calls(calls: Sequence[CallReport]) -> Table:
    """Return the calls that compute the nodes of a model for GPUs."""
    rows = tuple(
        (
            text(call.name),
            text(" ".join(call.operators)),
            text(call.kernel or f"PyTorch: {call.reason}"),
            text(", ".join(call.reads)),
            text(call.makes),
        )
        for call in calls
    )
    return Table("", columns("call", "of", "by", "reads", "makes"), rows)


def _record(result: Inspection, info: CompiledInfo) -> list[str]:
    """Return lines about a compiled model's metadata."""
    taken = info.input
    lines = [
        f"compiled by jpegcompile {info.tool_version}, format {info.format_version}",
        f"source sha256 {info.source_sha256}",
        f"target {info.target}, domain {info.domain}, input {info.input_mode} for '{taken.name}'"
        f" {taken.channels}x{taken.height}x{taken.width} {taken.layout}, {_files_text(info)}",
    ]
    if info.target == "triton":
        lines.append(f"GPU kernels in {info.precision}")
    elif info.batch is not None:
        lean = ", with little memory" if info.lean else ""
        lines.append(f"native kernels for {counted(info.batch, 'image')} at a time{lean}")
    preprocess = json.dumps(info.preprocess) if info.preprocess else "-"
    lines.append(f"preprocessing {preprocess}")
    if info.trained_size is not None:
        trained = size_text(info.trained_size)
        lines.append(f"runs at {size_text(taken.size)}, trained at {trained}")
    if result.execution is not None:
        lines.append(f"runs here: {result.execution}")
        if result.execution.native:
            lines.append(f"on a GPU: {result.execution.cuda_text}")
    searches = (
        ("resolution", result.chosen_resolution),
        ("frequencies", result.chosen_frequencies),
    )
    lines += [
        f"{what} chosen to lose {found.max_drop:g} points of top-1 at most;"
        f" verification: {change_text(found.verification)}"
        for what, found in searches
        if found is not None
    ]
    return lines


def _files_text(info: CompiledInfo) -> str:
    """Return which files the model reads."""
    if info.frame is None or not info.input.is_preprocessed:
        return f"subsampling {info.subsampling or '-'}"
    if info.input.geometry.takes_any_size:
        return "files of any size and subsampling"
    return "files of any subsampling"


def _frequency_text(node: NodeReport) -> str:
    """Return mask frequencies and kept frequencies, such as `asm 8/15, keeps 10/15`."""
    if not node.frequencies:
        return ""
    parts = [_part(str(node.masking), node.frequencies, node.input_block or 1)]
    if node.truncate and node.is_truncated:
        parts.append(_part("keeps", node.truncate, node.output_block or 1))
    return ", ".join(parts)


def _part(what: str, frequencies: int, block: int) -> str:
    return what if frequencies == full(block) else f"{what} {frequencies}/{full(block)}"


def _domain_text(node: NodeReport, *, is_choice: bool) -> str:
    if node.status == "kept":
        return "spatial"
    sides = [node.input_block, node.output_block]
    if is_choice and set(sides) <= {1, None}:
        return "spatial by choice"
    names = ["vector" if block is None else f"b={block}" for block in sides]
    return f"jpeg {names[0]}" if names[0] == names[1] else f"jpeg {names[0]} to {names[1]}"
