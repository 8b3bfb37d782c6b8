"""Options of the searches for frequencies, truncation and resolution."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegcompile.options.option import Option
from jpegcompile.options.running import FILES, IMAGES, LABELS, OUTPUT_NAME

if TYPE_CHECKING:
    from jpegcompile.frequency_plan import Masking

MAX_DROP: Option[float | None] = Option(
    "max_drop",
    None,
    "How many percentage points of top-1 accuracy may be lost.",
    kind="points",
    metavar="POINTS",
)
CACHE: Option[Path | None] = Option(
    "cache",
    None,
    "Folder of measurements. An interrupted search continues from them.",
    kind="path",
    metavar="DIR",
    default_text="a folder of the user's caches",
)
EXACT_MASKS: Option[bool] = Option(
    "has_exact_masks", False, "Whether masks stay exact, as with --truncate auto.", place="python"
)
SEARCHED_RELU: Option[Masking] = Option(
    "relu", "asm", "As for compile.", choices=("asm", "apx"), place="python"
)
SEARCH: tuple[Option[Any], ...] = (
    MAX_DROP,
    replace(
        IMAGES,
        help="Folder of JPEG files, with one folder for each class. One half of the files chooses,"
        " the other half verifies.",
    ),
    LABELS,
    OUTPUT_NAME,
    CACHE,
    *FILES,
)
