"""SpaceToDepth and DepthToSpace on GPUs, of pixels, with the epilogue of `common/triton.py`."""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.common.triton import finish
from jpegcompile.kernels.tiles.triton import channel_offsets, positions


@triton.jit
def space_to_depth(
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
    side,
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
    ALIGNED: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    Y_ROWS: tl.constexpr,
    Y_MIXED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Make y = finish(y'), where y' has tiles of side x side pixels of x as channels.

    Channel (i * side + j) * true_channels + c of y' is channel c of pixel (i, j) of each tile.
    x has `true_channels` without padding, a multiple of 16 if ALIGNED says so: then a thread loads
    several at once. `finish` takes padded channels of y' as zero.
    """
    if ALIGNED:
        # The compiler sees that this is a multiple of 16; of an argument, a hint is lost.
        true_channels = true_channels // 16 * 16
    first_row = tl.program_id(0) * BM
    m = first_row + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    image, _, _, out_y, out_x = positions(m, log_block, tiles_y, tiles_x)
    at = image.to(tl.int64) * x_image + (out_y * x_row + out_x * x_pixel) * side
    place = c // true_channels
    within = (place // side) * x_row + (place % side) * x_pixel
    within += channel_offsets(c % true_channels, x_group)
    pixels = tl.load(
        x + at[:, None] + within[None, :],
        mask=(m < rows)[:, None] & (place < side * side)[None, :],
        other=0.0,
    ).to(tl.float32)
    finish(
        pixels, approximated, constants, y, forward, forward, y,
        first_row, c, rows, channels, log_block, tiles_y, tiles_x,
        0, 0, 0, 0, 0, y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, False, False, False, APPROXIMATE, Y_ROWS, Y_MIXED, BM, BN, PRECISION,
    )  # fmt: skip


@triton.jit
def depth_to_space(
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
    side,
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
    ALIGNED: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    Y_ROWS: tl.constexpr,
    Y_MIXED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Make y = finish(y'), the inverse of `space_to_depth`: y' has `true_channels` without padding.

    ALIGNED is as it is there. `finish` takes padded channels of y' as zero.
    """
    if ALIGNED:
        # The compiler sees that this is a multiple of 16; of an argument, a hint is lost.
        true_channels = true_channels // 16 * 16
    first_row = tl.program_id(0) * BM
    m = first_row + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    image, _, _, out_y, out_x = positions(m, log_block, tiles_y, tiles_x)
    at = image.to(tl.int64) * x_image + (out_y // side) * x_row + (out_x // side) * x_pixel
    first = ((out_y % side) * side + out_x % side) * true_channels
    pixels = tl.load(
        x + at[:, None] + channel_offsets(first[:, None] + c[None, :], x_group),
        mask=(m < rows)[:, None] & (c < true_channels)[None, :],
        other=0.0,
    ).to(tl.float32)
    finish(
        pixels, approximated, constants, y, forward, forward, y,
        first_row, c, rows, channels, log_block, tiles_y, tiles_x,
        0, 0, 0, 0, 0, y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, False, False, False, APPROXIMATE, Y_ROWS, Y_MIXED, BM, BN, PRECISION,
    )  # fmt: skip
