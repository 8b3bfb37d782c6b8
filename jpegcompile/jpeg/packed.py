"""Packed batches of quantized coefficients, for a smaller transfer to a GPU.

Most coefficients of a photograph are zero, and most others are small. Packing is lossless for all
int16 values. Each 8x8 block becomes a record of 3 to 232 bytes with these parts:

- DC: the first coefficient, two bytes, low byte first.
- ROWS: one byte. The coefficients in zigzag order (T.81, figure A.6) form eight rows of eight. Bit
  r is set if row r has a nonzero coefficient besides DC.
- MASKS: one byte per row with a set bit in ROWS. Bit i is set if coefficient i of the row is
  nonzero. DC has no bit.
- NIBBLES: four bits per nonzero coefficient, two per byte, low bits first: -8 to 7 in two's
  complement. A nonzero coefficient is never 0, so 0 means that the value is in BYTES.
- BYTES: one byte per value that does not fit into a nibble, -128 to 127; 0 means that the value is
  in WORDS.
- WORDS: two bytes per value that does not fit into a byte, low byte first.

`stream` contains the records one after another. `lengths[b]` is the length of record b.
`offsets[g]` is the start of the records of group g of 16 blocks. A program finds the records of a
group by a prefix sum of 16 lengths, without reading other records.

`docs/packed_batches.md` compares the size with other formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile import _core
from jpegcompile.errors import UsageError
from jpegcompile.interface import CHROMA, LUMA, QUANTIZATION
from jpegcompile.messages import Message

# Blocks per group; packing.h has the same number.
GROUP = 16
# Bytes of the longest record, with 63 values in WORDS.
LONGEST = 2 + 1 + 8 + 32 + 63 + 2 * 63
# Natural index of each coefficient in zigzag order.
ZIGZAG = np.array(
    sorted(range(64), key=lambda n: (n // 8 + n % 8, n // 8 if (n // 8 + n % 8) % 2 else n % 8))
)
# Offsets have 31 bits.
_MOST_BLOCKS = (2**31 - 1) // LONGEST


@dataclass(frozen=True, eq=False)
class PackedPlane:
    """The packed coefficients of a plane; the module docstring defines the format.

    Attributes:
        shape: shape of the coefficients, [N, components, rows, columns, 8, 8].
        stream: uint8; records of all blocks.
        lengths: uint8; length of each record. Zeros fill the last group up to 16 blocks.
        offsets: int32; start of the records of each group in `stream`.
    """

    shape: tuple[int, ...]
    stream: NDArray[np.uint8]
    lengths: NDArray[np.uint8]
    offsets: NDArray[np.int32]

    @property
    def blocks(self) -> int:
        """Number of 8x8 blocks."""
        return int(np.prod(self.shape[:-2]))

    @property
    def nbytes(self) -> int:
        """Size of all arrays in bytes."""
        return self.stream.nbytes + self.lengths.nbytes + self.offsets.nbytes

    def unpack(self) -> NDArray[np.int16]:
        """Return the coefficients; the NumPy reference of the GPU kernels."""
        made = unpack_blocks(self.stream, self.lengths, self.offsets, self.blocks)
        return made.reshape(self.shape)


@dataclass(frozen=True, eq=False)
class PackedBatch:
    """The inputs of a model for coefficients, with packed planes.

    Attributes:
        planes: packed planes by name: "luma" and, for color files, "chroma".
        quantization: quantization tables, uint16 [N, components, 8, 8].
    """

    planes: dict[str, PackedPlane]
    quantization: NDArray[np.uint16]

    @property
    def nbytes(self) -> int:
        """Size of all arrays in bytes."""
        return sum(plane.nbytes for plane in self.planes.values()) + self.quantization.nbytes

    @classmethod
    def of(cls, feeds: dict[str, NDArray[np.generic]], threads: int = 1) -> PackedBatch:
        """Pack the result of `coefficient_feeds`.

        Args:
            feeds: "luma", "quantization" and, for color files, "chroma".
            threads: as for `pack`.

        Raises:
            UsageError: as `pack`.
        """
        planes = {name: pack(feeds[name], threads) for name in (LUMA, CHROMA) if name in feeds}
        return cls(planes, feeds[QUANTIZATION].astype(np.uint16, copy=False))

    def unpack(self) -> dict[str, NDArray[np.generic]]:
        """Return the feeds that were packed."""
        planes = {name: plane.unpack() for name, plane in self.planes.items()}
        return {**planes, QUANTIZATION: self.quantization}


def pack(coefficients: NDArray[np.generic], threads: int = 1) -> PackedPlane:
    """Pack the coefficients of a plane.

    Args:
        coefficients: int16 [..., 8, 8] in natural order.
        threads: largest number of threads. Each packs at least 1024 blocks. The result does not
            depend on this number.

    Raises:
        UsageError: if the array has another type or shape, offsets would exceed 31 bits, or
            `threads` is less than 1.
    """
    if threads < 1:
        raise UsageError(
            Message("pack-threads-not-positive", f"threads is {threads}; give 1 or more")
        )
    if coefficients.dtype != np.int16 or coefficients.shape[-2:] != (8, 8):
        raise UsageError(
            Message(
                "pack-array-mismatch",
                f"coefficients are {coefficients.dtype} {list(coefficients.shape)}; give int16"
                " [..., 8, 8]",
            )
        )
    count = coefficients.size // 64
    if count > _MOST_BLOCKS:
        raise UsageError(
            Message(
                "pack-too-many-blocks",
                f"{count} blocks are more than the {_MOST_BLOCKS} that can be packed together;"
                " give fewer images",
            )
        )
    blocks = np.ascontiguousarray(coefficients).reshape(count, 64)
    return PackedPlane(coefficients.shape, *_core.pack_blocks(blocks, threads))


def unpack_blocks(
    stream: NDArray[np.uint8], lengths: NDArray[np.uint8], offsets: NDArray[np.int32], blocks: int
) -> NDArray[np.int16]:
    """Unpack blocks.

    Args:
        stream: as in `PackedPlane`.
        lengths: as in `PackedPlane`.
        offsets: as in `PackedPlane`.
        blocks: number of blocks.

    Returns:
        The coefficients, int16 [blocks, 8, 8].
    """
    sizes = lengths.reshape(-1, GROUP).astype(np.int64)
    at = (offsets[:, None] + _before(sizes)).reshape(-1)[:blocks]
    # The code below also reads after the last record; padding keeps that within the array.
    padded = np.concatenate([stream, np.zeros(LONGEST, np.uint8)])
    words = padded[:-1] | padded[1:].astype(np.uint16) << 8
    made = np.zeros((blocks, 64), np.int64)
    made[:, 0] = words[at].view(np.int16)
    rows = padded[at + 2][:, None] >> np.arange(8) & 1
    at = at + 3
    masks = np.where(rows, padded[at[:, None] + _before(rows)], 0)
    present = (masks[:, :, None] >> np.arange(8) & 1).reshape(blocks, 64).astype(bool)
    at = at + rows.sum(1)
    place = _before(present)
    nibbles = padded[at[:, None] + place // 2] >> (place % 2 * 4).astype(np.uint8) & 15
    at = at + (present.sum(1) + 1) // 2
    in_bytes = present & (nibbles == 0)
    values = (nibbles.astype(np.int64) ^ 8) - 8
    places = at[:, None] + _before(in_bytes)
    values[in_bytes] = padded[places[in_bytes]].view(np.int8)
    at = at + in_bytes.sum(1)
    in_words = in_bytes & (values == 0)
    places = at[:, None] + 2 * _before(in_words)
    values[in_words] = words[places[in_words]].view(np.int16)
    made[present] = values[present]
    natural = np.empty((blocks, 64), np.int16)
    natural[:, ZIGZAG] = made
    return natural.reshape(blocks, 8, 8)


def _before(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Return the exclusive prefix sum of each row."""
    sums: NDArray[np.int64] = np.cumsum(counts, axis=1, dtype=np.int64) - counts
    return sums
