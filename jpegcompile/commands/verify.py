"""The verb `verify`: errors of a compiled model at its outputs and lowered nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jpegcompile.commands.console import console, counted, new_table, plain, progress_bar
from jpegcompile.commands.images import require_reported, show_left_out
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import first_given, verb_command
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import verify as verification
from jpegcompile.evaluation.verification import OutputError, Verification
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.messages import Message
from jpegcompile.options.running import SAMPLES


@verb_command("verify")
def verify(
    original: Path,
    compiled: Path,
    images: Path | None,
    nodes: int,
    on_error: OnError,
    json: bool,
    **options: Any,
) -> None:
    """Verify, show the result and fail if the check fails."""
    if images is not None and first_given([SAMPLES]) is not None:
        raise UsageError(
            Message(
                "samples-with-images",
                "--samples is a number of random tensors, and --images replaces them; leave one"
                " out",
            )
        )
    with progress_bar("verifying") as progress:
        result = verification.verify(
            original, compiled, images, on_error=on_error, progress=progress, **options
        )
    if json:
        print_json(result.to_json())
    else:
        show_verification(result, nodes)
    verification.require_passed(result)
    require_reported(on_error, result.skipped)


def show_verification(result: Verification, most_nodes: int) -> None:
    """Worst nodes first, then the outputs with both errors apart."""
    out = console()
    if result.nodes and most_nodes:
        table = new_table("node", "block", "error", "of largest", right=(1, 2, 3))
        for node in result.nodes[:most_nodes]:
            row = (plain(node.node), str(node.block), f"{node.error:.2e}", f"{node.relative:.1e}")
            table.add_row(*row)
        shown = min(most_nodes, len(result.nodes))
        inputs = counted(result.inputs_for_nodes, "input")
        out.print(f"worst {shown} of {counted(len(result.nodes), 'node')} on {inputs}:")
        out.print(table)
        out.print()
    table = new_table(
        *("output", "original fed by", "error", "own rounding", "allowed", "same top-1"),
        right=(2, 3, 4, 5),
    )
    for output in result.outputs:
        table.add_row(
            plain(output.name),
            "its decode" if output.decoder is not None else "the same tensors",
            f"{output.conversion:.2e}",
            f"{output.own:.2e}",
            f"{output.allowed:.2e}",
            _top1(output, result.inputs),
        )
        if output.decoder is not None:
            same = _fraction(output.same_top1_pillow, result.inputs)
            table.add_row("", "Pillow", f"{output.decoder:.2e}", "-", "-", same)
    out.print(table)
    for output in result.outputs:
        if output.jumps and output.is_within:
            out.print(
                f"'{plain(output.name)}': {output.jumps} of {output.entries} entries are decided"
                f" otherwise; rounding moves {output.own_jumps} of the original's own"
            )
    show_left_out(result.skipped, result.ignored, result.pixel_fallbacks)
    verdict = "the same answers" if result.passed else "NOT the same answers"
    out.print(f"{verdict} on {counted(result.inputs, 'input')}")


def _top1(output: OutputError, total: int) -> str:
    text = _fraction(output.same_top1, total)
    return f"{text} ({counted(output.near_ties, 'near-tie')})" if output.near_ties else text


def _fraction(count: int | None, total: int) -> str:
    return "-" if count is None else f"{count}/{total}"
