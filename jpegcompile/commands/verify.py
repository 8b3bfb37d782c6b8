"""The verb `verify`: errors of a compiled model at its outputs and lowered nodes."""

from __future__ import annotations

from pathlib import Path

import click

from jpegcompile.commands.console import console, counted, new_table, plain, progress_bar
from jpegcompile.commands.images import (
    error_options,
    fallback_option,
    require_reported,
    show_left_out,
)
from jpegcompile.commands.options import (
    FROM_0,
    FROM_1,
    NOT_NEGATIVE,
    json_option,
    portable_option,
    print_json,
    provider_option,
)
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import verify as verification
from jpegcompile.evaluation.verification import OutputError, Verification
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.runtime.providers import Choice


@click.command()
@click.argument("original", type=click.Path(path_type=Path))
@click.argument("compiled", type=click.Path(path_type=Path))
@click.option("--images", type=click.Path(path_type=Path), help="Folder of JPEG files.")
@click.option(
    "--samples",
    type=FROM_1,
    help="Random tensors, where no images are given; 64 if not said.",
)
@click.option("--seed", type=FROM_0, default=0, show_default=True, help="Of the random tensors.")
@click.option(
    "--absolute",
    type=NOT_NEGATIVE,
    help="Error allowed at an output. Without this and --relative a multiple of the original's own"
    " rounding is allowed, which is measured.",
)
@click.option(
    "--relative",
    type=NOT_NEGATIVE,
    help="The same as a fraction of the output's largest magnitude; the larger of the two counts.",
)
@click.option("--nodes", type=FROM_0, default=10, show_default=True, help="Worst nodes to list.")
@error_options
@fallback_option
@portable_option
@provider_option
@json_option
def verify(
    original: Path,
    compiled: Path,
    images: Path | None,
    samples: int | None,
    seed: int,
    absolute: float | None,
    relative: float | None,
    nodes: int,
    on_error: OnError,
    tolerant: bool,
    fallback: Fallback,
    portable: bool,
    provider: Choice,
    as_json: bool,
) -> None:
    """Check that COMPILED gives the answers of ORIGINAL, at the outputs and at every lowered node.

    The conversion error (against the decode that COMPILED is made for) must be within what the
    original's own rounding explains and every top-1 the same, near-ties aside, or the exit code is
    1. The decoder difference (against Pillow's 8-bit decode) is shown beside it.
    """
    if images is not None and samples is not None:
        raise UsageError("--samples is for random tensors; leave it or --images out")
    with progress_bar("verifying") as progress:
        result = verification.verify(
            original,
            compiled,
            images,
            samples=64 if samples is None else samples,
            seed=seed,
            absolute=absolute,
            relative=relative,
            native=not portable,
            providers=provider,
            on_error=on_error,
            tolerant=tolerant,
            fallback=fallback,
            progress=progress,
        )
    if as_json:
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
