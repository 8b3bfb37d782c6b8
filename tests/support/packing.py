"""Blocks packed by NumPy, written from the text of `jpegcompile/jpeg/packed.py` alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from support.jpeg_writer import ZIGZAG

from jpegcompile.jpeg.packed import GROUP, PackedPlane


def packed_by_numpy(coefficients: NDArray[np.int16]) -> PackedPlane:
    """What `pack` is to give for coefficients [..., 8, 8]."""
    values = coefficients.reshape(-1, 64)[:, ZIGZAG]
    blocks = len(values)
    nonzero = values != 0
    nonzero[:, 0] = False
    masks = np.packbits(nonzero.reshape(blocks, 8, 8), axis=2, bitorder="little")[:, :, 0]
    rows = masks != 0
    in_bytes = nonzero & ((values < -8) | (values > 7))
    in_words = nonzero & ((values < -128) | (values > 127))
    counts = [part.sum(1) for part in (rows, nonzero, in_bytes, in_words)]
    sections = [np.full(blocks, 3), counts[0], (counts[1] + 1) // 2, counts[2], 2 * counts[3]]
    lengths = np.sum(sections, axis=0)
    at = np.cumsum(lengths) - lengths
    stream = np.zeros(int(lengths.sum()), np.uint8)
    dc = values[:, 0].astype(np.uint16)
    stream[at], stream[at + 1] = dc & 255, dc >> 8
    stream[at + 2] = np.packbits(rows, axis=1, bitorder="little")[:, 0]
    at = at + 3
    stream[_places(at, rows)] = masks[rows]
    at = at + sections[1]
    rank = np.cumsum(nonzero, 1) - nonzero
    nibbles = np.where(in_bytes, 0, values & 15).astype(np.uint8)
    for half in (0, 1):
        chosen = nonzero & (rank % 2 == half)
        stream[(at[:, None] + rank // 2)[chosen]] |= nibbles[chosen] << np.uint8(4 * half)
    at = at + sections[2]
    stream[_places(at, in_bytes)] = np.where(in_words, 0, values)[in_bytes].astype(np.uint8)
    at = at + sections[3]
    places = _places(at, in_words, 2)
    large = values[in_words].astype(np.uint16)
    stream[places], stream[places + 1] = large & 255, large >> 8
    filled = np.zeros(-(-blocks // GROUP) * GROUP, np.uint8)
    filled[:blocks] = lengths
    offsets = (np.cumsum(lengths) - lengths)[::GROUP].astype(np.int32)
    return PackedPlane(coefficients.shape, stream, filled, offsets)


def _places(at: NDArray[np.int64], chosen: NDArray[np.bool_], size: int = 1) -> NDArray[np.int64]:
    """Where the chosen elements of each block go that stand one behind the other from `at`."""
    found: NDArray[np.int64] = (at[:, None] + size * (np.cumsum(chosen, 1) - chosen))[chosen]
    return found


def coefficients_like(
    kind: str, shape: tuple[int, ...], generator: np.random.Generator
) -> NDArray[np.int16]:
    """Coefficients [*shape, 8, 8] of one kind of block, by name; see `KINDS`."""
    made: NDArray[np.int16] = KINDS[kind](generator, (*shape, 8, 8)).astype(np.int16)
    return made


def _sparse(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int64]:
    values = generator.integers(-12, 12, shape) * (generator.random(shape) < 0.15)
    values[..., 0, 0] = generator.integers(-1024, 1024, shape[:-2])
    return values


def _edges(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int64]:
    edges = np.array([-32768, -129, -128, -9, -8, -1, 0, 1, 7, 8, 127, 128, 32767])
    return generator.choice(edges, shape)


Kind = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.int64]]
KINDS: dict[str, Kind] = {
    "zero": lambda generator, shape: np.zeros(shape, np.int64),
    "full": lambda generator, shape: generator.integers(1, 8, shape),
    "largest": lambda generator, shape: generator.choice([-32768, 32767], shape),
    "edges": _edges,
    "any": lambda generator, shape: generator.integers(-32768, 32768, shape),
    "sparse": _sparse,
    "mixed": lambda generator, shape: (
        _sparse(generator, shape) * generator.integers(0, 2, (*shape[:-2], 1, 1))
        + _edges(generator, shape) * (generator.random(shape) < 0.02)
    ),
}
