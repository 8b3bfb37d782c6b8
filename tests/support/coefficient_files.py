"""JPEG files of given sampling factors, with random coefficients of photograph-like size."""

from __future__ import annotations

from typing import Any

import numpy as np
from support.jpeg_writer import Frame, write_jpeg

from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import ceil_div
from jpegcompile.jpeg.read import read_coefficients

Sampling = tuple[tuple[int, int], ...]

# What ordinary encoders write, and what they do not.
SAMPLINGS: dict[str, Sampling] = {
    "4:4:4": ((1, 1), (1, 1), (1, 1)),
    "4:2:2": ((2, 1), (1, 1), (1, 1)),
    "4:4:0": ((1, 2), (1, 1), (1, 1)),
    "4:2:0": ((2, 2), (1, 1), (1, 1)),
    "4:1:1": ((4, 1), (1, 1), (1, 1)),
    "4:1:0": ((4, 2), (1, 1), (1, 1)),
    "3x1": ((3, 1), (1, 1), (1, 1)),
    "luma subsampled": ((1, 1), (2, 2), (2, 2)),
    "luma narrow": ((1, 2), (2, 2), (2, 2)),
    "crossed": ((2, 1), (1, 2), (1, 2)),
    "4:4:4 by 2x2": ((2, 2), (2, 2), (2, 2)),
    "gray": ((1, 1),),
    "gray by 2x2": ((2, 2),),
}


def random_file(sampling: Sampling, width: int, height: int, **options: Any) -> bytes:
    """A file whose samples lie around 128, some outside of 0..255; `options` are of `Frame`."""
    generator = np.random.default_rng((width, height, len(sampling)))
    most = [max(factors[axis] for factors in sampling) for axis in (0, 1)]
    rows, columns = np.mgrid[:8, :8]
    tables = generator.integers(3, 8, (len(sampling), 8, 8)) + 3 * (rows + columns)
    planes = []
    for index, (horizontal, vertical) in enumerate(sampling):
        blocks = (
            ceil_div(ceil_div(height * vertical, most[1]), 8),
            ceil_div(ceil_div(width * horizontal, most[0]), 8),
        )
        spread = 250.0 / (1.0 + rows + columns) ** 1.5
        values = generator.normal(0, spread, (*blocks, 8, 8)) / tables[index]
        planes.append(values.round().astype(np.int16))
    frame = Frame(width, height, planes, sampling, tables.astype(np.uint16), **options)
    return write_jpeg(frame)


def random_coefficients(
    sampling: Sampling, width: int, height: int, **options: Any
) -> Coefficients:
    """The coefficients of `random_file`."""
    return read_coefficients(random_file(sampling, width, height, **options))
