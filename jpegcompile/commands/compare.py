"""The verb `compare`: accuracy before and after, and the predictions that changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jpegcompile.commands.compare_page import comparison_page
from jpegcompile.commands.console import progress_bar
from jpegcompile.commands.images import require_reported, warn
from jpegcompile.commands.options import verb_command
from jpegcompile.commands.result_options import refuse_two_forms, show_result
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import compare as comparison
from jpegcompile.evaluation.compare import NO_LABELS
from jpegcompile.evaluation.dataset import has_no_folders
from jpegcompile.jpeg.unusable import OnError


@verb_command("compare")
def compare(
    original: Path,
    compiled: Path,
    images: Path,
    max_drop: float | None,
    changes: int,
    on_error: OnError,
    json: bool,
    markdown: bool,
    **options: Any,
) -> None:
    """Compare, show the result and fail if accuracy drops too far."""
    if max_drop is not None and (
        options["unlabelled"]
        or (options["labels"] is None and has_no_folders(images, options["fallback"]))
    ):
        raise UsageError(NO_LABELS)
    refuse_two_forms(as_json=json, as_markdown=markdown)
    with progress_bar("comparing") as progress:
        result = comparison.compare(
            original, compiled, images, on_error=on_error, progress=progress, **options
        )
    show_result(
        result.to_json,
        lambda: comparison_page(result, changes),
        as_json=json,
        as_markdown=markdown,
    )
    warn(result.warning)
    if max_drop is not None:
        comparison.require_drop(result, max_drop)
    require_reported(on_error, result.skipped)
