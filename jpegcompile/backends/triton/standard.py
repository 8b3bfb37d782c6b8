"""Operators of ONNX as expressions of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.backends.triton.standard_arithmetic import ARITHMETIC
from jpegcompile.backends.triton.standard_node import NotWrittenError, Standard, Writer
from jpegcompile.backends.triton.standard_shapes import SHAPES
from jpegcompile.backends.triton.standard_windows import WINDOWS

_WRITERS: Mapping[str, Writer] = {**ARITHMETIC, **SHAPES, **WINDOWS}


def expression(node: Standard) -> str:
    """The expression of a node; of several results, that of a tuple.

    Raises:
        NotWrittenError: if there is none.
    """
    writer = _WRITERS.get(node.op)
    if writer is None:
        raise NotWrittenError("no operator of PyTorch stands for it here")
    return writer(node)
