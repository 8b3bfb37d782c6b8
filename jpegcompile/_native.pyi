from typing import Literal

import numpy as np
from numpy.typing import NDArray

NativeImage = tuple[
    tuple[NDArray[np.int16], ...],
    NDArray[np.uint16],
    tuple[tuple[int, int], ...],
    int,
    int,
    Literal["gray", "ycbcr", "rgb"],
    bool,
    int,
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
