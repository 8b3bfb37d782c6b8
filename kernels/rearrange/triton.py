"""SpaceToDepth and DepthToSpace of pixels on GPUs, with the epilogue of `common/triton.py`."""

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
    """Compute y = finish(y'), where channels of y' are the pixels of side x side tiles of x.

    Channel (i * side + j) * true_channels + c of y' is channel c of pixel (i, j) of each tile.
    x has `true_channels` channels without padding. If ALIGNED, this is a multiple of 16, so that a
    thread loads several channels at once. `finish` treats padded channels of y' as zero.
    """
    if ALIGNED:
        # Lets the compiler see that this is a multiple of 16; hints on arguments are lost.
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
    """Compute y = finish(y'), where y' is the inverse of `space_to_depth` of x.

    y' has `true_channels` channels without padding. ALIGNED has the same meaning as in
    `space_to_depth`. `finish` treats padded channels of y' as zero.
    """
    if ALIGNED:
        # Lets the compiler see that this is a multiple of 16; hints on arguments are lost.
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
