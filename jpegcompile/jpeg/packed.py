"""Batches of quantised coefficients in which zeros take no memory: what hosts send to GPUs.

Most coefficients of a photograph are zero, and most others are small. Each 8x8 block becomes a
record of 3 to 232 bytes. Packing loses nothing, whatever the int16 values are. A record has, in
this order:

- DC: the first coefficient, two bytes, low byte first.
- ROWS: a byte. Coefficients are taken in zigzag order (T.81, figure A.6), eight to a row; bit r is
  set if row r has a nonzero coefficient besides DC.
- MASKS: a byte for each such row; bit i is set if its coefficient i is nonzero. DC has no bit.
- NIBBLES: four bits for each nonzero coefficient, two to a byte, low bits first: -8 to 7 in two's
  complement. No such coefficient is 0, so 0 says that the value is in BYTES.
- BYTES: a byte for each value that no nibble holds, -128 to 127; 0 says that it is in WORDS.
- WORDS: two bytes for each value that no byte holds, low byte first.

Records follow one another in `stream`. The byte `lengths[b]` is the length of record b, and
`offsets[g]` is where the records of group g of 16 blocks begin. So a program finds the records of a
group by a prefix sum of 16 lengths, and reads no other.

`docs/packed_batches.md` compares the size with those of other formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile import _core
from jpegcompile.errors import UsageError
from jpegcompile.interface import CHROMA, LUMA, QUANTIZATION

# Blocks of a group; packing.h has the same number.
GROUP = 16
# Bytes of the longest record: 63 values that no byte holds.
LONGEST = 2 + 1 + 8 + 32 + 63 + 2 * 63
# Natural index of each coefficient in zigzag order.
ZIGZAG = np.array(
    sorted(range(64), key=lambda n: (n // 8 + n % 8, n // 8 if (n // 8 + n % 8) % 2 else n % 8))
)
# Offsets have 31 bits.
_MOST_BLOCKS = (2**31 - 1) // LONGEST


@dataclass(frozen=True, eq=False)
class PackedPlane:
    """The coefficients of a plane, as the module's text says.

    Attributes:
        shape: of the coefficients, [N, components, rows, columns, 8, 8].
        stream: uint8, the records of all blocks.
        lengths: uint8, of the record of each block; zeros fill the last group up to 16 blocks.
        offsets: int32, where the records of each group begin in `stream`.
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
        """Bytes of all arrays."""
        return self.stream.nbytes + self.lengths.nbytes + self.offsets.nbytes

    def unpack(self) -> NDArray[np.int16]:
        """The coefficients, by NumPy: the reference of the kernels that unpack."""
        made = unpack_blocks(self.stream, self.lengths, self.offsets, self.blocks)
        return made.reshape(self.shape)


@dataclass(frozen=True, eq=False)
class PackedBatch:
    """The inputs of a model for coefficients, with packed planes.

    Attributes:
        planes: "luma" and, of files with colour, "chroma".
        quantization: uint16 [N, components, 8, 8].
    """

    planes: dict[str, PackedPlane]
    quantization: NDArray[np.uint16]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(plane.nbytes for plane in self.planes.values()) + self.quantization.nbytes

    @classmethod
    def of(cls, feeds: dict[str, NDArray[np.generic]], threads: int = 1) -> PackedBatch:
        """The packed form of what `coefficient_feeds` gives; `threads` is as for `pack`."""
        planes = {name: pack(feeds[name], threads) for name in (LUMA, CHROMA) if name in feeds}
        return cls(planes, feeds[QUANTIZATION].astype(np.uint16, copy=False))

    def unpack(self) -> dict[str, NDArray[np.generic]]:
        """What `of` was given."""
        planes = {name: plane.unpack() for name, plane in self.planes.items()}
        return {**planes, QUANTIZATION: self.quantization}


def pack(coefficients: NDArray[np.generic], threads: int = 1) -> PackedPlane:
    """Pack the coefficients of a plane.

    Args:
        coefficients: int16 [..., 8, 8] in natural order, of any values.
        threads: how many share the work, at most; each takes 1024 blocks or more. The result is the
            same with any number.

    Raises:
        UsageError: if it is another array, offsets would exceed 31 bits, or there are no threads.
    """
    if threads < 1:
        raise UsageError(f"threads is {threads}; give 1 or more")
    if coefficients.dtype != np.int16 or coefficients.shape[-2:] != (8, 8):
        raise UsageError(
            f"coefficients are {coefficients.dtype} {list(coefficients.shape)}; give int16"
            " [..., 8, 8]"
        )
    count = coefficients.size // 64
    if count > _MOST_BLOCKS:
        raise UsageError(
            f"{count} blocks cannot be packed at once, at most {_MOST_BLOCKS}; give fewer images"
        )
    blocks = np.ascontiguousarray(coefficients).reshape(count, 64)
    return PackedPlane(coefficients.shape, *_core.pack_blocks(blocks, threads))


def unpack_blocks(
    stream: NDArray[np.uint8], lengths: NDArray[np.uint8], offsets: NDArray[np.int32], blocks: int
) -> NDArray[np.int16]:
    """The coefficients int16 [blocks, 8, 8] of packed blocks.

    Args:
        stream: as in `PackedPlane`.
        lengths: likewise.
        offsets: likewise.
        blocks: how many there are.
    """
    sizes = lengths.reshape(-1, GROUP).astype(np.int64)
    at = (offsets[:, None] + _before(sizes)).reshape(-1)[:blocks]
    # Reading where nothing is must stay within the array.
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
    """The sum of all earlier counts of a row."""
    sums: NDArray[np.int64] = np.cumsum(counts, axis=1, dtype=np.int64) - counts
    return sums
