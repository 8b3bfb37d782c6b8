"""Version of the standard operator set of a model."""

from __future__ import annotations

from collections.abc import Iterable

import onnx

# ONNX allows both spellings of the standard operator domain.
_STANDARD = ("", "ai.onnx")


def standard_opset(imports: Iterable[onnx.OperatorSetIdProto]) -> int:
    """Return the version of the standard operators.

    Args:
        imports: `opset_import` of a model or function.

    Returns:
        The version, or 0 if the standard operators are not imported.
    """
    return next((entry.version for entry in imports if entry.domain in _STANDARD), 0)
