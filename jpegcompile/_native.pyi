from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jpegcompile.preprocessing.geometry import Placement

NativeImage = tuple[
    tuple[NDArray[np.int16], ...],
    NDArray[np.uint16],
    tuple[tuple[int, int], ...],
    int,
    int,
    Literal["gray", "ycbcr", "rgb"],
    bool,
]
NativeFailure = tuple[int, Literal["image", "access", "memory"], str]

def read_coefficients_many(
    sources: list[str | bytes | bytearray | memoryview],
    threads: int,
    tolerant: bool,
    max_pixels: int,
) -> list[NativeImage] | NativeFailure: ...
def pack_blocks(
    coefficients: NDArray[np.int16], threads: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32]]:
    """Pack contiguous [blocks, 64]; gives `stream`, `lengths`, `offsets` of `PackedPlane`."""

def decode_integers(
    source: bytes, placement: Placement, color: Literal["RGB", "BGR", "L"], fill: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Pixels [channels, rows, columns] as `integer_decode.py` of jpegcompile/dct defines them.

    The fill is of each channel. Raises ValueError for a placement of an image of another size, or a
    filter that Pillow does not have, and RuntimeError for a file that cannot be read.
    """
