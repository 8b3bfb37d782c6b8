"""GPU kernels of group normalization of pixels: two for moments, one for the normalization.

    y = finish((x - mean) * factor + shift),  factor = scale / sqrt(variance + epsilon)

`channel_moments` computes the mean of each channel over BM pixels, a part of an image, and the sum
of squared deviations from it. `group_moments` merges them (Chan, Golub and LeVeque, 1979):

    mean = sum of counts * means / count
    squares = sum of (squares + counts * (means - mean)^2)

The mean is subtracted before squaring, so the variance is as exact as the pixels, even if their
mean is large. All moments are float32. The order of sums is fixed.
"""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.common.triton import finish
from jpegcompile.kernels.tiles.triton import channel_offsets, load_map


@triton.jit
def channel_moments(
    x,
    y,
    channels,
    height,
    width,
    parts,
    x_image,
    x_row,
    x_pixel,
    x_group,
    BM: tl.constexpr,
    BN: tl.constexpr,
):
    """Compute y, float32 [images, parts, 2, channels]: means and squares of every BM pixels."""
    image = tl.program_id(0) // parts
    part = tl.program_id(0) % parts
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    i = part * BM + tl.arange(0, BM)
    count = tl.minimum(height * width - part * BM, BM)
    at = image.to(tl.int64) * x_image + (i // width) * x_row + (i % width) * x_pixel
    read = (i < height * width)[:, None] & (c < channels)[None, :]
    pixels = tl.load(
        x + at[:, None] + channel_offsets(c, x_group)[None, :], mask=read, other=0.0
    ).to(tl.float32)
    mean = tl.sum(pixels, 0) / count
    centered = tl.where(read, pixels - mean[None, :], 0.0)
    to = y + tl.program_id(0).to(tl.int64) * 2 * channels + c
    tl.store(to, mean, mask=c < channels)
    tl.store(to + channels, tl.sum(centered * centered, 0), mask=c < channels)


@triton.jit
def group_moments(
    moments,
    scale,
    epsilon,
    y,
    channels,
    groups,
    group_size,
    pixels,
    parts,
    part_size,
    BN: tl.constexpr,
):
    """Compute y, float32 [images, 2, channels]: mean and factor of each channel, by groups.

    moments is the output of `channel_moments`, scale is float32 [channels], epsilon is float32 [1].
    An image has `pixels` pixels, a part has `part_size` of them, and the last part has the rest. A
    group has `group_size` channels. A program merges one group of an image, BN
    moments per step.
    """
    image = tl.program_id(0) // groups
    first = (tl.program_id(0) % groups) * group_size
    given = moments + image.to(tl.int64) * parts * 2 * channels + first
    number = parts * group_size
    total = tl.zeros((BN,), tl.float32)
    for start in range(0, number, BN):
        i = start + tl.arange(0, BN)
        part = i // group_size
        count = tl.minimum(pixels - part * part_size, part_size)
        at = part * 2 * channels + i % group_size
        mean = tl.load(given + at, mask=i < number, other=0.0)
        total += mean * (count.to(tl.float32) / pixels)
    middle = tl.sum(total, 0) / group_size
    total = tl.zeros((BN,), tl.float32)
    for start in range(0, number, BN):
        i = start + tl.arange(0, BN)
        part = i // group_size
        count = tl.minimum(pixels - part * part_size, part_size).to(tl.float32)
        at = part * 2 * channels + i % group_size
        mean = tl.load(given + at, mask=i < number, other=0.0)
        squares = tl.load(given + at + channels, mask=i < number, other=0.0)
        distance = mean - middle
        squares = squares + count * distance * distance
        total += tl.where(i < number, squares / pixels, 0.0)
    variance = tl.sum(total, 0) / group_size
    deviation = tl.sqrt_rn(variance + tl.load(epsilon))
    to = y + image.to(tl.int64) * 2 * channels + first
    for start in range(0, group_size, BN):
        i = start + tl.arange(0, BN)
        factor = tl.load(scale + first + i, mask=i < group_size, other=0.0) / deviation
        tl.store(to + i, tl.zeros((BN,), tl.float32) + middle, mask=i < group_size)
        tl.store(to + channels + i, factor, mask=i < group_size)


@triton.jit
def normalize(
    x,
    moments,
    shift,
    constants,
    approximated,
    forward,
    y,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
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
    APPROXIMATE: tl.constexpr,
    Y_ROWS: tl.constexpr,
    Y_MIXED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute y = finish((x - mean) * factor + shift).

    moments is the output of `group_moments`, shift is float32 [channels]. The moments of padded
    channels are uninitialized; their pixels are set to zero before `finish`.
    """
    first_row = tl.program_id(0) * BM
    m = first_row + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    pixels = load_map(
        x, m, c, rows, channels, log_block, tiles_y, tiles_x,
        x_image, x_row, x_pixel, x_group, 0, False,
    ).to(tl.float32)  # fmt: skip
    image = (m >> (2 * log_block)) // (tiles_y * tiles_x)
    at = image[:, None] * 2 * channels + c[None, :]
    live = (m < rows)[:, None] & (c < true_channels)[None, :]
    mean = tl.load(moments + at, mask=live, other=0.0)
    factor = tl.load(moments + at + channels, mask=live, other=0.0)
    added = tl.load(shift + c, mask=c < channels, other=0.0)
    pixels = (pixels - mean) * factor + added[None, :]
    pixels = tl.where(live, pixels, 0.0)
    finish(
        pixels, approximated, constants, y, forward, forward, y,
        first_row, c, rows, channels, log_block, tiles_y, tiles_x,
        0, 0, 0, 0, 0, y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, False, False, False, APPROXIMATE, Y_ROWS, Y_MIXED, BM, BN, PRECISION,
    )  # fmt: skip
