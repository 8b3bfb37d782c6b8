"""Unpack packed planes on the CPU with the native code.

`PackedPlane.unpack` is its reference in NumPy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile import _core
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.packed import PackedPlane
from jpegcompile.messages import Message


def unpack_planes(
    plane: PackedPlane,
    extents: NDArray[np.int64],
    *,
    first_block: int = 0,
    threads: int = 1,
    out: NDArray[np.int16] | None = None,
) -> NDArray[np.int16]:
    """Unpack planes of several sizes, padded with zeros to the largest.

    Args:
        plane: blocks of all planes, one plane after another.
        extents: block rows and columns of each plane to unpack, [planes, 2].
        first_block: block that the first of them begins with.
        threads: largest number of threads; the result does not depend on it.
        out: contiguous array [planes, rows, columns, 8, 8] for the result. Default: a new one.

    Raises:
        ImageError: if the packed bytes are damaged.
    """
    if out is None:
        rows, columns = extents.max(axis=0, initial=0)
        out = np.empty((len(extents), int(rows), int(columns), 8, 8), np.int16)
    bad = _core.unpack_planes(
        plane.stream,
        plane.lengths,
        plane.offsets,
        first_block,
        np.ascontiguousarray(extents, np.int64),
        out.reshape(*out.shape[:3], 64),
        threads,
    )
    if bad >= 0:
        raise ImageError(
            Message(
                "packed-block-damaged",
                f"block {first_block + bad} of the packed coefficients is damaged; read the images"
                " again",
            )
        )
    return out
