"""Unpacking of packed coefficients to int16 blocks on GPUs.

`jpegcompile/jpeg/packed.py` describes the format. A program unpacks a group of 16 blocks. To locate
the bits of a coefficient, it counts what precedes the coefficient in its block: rows, nonzero
coefficients, coefficients that do not fit into a nibble, and coefficients that do not fit into a
byte.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _ones(bits):
    """Return the number of ones among 8 bits."""
    pairs = bits - ((bits >> 1) & 0x55)
    fours = (pairs & 0x33) + ((pairs >> 2) & 0x33)
    return (fours + (fours >> 4)) & 0x0F


@triton.jit
def _words(stream, at, mask):
    """Load signed two-byte numbers, low byte first."""
    low = tl.load(stream + at, mask=mask, other=0).to(tl.int32)
    high = tl.load(stream + at + 1, mask=mask, other=0).to(tl.int8, bitcast=True).to(tl.int32)
    return low | (high << 8)


@triton.jit
def unpack(
    stream,
    lengths,
    offsets,
    order,
    y,
    blocks,
    GROUP: tl.constexpr,
):
    """Write y, int16 [blocks, 64] in natural order.

    stream (uint8), lengths (uint8 [groups * GROUP]) and offsets (int32 [groups]) are the arrays of
    a `PackedPlane`. order is int32 [64]: the natural index of each coefficient in zigzag order.
    """
    group = tl.program_id(0)
    block = group * GROUP + tl.arange(0, GROUP)
    k = tl.arange(0, 64)[None, :]
    exists = block < blocks
    length = tl.load(lengths + block).to(tl.int32)
    at = tl.load(offsets + group) + tl.cumsum(length, 0) - length

    first = _words(stream, at, exists)
    rows = tl.load(stream + at + 2, mask=exists, other=0).to(tl.int32)
    at += 3
    row = k >> 3
    in_rows = rows[:, None]
    mask_at = at[:, None] + _ones(in_rows & ((1 << row) - 1))
    masks = tl.load(stream + mask_at, mask=((in_rows >> row) & 1) != 0, other=0).to(tl.int32)
    nonzero = (masks >> (k & 7)) & 1
    at += _ones(rows)

    rank = tl.cumsum(nonzero, 1) - nonzero
    pairs = tl.load(stream + at[:, None] + (rank >> 1), mask=nonzero != 0, other=0).to(tl.int32)
    nibble = (pairs >> ((rank & 1) * 4)) & 15
    value = (nibble ^ 8) - 8
    at += (tl.sum(nonzero, 1) + 1) >> 1

    in_bytes = nonzero & (nibble == 0).to(tl.int32)
    byte_at = at[:, None] + tl.cumsum(in_bytes, 1) - in_bytes
    bytes_ = tl.load(stream + byte_at, mask=in_bytes != 0, other=0)
    value = tl.where(in_bytes != 0, bytes_.to(tl.int8, bitcast=True).to(tl.int32), value)
    at += tl.sum(in_bytes, 1)

    in_words = in_bytes & (value == 0).to(tl.int32)
    word_at = at[:, None] + 2 * (tl.cumsum(in_words, 1) - in_words)
    value = tl.where(in_words != 0, _words(stream, word_at, in_words != 0), value)

    value = tl.where(nonzero != 0, value, 0)
    value = tl.where(k == 0, first[:, None], value)
    natural = tl.load(order + k)
    place = y + block.to(tl.int64)[:, None] * 64 + natural
    tl.store(place, value.to(tl.int16), mask=exists[:, None])
