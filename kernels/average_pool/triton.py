"""GPU kernel of global average pooling, of pixels or of DC coefficients."""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.common.triton import finish
from jpegcompile.kernels.tiles.triton import channel_offsets


@triton.jit
def global_average_pool(
    x,
    constants,
    y,
    rows,
    channels,
    height,
    width,
    divisor,
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
    """Compute y = finish(sum / divisor) over height x width numbers of each channel.

    The numbers are pixels, or the DC coefficients of tiles: then height and width count tiles, and
    `x_row` and `x_pixel` are the distances between tiles. A program computes BN channels of an
    image; a step reads BM numbers. The order of the sum depends only on BM. `rows` is the number
    of images, because y has one pixel for each.
    """
    image = tl.program_id(0)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    base = image.to(tl.int64) * x_image + channel_offsets(c, x_group)
    sums = tl.zeros((BM, BN), tl.float32)
    for first in range(0, height * width, BM):
        i = first + tl.arange(0, BM)
        at = (i // width) * x_row + (i % width) * x_pixel
        read = (i < height * width)[:, None] & (c < channels)[None, :]
        sums += tl.load(x + base[None, :] + at[:, None], mask=read, other=0.0).to(tl.float32)
    pixels = (tl.sum(sums, 0) / divisor)[None, :]
    finish(
        pixels, y, constants, y, y, y, y, image, c, rows, channels, 0, 1, 1,
        0, 0, 0, 0, 0, y_image, y_row, y_pixel, y_group, y_kept,
        PROGRAM, COUNT, False, False, False, False, False, False, 1, BN, "ieee",
    )  # fmt: skip
