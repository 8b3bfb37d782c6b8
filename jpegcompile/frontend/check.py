"""The checker of onnx on a source model, and what it says in one short line."""

from __future__ import annotations

import onnx
from google.protobuf.message import EncodeError
from onnx import checker

from jpegcompile.analysis.ceil_mode import may_be_inferred_wrongly
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.ir.complaints import complaint
from jpegcompile.weights.light import check_light


def check_model(model: onnx.ModelProto, source: str) -> None:
    """Check a model whose declarations are up to date.

    Raises:
        UnsupportedModelError: if it is not valid, or too large to be checked.
    """
    ir_version = min(max(model.ir_version, 4), 10)
    try:
        try:
            check_light(model, ir_version)
        except onnx.shape_inference.InferenceError:
            if not may_be_inferred_wrongly(model):
                raise
            check_light(model, ir_version, shapes=False)
    except EncodeError as error:
        raise UnsupportedModelError(
            f"{source}: holds 2 GB or more besides the large weights of its main graph, which"
            " protobuf cannot carry; export it with its weights as initializers"
        ) from error
    except (checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        # ValueError: of a type of elements that there is not.
        raise UnsupportedModelError(
            f"{source}: not a valid ONNX model: {complaint(error)}; export it again, or mend that"
        ) from error
