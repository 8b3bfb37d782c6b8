"""The verb `finetune`: learn the weights of a model on JPEG files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegcompile.commands.console import progress_bar
from jpegcompile.commands.finetune_page import epoch_line, finetuning_page
from jpegcompile.commands.images import require_reported
from jpegcompile.commands.options import verb_command
from jpegcompile.commands.result_options import refuse_two_forms, show_result

if TYPE_CHECKING:
    from jpegcompile.results.finetuning import EpochResult


@verb_command("finetune")
def finetune(model: Path, images: Path, json: bool, markdown: bool, **options: Any) -> None:
    """Learn, write the model and show the result, in the first of several processes."""
    refuse_two_forms(as_json=json, as_markdown=markdown)
    # Needs torch, which the help does not.
    from jpegcompile.learning.training.finetune import finetune as learn

    is_first = os.environ.get("RANK", "0") == "0"

    def show_epoch(epoch: EpochResult) -> None:
        if is_first and sys.stderr.isatty():
            print(epoch_line(epoch, options["epochs"]), file=sys.stderr)

    with progress_bar("learning", is_wanted=is_first) as progress:
        result = learn(model, images, progress=progress, on_epoch=show_epoch, **options)
    if is_first:
        show_result(
            result.to_json,
            lambda: finetuning_page(result),
            as_json=json,
            as_markdown=markdown,
        )
    require_reported(options["on_error"], result.skipped)
