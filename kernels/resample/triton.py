"""Separable linear operators on GPUs: banded matrices for the rows and columns of pixels."""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.common.triton import finish
from jpegcompile.kernels.tiles.triton import channel_offsets, positions


@triton.jit
def resample(
    x,
    row_weights,
    row_starts,
    column_weights,
    column_starts,
    constants,
    approximated,
    forward,
    y,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
    reach_h,
    reach_w,
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
    APPROXIMATE: tl.constexpr,
    Y_ROWS: tl.constexpr,
    Y_MIXED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute y = finish(rows x columns^T), where `rows` and `columns` are banded matrices.

    Pixel (p, q) is the sum over i < reach_h and j < reach_w of
    row_weights[p, i] column_weights[q, j] x[row_starts[p] + i, column_starts[q] + j]. Each line of
    the window is summed separately, so that rounding errors grow with reach_h + reach_w. Pixels
    with weight zero are not read.
    """
    first_row = tl.program_id(0) * BM
    m = first_row + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    image, _, _, out_y, out_x = positions(m, log_block, tiles_y, tiles_x)
    live = m < rows
    top = tl.load(row_starts + out_y, mask=live, other=0)
    left = tl.load(column_starts + out_x, mask=live, other=0)
    base = image.to(tl.int64) * x_image + top * x_row + left * x_pixel
    columns = channel_offsets(c, x_group)
    sums = tl.zeros((BM, BN), tl.float32)
    for i in range(reach_h):
        row_weight = tl.load(row_weights + out_y * reach_h + i, mask=live, other=0.0)
        line = tl.zeros((BM, BN), tl.float32)
        for j in range(reach_w):
            weight = tl.load(column_weights + out_x * reach_w + j, mask=live, other=0.0)
            at = base + i * x_row + j * x_pixel
            read = (row_weight != 0.0) & (weight != 0.0)
            seen = tl.load(
                x + at[:, None] + columns[None, :],
                mask=read[:, None] & (c < channels)[None, :],
                other=0.0,
                cache_modifier=".ca",
            )
            line += weight[:, None] * seen.to(tl.float32)
        sums += row_weight[:, None] * line
    finish(
        sums, approximated, constants, y, forward, forward, y,
        first_row, c, rows, channels, log_block, tiles_y, tiles_x,
        0, 0, 0, 0, 0, y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, False, False, False, APPROXIMATE, Y_ROWS, Y_MIXED, BM, BN, PRECISION,
    )  # fmt: skip
