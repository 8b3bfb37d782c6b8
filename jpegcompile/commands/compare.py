"""The verb `compare`: accuracy before and after, and the predictions that changed."""

from __future__ import annotations

from pathlib import Path

import click

from jpegcompile.commands.compare_page import comparison_page
from jpegcompile.commands.console import progress_bar
from jpegcompile.commands.images import (
    error_options,
    fallback_option,
    require_reported,
    warn,
)
from jpegcompile.commands.options import (
    FROM_0,
    NOT_NEGATIVE,
    json_option,
    labelled_options,
    portable_option,
    provider_option,
)
from jpegcompile.commands.result_options import (
    markdown_option,
    refuse_two_forms,
    shard_option,
    show_result,
)
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import compare as comparison
from jpegcompile.evaluation.compare import NO_LABELS
from jpegcompile.evaluation.dataset import has_no_folders
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.results.merging import Shard
from jpegcompile.runtime.providers import Choice


@click.command()
@click.argument("original", type=click.Path(path_type=Path))
@click.argument("compiled", type=click.Path(path_type=Path))
@labelled_options(required=True)
@click.option(
    "--max-drop",
    type=NOT_NEGATIVE,
    metavar="POINTS",
    help="Fail (exit 1) if top-1 drops by more percentage points.",
)
@click.option(
    "--unlabelled",
    is_flag=True,
    help="Files have no labels, whatever folders they are in: compare predictions only.",
)
@click.option("--changes", type=FROM_0, default=10, show_default=True, help="Changes to list.")
@error_options
@fallback_option
@portable_option
@provider_option
@shard_option
@json_option
@markdown_option
def compare(
    original: Path,
    compiled: Path,
    images: Path,
    labels: Path | None,
    output_name: str | None,
    max_drop: float | None,
    unlabelled: bool,
    changes: int,
    on_error: OnError,
    tolerant: bool,
    fallback: Fallback,
    portable: bool,
    provider: Choice,
    shard: Shard | None,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Compare accuracy before (Pillow, ORIGINAL) and after (coefficients, COMPILED)."""
    if max_drop is not None and (
        unlabelled or (labels is None and has_no_folders(images, fallback))
    ):
        raise UsageError(NO_LABELS)
    refuse_two_forms(as_json=as_json, as_markdown=as_markdown)
    with progress_bar("comparing") as progress:
        result = comparison.compare(
            original,
            compiled,
            images,
            labels=labels,
            output=output_name,
            unlabelled=unlabelled,
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
        lambda: comparison_page(result, changes),
        as_json=as_json,
        as_markdown=as_markdown,
    )
    warn(result.warning)
    if max_drop is not None:
        comparison.require_drop(result, max_drop)
    require_reported(on_error, result.skipped)
