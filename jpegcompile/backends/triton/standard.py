"""Write standard ONNX nodes as PyTorch expressions."""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.backends.triton.standard_arithmetic import ARITHMETIC
from jpegcompile.backends.triton.standard_node import NotWrittenError, Standard, Writer
from jpegcompile.backends.triton.standard_shapes import SHAPES
from jpegcompile.backends.triton.standard_windows import WINDOWS
from jpegcompile.messages import Message

_WRITERS: Mapping[str, Writer] = {**ARITHMETIC, **SHAPES, **WINDOWS}


def expression(node: Standard) -> str:
    """Return the expression of a node; for several outputs, a tuple expression.

    Raises:
        NotWrittenError: if the node has no expression.
    """
    writer = _WRITERS.get(node.op)
    if writer is None:
        raise NotWrittenError(
            Message("torch-operator-unknown", "it has no equivalent operator of PyTorch")
        )
    return writer(node)
