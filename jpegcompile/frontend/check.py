"""Run the onnx checker on a source model."""

from __future__ import annotations

import onnx
from google.protobuf.message import EncodeError
from onnx import checker

from jpegcompile.analysis.ceil_mode import may_be_inferred_wrongly
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.ir.complaints import complaint
from jpegcompile.messages import Message
from jpegcompile.weights.light import check_light


def check_model(model: onnx.ModelProto, source: str) -> None:
    """Check a model whose declarations are up to date.

    Args:
        model: the model.
        source: name of the model in messages.

    Raises:
        UnsupportedModelError: if the model is not valid, or too large for the checker.
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
            Message(
                "model-too-large-to-check",
                f"{source}: has 2 GB or more in addition to the large weights of its main graph,"
                " which protobuf cannot serialize; export it with its weights as initializers",
            )
        ) from error
    except (checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        # An unknown element type raises ValueError.
        raise UnsupportedModelError(
            Message(
                "model-invalid",
                f"{source}: not a valid ONNX model: {complaint(error)}; fix this or export the"
                " model again",
            )
        ) from error
