"""What `verify` prints: the worst nodes, the outputs with both errors, and the verdict."""

from __future__ import annotations

from jpegcompile.commands.console import counted
from jpegcompile.commands.images import left_out_lines, shard_lines
from jpegcompile.evaluation.verification import OutputError, Verification
from jpegcompile.results.table import Cell, Page, Table, columns, number, text


def verification_page(result: Verification, most_nodes: int) -> Page:
    """Return the worst nodes, the outputs with both errors, and the verdict.

    Args:
        result: result of `verify`.
        most_nodes: number of nodes to show.
    """
    parts: list[Table | str] = []
    if result.nodes and most_nodes:
        parts += [_nodes(result, most_nodes), ""]
    parts.append(_outputs(result))
    parts += [
        f"'{output.name}': {output.jumps} of {output.entries} entries differ because an operator"
        f" decides differently; rounding errors change {output.own_jumps} entries of the original"
        for output in result.outputs
        if output.jumps and output.is_within
    ]
    parts += left_out_lines(result.skipped, result.ignored, result.pixel_fallbacks)
    parts += shard_lines(result.shards)
    verdict = "the same answers" if result.passed else "NOT the same answers"
    return Page((*parts, f"{verdict} on {counted(result.inputs, 'input')}"))


def _nodes(result: Verification, most: int) -> Table:
    shown = min(most, len(result.nodes))
    inputs = counted(result.inputs_for_nodes, "input")
    return Table(
        f"worst {shown} of {counted(len(result.nodes), 'node')} on {inputs}:",
        columns("node", "block", "error", "of largest", right=(1, 2, 3)),
        tuple(
            (
                text(node.node),
                number(node.block),
                number(node.error, ".2e"),
                number(node.relative, ".1e"),
            )
            for node in result.nodes[:most]
        ),
    )


def _outputs(result: Verification) -> Table:
    rows = []
    for output in result.outputs:
        fed_by = "the same decode" if output.decoder is not None else "the same tensors"
        rows.append(
            (
                text(output.name),
                text(fed_by),
                number(output.conversion, ".2e"),
                number(output.own, ".2e"),
                number(output.allowed, ".2e"),
                _top1(output, result.inputs),
            )
        )
        if output.decoder is not None:
            same = _fraction(output.same_top1_pillow, result.inputs)
            decoder = number(output.decoder, ".2e")
            rows.append((text(""), text("Pillow"), decoder, number(None), number(None), same))
    headers = (
        "output",
        "original fed by",
        "error",
        "rounding of original",
        "tolerance",
        "same top-1",
    )
    return Table("", columns(*headers, right=(2, 3, 4, 5)), tuple(rows))


def _top1(output: OutputError, total: int) -> Cell:
    cell = _fraction(output.same_top1, total)
    if not output.near_ties:
        return cell
    return Cell(cell.value, f"{cell.text} ({counted(output.near_ties, 'near-tie')})")


def _fraction(count: int | None, total: int) -> Cell:
    return number(count, suffix=f"/{total}")
