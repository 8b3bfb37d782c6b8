"""The verb `inspect`: which nodes are lowered, and which stay spatial and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jpegcompile.commands.inspect_page import inspection_page
from jpegcompile.commands.options import verb_command
from jpegcompile.commands.result_options import refuse_two_forms, show_result
from jpegcompile.inspection import inspect as inspect_model


@verb_command("inspect")
def inspect(model: Path, json: bool, markdown: bool, **options: Any) -> None:
    """Inspect the model and show the report."""
    refuse_two_forms(as_json=json, as_markdown=markdown)
    result = inspect_model(model, **options)
    show_result(
        result.to_json,
        lambda: inspection_page(result),
        as_json=json,
        as_markdown=markdown,
    )
