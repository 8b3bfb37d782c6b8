"""`to_onnx`: write a module that learned as ONNX models."""

from __future__ import annotations

import os
from typing import Any

import onnx
from torch import nn

from jpegcompile.learning.onnx.origin import OnnxSource
from jpegcompile.learning.onnx.write import write_onnx
from jpegcompile.learning.torch_export import write_torch_onnx


def to_onnx(
    module: nn.Module,
    path: str | os.PathLike[str] | None = None,
    *,
    compiled: str | os.PathLike[str] | None = None,
    size: int | tuple[int, ...] | None = None,
    **options: Any,
) -> onnx.ModelProto:
    """Write the ordinary, spatial ONNX model of a module, with the weights that it learned.

    For a module of `from_onnx` it is the model that the module comes from: only its weights change.
    A module of `from_torch`, or one composed of JPEG modules, is exported by PyTorch.

    Args:
        module: the module.
        path: file of the spatial model; None to return the model only.
        compiled: file of the JPEG-domain model; None to write none.
        size: size of images of a module composed of JPEG modules, as for `from_torch`. Other
            modules know it.
        options: options of `compile` for the JPEG-domain model, in place of those that the module
            was made with: `preprocess`, `target`, `input`, ...

    Returns:
        The spatial model, in evaluation form.

    Raises:
        UsageError: if the size is missing, or options do not fit the model.
        UnsupportedModelError: if PyTorch cannot export the module, or as for `compile`.
        AccessError: if a file cannot be written.
    """
    source = getattr(module, "source", None)
    if isinstance(source, OnnxSource):
        return write_onnx(module, source, path, compiled=compiled, **options)
    return write_torch_onnx(module, path, compiled=compiled, size=size, **options)
