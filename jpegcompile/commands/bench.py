"""The verb `bench`: how long both pipelines take, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jpegcompile.commands.bench_page import benchmark_page
from jpegcompile.commands.console import progress_bar
from jpegcompile.commands.images import require_reported
from jpegcompile.commands.options import verb_command
from jpegcompile.commands.result_options import refuse_two_forms, show_result
from jpegcompile.evaluation.benchmark import run
from jpegcompile.jpeg.unusable import OnError


@verb_command("bench")
def bench(
    original: Path,
    compiled: Path,
    images: Path | None,
    on_error: OnError,
    json: bool,
    markdown: bool,
    **options: Any,
) -> None:
    """Time both models and show the result."""
    refuse_two_forms(as_json=json, as_markdown=markdown)
    with progress_bar("timing") as progress:
        result = run.bench(
            original, compiled, images, on_error=on_error, progress=progress, **options
        )
    show_result(
        result.to_json,
        lambda: benchmark_page(result),
        as_json=json,
        as_markdown=markdown,
    )
    require_reported(on_error, result.skipped)
