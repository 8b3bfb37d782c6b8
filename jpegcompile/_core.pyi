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

Buffer: TypeAlias = bytes | bytearray | memoryview
# A path, a JPEG file, or a packed image with its quantization tables.
NativeSource: TypeAlias = str | Buffer | tuple[Buffer, Buffer]
# Arrays `stream`, `lengths` and `offsets` of `PackedPlane`.
NativePlane: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32]]
# The same of many images, and the block rows and columns of each.
JoinedPlane: TypeAlias = tuple[*NativePlane, NDArray[np.int64]]

def read_coefficients_many(
    sources: list[NativeSource],
    threads: int,
    tolerant: bool,
    max_pixels: int,
) -> list[NativeImage] | NativeFailure: ...
def pack_blocks(coefficients: NDArray[np.int16], threads: int) -> NativePlane:
    """Pack contiguous [blocks, 64]; return `stream`, `lengths`, `offsets` of `PackedPlane`."""

def unpack_planes(
    stream: NDArray[np.uint8],
    lengths: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    first_block: int,
    extents: NDArray[np.int64],
    out: NDArray[np.int16],
    threads: int,
) -> int:
    """Fill `out` [planes, rows, columns, 64]; return the first invalid block, or -1."""

def pack_images(
    sources: list[NativeSource], threads: int, tolerant: bool, max_pixels: int
) -> list[tuple[bytes, bytes] | tuple[FailureKind, str]]:
    """Return record and tables of each source, or kind and cause of its failure."""

def check_packed(
    sources: list[tuple[Buffer, Buffer]], max_pixels: int
) -> list[tuple[int, FailureKind, str]]:
    """Return index, kind and cause of each image that is damaged or has too many pixels."""

def join_packed(
    sources: list[tuple[Buffer, Buffer]], windows: NDArray[np.int64] | None
) -> tuple[JoinedPlane, JoinedPlane, NDArray[np.uint16]] | tuple[int, str]:
    """Return luma, chroma and tables of all images, or the first damaged one and its cause.

    `windows` [images, 2, 4] are first and last block row, first and last block column, of luma and
    chroma.
    """

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
        sources: list[NativeSource],
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

def run_tiles(
    step: Literal["forward", "inverse", "project", "relu", "masked"],
    source: int,
    target: int,
    mask: int,
    shape: tuple[int, int, int, int],
    is_channels_last: bool,
    block: int,
    frequencies: int,
    slope: float,
    threads: int,
    team: int,
) -> None:
    """Transform or mask dense float32 maps [N, C, H, W]; kernels/learning/tiles.h explains it.

    Args:
        step: what to do.
        source: address of the maps.
        target: address of the result.
        mask: address of a byte for each element, which "relu" writes and "masked" reads; else 0.
        shape: N, C, H, W.
        is_channels_last: memory layout of all three.
        block: block size, which divides H and W.
        frequencies: the band, 1 to 2 * block - 1.
        slope: factor of masked pixels.
        threads: largest number of threads.
        team: address of `GOMP_parallel`, whose threads do the work; 0 for own threads.
    """
