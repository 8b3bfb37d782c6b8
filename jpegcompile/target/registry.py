"""All targets by name."""

from __future__ import annotations

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.target.base import Target
from jpegcompile.target.onnx import ONNX
from jpegcompile.target.ort import ORT
from jpegcompile.target.triton import TRITON

TARGETS: dict[str, Target] = {target.name: target for target in (ORT, ONNX, TRITON)}


def target_of(name: str) -> Target:
    """Return a target by its name.

    Raises:
        UsageError: if there is no target of that name.
    """
    if name not in TARGETS:
        raise UsageError(
            Message("target-unknown", f"--target is '{name}'; use {' or '.join(TARGETS)}")
        )
    return TARGETS[name]
