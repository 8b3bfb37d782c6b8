"""Options of verbs that compile, check and measure GPU kernels: tune, gpu-check and gpu-kernels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jpegcompile.options.option import Option
from jpegcompile.options.running import MOST_IMAGES

TUNED_BATCH: Option[int | None] = Option(
    "batch",
    None,
    "Batch size to measure with.",
    kind="integer",
    most=MOST_IMAGES,
    metavar="N",
    default_text="32, or the fixed batch size",
)
AGAIN: Option[bool] = Option(
    "again", False, "Repeat measurements that exist for this GPU.", kind="flag"
)
CHECKED_MODEL: Option[Path | None] = Option(
    "model", None, "Also check this ONNX model.", kind="path", metavar="FILE"
)
CHECKED_BATCH: Option[int] = Option(
    "batch",
    32,
    "Batch size of the time measurements.",
    kind="integer",
    most=MOST_IMAGES,
    metavar="N",
)
GPUS: Option[Sequence[str]] = Option(
    "gpus",
    ("sm_80", "sm_90", "sm_100"),
    "GPU architectures to compile for.",
    kind="names",
    metavar="ARCH,...",
    earlier={"--gpu": "--gpus"},
)
KERNEL_FILE: Option[Path | None] = Option(
    "output",
    None,
    "File to write.",
    kind="path",
    short="-o",
    default_text="one file for each architecture, where every compiled model finds it",
)
