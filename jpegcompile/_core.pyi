from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegcompile.jpeg.failures import FailureKind
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
NativeFailure = tuple[int, FailureKind, str]

def read_coefficients_many(
    sources: list[str | bytes | bytearray | memoryview],
    threads: int,
    tolerant: bool,
    max_pixels: int,
) -> list[NativeImage] | NativeFailure: ...
def pack_blocks(
    coefficients: NDArray[np.int16], threads: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32]]:
    """Pack contiguous [blocks, 64]; return `stream`, `lengths`, `offsets` of `PackedPlane`."""

NativeFrame = tuple[int, int, tuple[tuple[int, int], ...], Literal["gray", "ycbcr", "rgb"], int]
PreprocessFailure: TypeAlias = NativeFailure | tuple[int, Literal["frame"], NativeFrame]
NativeAxis = tuple[int, int, int, int, bool, bool]

class Preprocessor:
    """Turns files into the input of one network; kernels/preprocess/plan.h explains the fields."""

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
        """Fields of `Placement` without the filters; None where `Geometry.place` raises."""
    def run(
        self,
        sources: list[str | bytes | bytearray | memoryview],
        out: NDArray[Any],
        place: Callable[[int, NativeFrame], Placement | None] | None = None,
    ) -> list[PreprocessFailure]:
        """Fill `out`, one row per image; rows of images that fail are zero.

        Threads call `place`, if it is given, with index and frame of an image. It returns the
        placement of the image, or None to refuse the frame. Its exceptions fail the whole batch.
        """

def decode_integers(
    source: bytes, placement: Placement, color: Literal["RGB", "BGR", "L"], fill: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Return the pixels [channels, rows, columns] that jpegcompile/dct/integer_decode.py defines.

    `fill` has one value per channel. Raises ValueError if the placement is for an image of another
    size or Pillow has no such filter, and RuntimeError if the file cannot be read.
    """
