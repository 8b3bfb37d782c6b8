"""The ordinary spatial model of a compiled model, in standard ONNX operators."""

from __future__ import annotations

import os

import onnx
from onnx.external_data_helper import load_external_data_for_model

from jpegcompile.frontend.check import check_model
from jpegcompile.frontend.declarations import infer_declarations
from jpegcompile.frontend.load import load_standard


def to_spatial(model: str | os.PathLike[str] | onnx.ModelProto) -> onnx.ModelProto:
    """Return the spatial model of a compiled model, or of any model with jpegcompile operators.

    The weights are those of the compiled model. Its input is the image input of the original model,
    after the preprocessing of the compiled model. Nonlinearities are exact: a spatial model has no
    masks and no truncation. docs/recompiling.md has the details.

    Args:
        model: path of an ONNX model, or the model. A model without jpegcompile operators is
            returned unchanged in meaning.

    Returns:
        The model, with all weights in memory.

    Raises:
        AccessError: if a file cannot be read.
        UnsupportedModelError: if an operator has no spatial form. The message names the node.
    """
    source = load_standard(model)
    result = source.model
    infer_declarations(result, source.name)
    check_model(result, source.name)
    if source.folder is not None:
        load_external_data_for_model(result, str(source.folder))
    return result
