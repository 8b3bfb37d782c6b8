from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegcompile.preprocessing.geometry import Geometry, Placement

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

NativeFrame = tuple[int, int, tuple[tuple[int, int], ...], Literal["gray", "ycbcr", "rgb"], int]
PreprocessFailure: TypeAlias = tuple[
    int, Literal["image", "access", "memory", "frame"], str | NativeFrame
]
NativeAxis = tuple[int, int, int, int, bool, bool]

class Preprocessor:
    """Makes the input of one network of files; kernels/preprocess/plan.h explains the fields."""

    def __init__(
        self,
        geometry: Geometry,
        size: tuple[int, int],
        block: int,
        is_channels_last: bool,
        is_half: bool,
        mixing: list[list[float]],
        scale: list[float],
        shift: list[float],
        fill: list[float],
        integers: Literal["RGB", "BGR", "L"] | None,
        threads: int,
        tolerant: bool,
        checks_all: bool,
        max_pixels: int,
    ) -> None: ...
    def place(
        self, height: int, width: int, orientation: int
    ) -> tuple[NativeAxis, NativeAxis, bool] | None:
        """The fields of `Placement` but the filters; None where `Geometry.place` raises."""
    def run(
        self, sources: list[str | bytes | bytearray | memoryview], out: NDArray[Any]
    ) -> list[PreprocessFailure]:
        """Fill `out`, a batch of as many images; those of the failures are zero."""

def decode_integers(
    source: bytes, placement: Placement, color: Literal["RGB", "BGR", "L"], fill: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Pixels [channels, rows, columns] as `integer_decode.py` of jpegcompile/dct defines them.

    The fill is of each channel. Raises ValueError for a placement of an image of another size, or a
    filter that Pillow does not have, and RuntimeError for a file that cannot be read.
    """
