"""Reductions of pixels over channels on GPUs, with the epilogue of `common/triton.py`."""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.common.triton import finish
from jpegcompile.kernels.tiles.triton import channel_offsets, positions, row_offsets


@triton.jit
def reduce_channels(
    x,
    constants,
    approximated,
    forward,
    y,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
    span,
    true_channels,
    x_image,
    x_row,
    x_pixel,
    x_group,
    y_image,
    y_row,
    y_pixel,
    y_group,
    y_kept,
    PROGRAM: tl.constexpr,
    COUNT: tl.constexpr,
    REDUCTION: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    Y_ROWS: tl.constexpr,
    Y_MIXED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute y = finish(the REDUCTION of the channels of each pixel), a map of one channel.

    REDUCTION is "max", "min", "mean" or "sum". x has `span` channels in memory, of which the first
    `true_channels` are reduced. A step reads BN channels. y has 16 channels in memory; `finish`
    treats all but the first as zero.
    """
    first_row = tl.program_id(0) * BM
    m = first_row + tl.arange(0, BM)
    image, in_image, inner, at_y, at_x = positions(m, log_block, tiles_y, tiles_x)
    at = row_offsets(image, in_image, inner, at_y, at_x, x_image, x_row, x_pixel, 0, False)
    LOWEST: tl.constexpr = float("-inf") if REDUCTION == "max" else 0.0
    NEUTRAL: tl.constexpr = float("inf") if REDUCTION == "min" else LOWEST
    reduced = tl.full((BM, BN), NEUTRAL, tl.float32)
    for first in range(0, span, BN):
        k = first + tl.arange(0, BN)
        # This mask includes all channels in memory, so that a thread can load several at once.
        seen = tl.load(
            x + at[:, None] + channel_offsets(k, x_group)[None, :],
            mask=(m < rows)[:, None] & (k < span)[None, :],
            other=0.0,
        ).to(tl.float32)
        seen = tl.where((m < rows)[:, None] & (k < true_channels)[None, :], seen, NEUTRAL)
        if REDUCTION == "max":
            reduced = tl.maximum(reduced, seen)
        elif REDUCTION == "min":
            reduced = tl.minimum(reduced, seen)
        else:
            reduced += seen
    if REDUCTION == "max":
        made = tl.max(reduced, 1)
    elif REDUCTION == "min":
        made = tl.min(reduced, 1)
    elif REDUCTION == "mean":
        made = tl.sum(reduced, 1) / true_channels
    else:
        tl.static_assert(REDUCTION == "sum", "unknown reduction")
        made = tl.sum(reduced, 1)
    c = tl.arange(0, 16)
    # Transforms mix rows, so rows past the last one must be finite.
    pixels = tl.where((m < rows)[:, None] & (c == 0)[None, :], made[:, None], 0.0)
    finish(
        pixels, approximated, constants, y, forward, forward, y,
        first_row, c, rows, channels, log_block, tiles_y, tiles_x,
        0, 0, 0, 0, 0, y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, False, False, False, APPROXIMATE, Y_ROWS, Y_MIXED, BM, 16, PRECISION,
    )  # fmt: skip
