"""`to_onnx`: write a module that learned as ONNX models."""

from __future__ import annotations

import os
from typing import Any

import onnx
from torch import nn

from jpegcompile.errors import UsageError
from jpegcompile.learning.onnx.origin import OnnxSource
from jpegcompile.learning.onnx.write import write_onnx
from jpegcompile.messages import Message


def to_onnx(
    module: nn.Module,
    path: str | os.PathLike[str] | None = None,
    *,
    compiled: str | os.PathLike[str] | None = None,
    **options: Any,
) -> onnx.ModelProto:
    """Write the ordinary, spatial ONNX model of a module, with the weights that it learned.

    For a module of `from_onnx` it is the model that the module comes from: only its weights change.

    Args:
        module: the module.
        path: file of the spatial model; None to return the model only.
        compiled: file of the JPEG-domain model; None to write none.
        options: options of `compile` for the JPEG-domain model, in place of those that the module
            was made with: `preprocess`, `target`, `input`, ...

    Returns:
        The spatial model.

    Raises:
        UsageError: if the module does not come from `from_onnx`, or options do not fit the model.
        UnsupportedModelError: as for `compile`.
        AccessError: if a file cannot be written.
    """
    source = getattr(module, "source", None)
    if isinstance(source, OnnxSource):
        return write_onnx(module, source, path, compiled=compiled, **options)
    raise UsageError(
        Message(
            "learning-source-unknown",
            f"a {type(module).__name__} has no `source` from which an ONNX model could be written;"
            " give a module of from_onnx",
        )
    )
