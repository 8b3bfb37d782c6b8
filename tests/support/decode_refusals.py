"""Frames of few blocks, and the errors of the reader for files that it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
from support.codes import refused
from support.jpeg_writer import Frame

from jpegcompile.errors import ImageError
from jpegcompile.jpeg.read import read_coefficients


def flat_frame(width: int = 24, height: int = 16, **options: Any) -> Frame:
    """A gray frame with a different DC in every block."""
    rows, columns = -(-height // 8), -(-width // 8)
    plane = np.zeros((rows, columns, 8, 8), np.int16)
    plane[:, :, 0, 0] = np.arange(rows * columns).reshape(rows, columns) % 1000 + 1
    table = np.full((1, 8, 8), 3, np.uint16)
    return Frame(width, height, [plane], [(1, 1)], table, **options)


def refusal(source: Any, code: str = "jpeg-damaged", **options: Any) -> str:
    """The message of the error, which has the given code and is one line."""
    with refused(code, ImageError) as caught:
        read_coefficients(source, **options)
    return str(caught.value)


def color_frame(**options: Any) -> Frame:
    """Three components, each with the blocks of `flat_frame`."""
    gray = flat_frame()
    tables = np.repeat(gray.quantization, 3, axis=0)
    return Frame(24, 16, list(gray.planes) * 3, [(1, 1)] * 3, tables, **options)
