"""GPU kernels of convolutions, with their epilogue.

`conv_pixels` reads pixels and is an implicit matrix product: rows are output pixels, columns are
output channels, and sums run over taps and input channels. Taps are the inner loop, so that windows
of neighboring pixels share the L1 cache. `conv_rows` is the 1x1 convolution of coefficients, which
commutes with the DCT. `conv_thin` is for maps of four channels, usually images; it sums one row of
the window at a time. The epilogue is in `common/triton.py`.

In a grouped convolution, a program reads the input channels of every group that its output channels
belong to. The weights are zero between groups (`launch.py`: `packed_weight`).
"""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.common.triton import finish_in_pieces
from jpegcompile.kernels.tiles.triton import (
    add_map,
    channel_offsets,
    divided,
    load_map,
    positions,
    program_place,
)


@triton.jit
def conv_pixels(
    x,
    weight,
    bias,
    constants,
    residual,
    inverse,
    approximated,
    forward,
    y,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
    height,
    width,
    kernel_h,
    kernel_w,
    stride_h,
    stride_w,
    pad_h,
    pad_w,
    dilation_h,
    dilation_w,
    span,
    last_start,
    group_in,
    group_out,
    x_image,
    x_row,
    x_pixel,
    x_group,
    residual_image,
    residual_row,
    residual_pixel,
    residual_group,
    residual_kept,
    y_image,
    y_row,
    y_pixel,
    y_group,
    y_kept,
    PROGRAM: tl.constexpr,
    COUNT: tl.constexpr,
    RESIDUAL: tl.constexpr,
    RESIDUAL_ROWS: tl.constexpr,
    RESIDUAL_MIXED: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    Y_ROWS: tl.constexpr,
    Y_MIXED: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute y = finish(convolution(x, weight) + bias).

    weight is [channels, kernel_h * kernel_w, span], bias is float32 [channels]. If TRANSPOSED,
    stride_h and stride_w are the strides of ConvTranspose: the distance between input pixels.
    """
    row_place, channel_place = program_place()
    first_row = row_place * BM
    first_channel = channel_place * BN
    m = first_row + tl.arange(0, BM)
    c = first_channel + tl.arange(0, BN)
    image, _, _, out_y, out_x = positions(m, log_block, tiles_y, tiles_x)
    live = m < rows
    if TRANSPOSED:
        top = divided(out_y + pad_h, stride_h)
        left = divided(out_x + pad_w, stride_w)
        top_rest = out_y + pad_h - top * stride_h
        left_rest = out_x + pad_w - left * stride_w
    else:
        top = out_y * stride_h - pad_h
        left = out_x * stride_w - pad_w
    base = image.to(tl.int64) * x_image
    first_in = tl.minimum((first_channel // group_out) * group_in // 16 * 16, last_start)
    k = tl.arange(0, BK)
    taps = kernel_h * kernel_w
    weights = weight + c[None, :] * (taps * span) + k[:, None]
    sums = tl.zeros((BM, BN), tl.float32)
    # Counters replace divisions of the step number, which the pipeline would repeat.
    tap = 0
    down = 0
    right = 0
    start = 0
    for _ in range(taps * (span // BK)):
        if TRANSPOSED:
            # All rows of a step share these numbers, so the divisions cost little.
            up = divided(down, stride_h)
            back = divided(right, stride_w)
            in_y = top - up
            in_x = left - back
            inside = live & (top_rest == down - up * stride_h) & (in_y >= 0) & (in_y < height)
            inside = inside & (left_rest == right - back * stride_w)
            inside = inside & (in_x >= 0) & (in_x < width)
        else:
            in_y = top + down
            in_x = left + right
            inside = live & (in_y >= 0) & (in_y < height) & (in_x >= 0) & (in_x < width)
        at = base + in_y * x_row + in_x * x_pixel
        a = tl.load(
            x + at[:, None] + channel_offsets(first_in + start + k, x_group)[None, :],
            mask=inside[:, None],
            other=0.0,
            cache_modifier=".ca",
        )
        b = tl.load(weights + (tap * span + start), mask=(c < channels)[None, :], other=0.0)
        sums = tl.dot(a, b, sums, input_precision=PRECISION)
        tap += 1
        right += dilation_w
        is_line_done = right == kernel_w * dilation_w
        right = tl.where(is_line_done, 0, right)
        down += tl.where(is_line_done, dilation_h, 0)
        is_window_done = tap == taps
        tap = tl.where(is_window_done, 0, tap)
        down = tl.where(is_window_done, 0, down)
        start += tl.where(is_window_done, BK, 0)
    sums += tl.load(bias + c, mask=c < channels, other=0.0)[None, :]
    finish_in_pieces(
        sums, approximated, constants, residual, inverse, forward, y,
        first_row, first_channel, rows, channels, log_block, tiles_y, tiles_x,
        residual_image, residual_row, residual_pixel, residual_group, residual_kept,
        y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, RESIDUAL, RESIDUAL_ROWS, RESIDUAL_MIXED, APPROXIMATE, Y_ROWS, Y_MIXED,
        BM, BN, PRECISION,
    )  # fmt: skip


@triton.jit
def conv_thin(
    x,
    weight,
    bias,
    constants,
    approximated,
    forward,
    y,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
    height,
    width,
    kernel_h,
    stride_h,
    stride_w,
    pad_h,
    pad_w,
    dilation_h,
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
    BK: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute y = finish(convolution(x, weight) + bias) for a raster of four channels.

    A step reads BK / 4 consecutive pixels. weight is [channels, kernel_h, BK], with zeros after
    the window and between dilated taps.
    """
    row_place, channel_place = program_place()
    first_row = row_place * BM
    first_channel = channel_place * BN
    m = first_row + tl.arange(0, BM)
    c = first_channel + tl.arange(0, BN)
    image, _, _, out_y, out_x = positions(m, log_block, tiles_y, tiles_x)
    top = out_y * stride_h - pad_h
    left = out_x * stride_w - pad_w
    k = tl.arange(0, BK)
    in_x = left[:, None] + (k // 4)[None, :]
    inside = (m < rows)[:, None] & (in_x >= 0) & (in_x < width)
    base = image.to(tl.int64) * (height * width * 4) + left * 4
    weights = weight + c[None, :] * (kernel_h * BK) + k[:, None]
    sums = tl.zeros((BM, BN), tl.float32)
    for tap in range(kernel_h):
        in_y = top + tap * dilation_h
        a = tl.load(
            x + (base + in_y * (width * 4))[:, None] + k[None, :],
            mask=inside & ((in_y >= 0) & (in_y < height))[:, None],
            other=0.0,
        )
        b = tl.load(weights + tap * BK, mask=(c < channels)[None, :], other=0.0)
        sums = tl.dot(a, b, sums, input_precision=PRECISION)
    sums += tl.load(bias + c, mask=c < channels, other=0.0)[None, :]
    finish_in_pieces(
        sums, approximated, constants, y, forward, forward, y,
        first_row, first_channel, rows, channels, log_block, tiles_y, tiles_x,
        0, 0, 0, 0, 0, y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, False, False, False, APPROXIMATE, Y_ROWS, Y_MIXED, BM, BN, PRECISION,
    )  # fmt: skip


@triton.jit
def conv_rows(
    x,
    weight,
    bias,
    constants,
    residual,
    inverse,
    approximated,
    forward,
    y,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
    span,
    last_start,
    group_in,
    group_out,
    x_image,
    x_row,
    x_pixel,
    x_group,
    x_kept,
    residual_image,
    residual_row,
    residual_pixel,
    residual_group,
    residual_kept,
    y_image,
    y_row,
    y_pixel,
    y_group,
    y_kept,
    PROGRAM: tl.constexpr,
    COUNT: tl.constexpr,
    X_ROWS: tl.constexpr,
    RESIDUAL: tl.constexpr,
    RESIDUAL_ROWS: tl.constexpr,
    RESIDUAL_MIXED: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    ACTIVATED: tl.constexpr,
    Y_ROWS: tl.constexpr,
    Y_MIXED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute y = finish(inverse DCT(weight x + bias on DC)) for coefficients x.

    A residual in coefficients is added before the inverse transform, a residual in pixels
    (RESIDUAL_MIXED is False) after it. Unless ACTIVATED, nothing is transformed, and the residual
    and y are coefficients, too. weight is [channels, span], bias is float32 [channels].
    """
    row_place, channel_place = program_place()
    first_row = row_place * BM
    first_channel = channel_place * BN
    m = first_row + tl.arange(0, BM)
    c = first_channel + tl.arange(0, BN)
    first_in = tl.minimum((first_channel // group_out) * group_in // 16 * 16, last_start)
    k = tl.arange(0, BK)
    inner = m & ((1 << (2 * log_block)) - 1)
    weights = weight + c[None, :] * span + k[:, None]
    sums = tl.zeros((BM, BN), tl.float32)
    for start in range(0, span, BK):
        a = load_map(
            x, m, first_in + start + k, rows, first_in + span, log_block, tiles_y, tiles_x,
            x_image, x_row, x_pixel, x_group, x_kept, X_ROWS,
        )  # fmt: skip
        b = tl.load(weights + start, mask=(c < channels)[None, :], other=0.0)
        sums = tl.dot(a, b, sums, input_precision=PRECISION)
    on_dc = tl.where(inner == 0, 1 << log_block, 0).to(tl.float32)
    sums += on_dc[:, None] * tl.load(bias + c, mask=c < channels, other=0.0)[None, :]
    if RESIDUAL and (RESIDUAL_MIXED or not ACTIVATED):
        sums = add_map(
            sums, residual, inverse, first_row, c, rows, channels, log_block, tiles_y, tiles_x,
            residual_image, residual_row, residual_pixel, residual_group, residual_kept,
            RESIDUAL_ROWS, False, BM, BN, PRECISION,
        )  # fmt: skip
    finish_in_pieces(
        sums, approximated, constants, residual, inverse, forward, y,
        first_row, first_channel, rows, channels, log_block, tiles_y, tiles_x,
        residual_image, residual_row, residual_pixel, residual_group, residual_kept,
        y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, RESIDUAL and ACTIVATED and not RESIDUAL_MIXED, False, False,
        APPROXIMATE, Y_ROWS, Y_MIXED, BM, BN, PRECISION, ACTIVATED,
    )  # fmt: skip
