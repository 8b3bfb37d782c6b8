"""The verb `verify`: errors of a compiled model at its outputs and lowered nodes."""

from __future__ import annotations

from pathlib import Path

import click

from jpegcompile.commands.console import progress_bar
from jpegcompile.commands.images import (
    error_options,
    fallback_option,
    require_reported,
)
from jpegcompile.commands.options import (
    FROM_0,
    FROM_1,
    NOT_NEGATIVE,
    json_option,
    portable_option,
    provider_option,
)
from jpegcompile.commands.result_options import (
    markdown_option,
    refuse_two_forms,
    shard_option,
    show_result,
)
from jpegcompile.commands.verify_page import verification_page
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import verify as verification
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.messages import Message
from jpegcompile.results.merging import Shard
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
@shard_option
@json_option
@markdown_option
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
    shard: Shard | None,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Check that COMPILED gives the answers of ORIGINAL, at the outputs and at every lowered node.

    The conversion error (against the decode that COMPILED is made for) must be within what the
    original's own rounding explains and every top-1 the same, near-ties aside, or the exit code is
    1. The decoder difference (against Pillow's 8-bit decode) is shown beside it.
    """
    if images is not None and samples is not None:
        message = "--samples is for random tensors; leave it or --images out"
        raise UsageError(Message("samples-with-images", message))
    refuse_two_forms(as_json=as_json, as_markdown=as_markdown)
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
            shard=shard,
            progress=progress,
        )
    show_result(
        result.to_json,
        lambda: verification_page(result, nodes),
        as_json=as_json,
        as_markdown=as_markdown,
    )
    verification.require_passed(result)
    require_reported(on_error, result.skipped)
