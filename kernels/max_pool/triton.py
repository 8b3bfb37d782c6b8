"""GPU kernels of max pooling of pixels, with the epilogue of `common/triton.py`."""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.common.triton import finish
from jpegcompile.kernels.tiles.triton import channel_offsets, positions


@triton.jit
def max_pool(
    x,
    low,
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
    kernel_w,
    stride_h,
    stride_w,
    pad_h,
    pad_w,
    dilation_h,
    dilation_w,
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
    ASM: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    Y_ROWS: tl.constexpr,
    Y_MIXED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute y = finish(the largest pixel of x in each window).

    If ASM, y is the pixel of x at the position where `low` is largest; the first one in row-major
    order. `low` has the strides of x. Padding is minus infinity.
    """
    first_row = tl.program_id(0) * BM
    m = first_row + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    image, _, _, out_y, out_x = positions(m, log_block, tiles_y, tiles_x)
    top = out_y * stride_h - pad_h
    left = out_x * stride_w - pad_w
    base = image.to(tl.int64) * x_image
    columns = channel_offsets(c, x_group)
    largest = tl.full((BM, BN), float("-inf"), tl.float32)
    pixels = largest
    for tap in range(kernel_h * kernel_w):
        in_y = top + (tap // kernel_w) * dilation_h
        in_x = left + (tap % kernel_w) * dilation_w
        inside = (m < rows) & (in_y >= 0) & (in_y < height) & (in_x >= 0) & (in_x < width)
        at = (base + in_y * x_row + in_x * x_pixel)[:, None] + columns[None, :]
        read = inside[:, None] & (c < channels)[None, :]
        seen = tl.load(x + at, mask=read, other=float("-inf"), cache_modifier=".ca")
        if ASM:
            guess = tl.load(low + at, mask=read, other=float("-inf"), cache_modifier=".ca")
            guess = guess.to(tl.float32)
            pixels = tl.where(guess > largest, seen.to(tl.float32), pixels)
            largest = tl.maximum(largest, guess)
        else:
            pixels = tl.maximum(pixels, seen.to(tl.float32))
    # Transforms mix rows, so rows past the last one must be finite.
    pixels = tl.where((m < rows)[:, None] & (c < channels)[None, :], pixels, 0.0)
    finish(
        pixels, approximated, constants, y, forward, forward, y,
        first_row, c, rows, channels, log_block, tiles_y, tiles_x,
        0, 0, 0, 0, 0, y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, False, False, False, APPROXIMATE, Y_ROWS, Y_MIXED, BM, BN, PRECISION,
    )  # fmt: skip


@triton.jit
def global_max_pool(
    x,
    constants,
    y,
    rows,
    channels,
    height,
    width,
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
    BM: tl.constexpr,
    BN: tl.constexpr,
):
    """Compute y = finish(the largest pixel of each channel).

    A program computes BN channels of an image; a step reads BM pixels. `rows` is the number of
    images, because y has one pixel for each.
    """
    image = tl.program_id(0)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    base = image.to(tl.int64) * x_image + channel_offsets(c, x_group)
    largest = tl.full((BM, BN), float("-inf"), tl.float32)
    for first in range(0, height * width, BM):
        i = first + tl.arange(0, BM)
        at = (i // width) * x_row + (i % width) * x_pixel
        read = (i < height * width)[:, None] & (c < channels)[None, :]
        seen = tl.load(x + base[None, :] + at[:, None], mask=read, other=float("-inf"))
        largest = tl.maximum(largest, seen.to(tl.float32))
    pixels = tl.where(c < channels, tl.max(largest, 0), 0.0)[None, :]
    finish(
        pixels, y, constants, y, y, y, y, image, c, rows, channels, 0, 1, 1,
        0, 0, 0, 0, 0, y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, False, False, False, False, False, False, 1, BN, "ieee",
    )  # fmt: skip
