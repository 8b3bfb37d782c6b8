"""The verb `verify`: errors of a compiled model at its outputs and lowered nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jpegcompile.commands.console import progress_bar
from jpegcompile.commands.images import require_reported
from jpegcompile.commands.options import first_given, verb_command
from jpegcompile.commands.result_options import refuse_two_forms, show_result
from jpegcompile.commands.verify_page import verification_page
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import verify as verification
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
    markdown: bool,
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
    refuse_two_forms(as_json=json, as_markdown=markdown)
    with progress_bar("verifying") as progress:
        result = verification.verify(
            original, compiled, images, on_error=on_error, progress=progress, **options
        )
    show_result(
        result.to_json,
        lambda: verification_page(result, nodes),
        as_json=json,
        as_markdown=markdown,
    )
    verification.require_passed(result)
    require_reported(on_error, result.skipped)
