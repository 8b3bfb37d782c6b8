"""GPU kernels that transform and mask tiles of maps as PyTorch stores them.

A program has BM rows of a map, in the order of `kernels/tiles/triton.py`, and BN channels. Products
with 64 x 64 matrices (`gpu/matrices.py`) transform whole tiles. Maps have any strides, but `y` and
the mask have the strides of x.
"""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.tiles.triton import mix, positions


@triton.jit
def tiles(
    x,
    mask,
    y,
    first,
    rough,
    last,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
    stride_image,
    stride_channel,
    stride_row,
    stride_column,
    slope,
    WRITES: tl.constexpr,
    READS: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute y = first x, or y = last masked(first x) if the kernel WRITES or READS a mask.

    The mask is 1 where a pixel is multiplied by `slope`. A kernel that WRITES the mask computes it
    from the pixels rough x if APPROXIMATE, and otherwise from first x.
    """
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    image, _, _, row, column = positions(m, log_block, tiles_y, tiles_x)
    places = image.to(tl.int64) * stride_image + row * stride_row + column * stride_column
    offsets = places[:, None] + (c.to(tl.int64) * stride_channel)[None, :]
    live = (m < rows)[:, None] & (c < channels)[None, :]
    given = tl.load(x + offsets, mask=live, other=0.0).to(tl.float32)
    made = mix(first, given, BM, BN, PRECISION)
    if WRITES:
        seen = made
        if APPROXIMATE:
            seen = mix(rough, given, BM, BN, PRECISION)
        flags = seen <= 0.0
        tl.store(mask + offsets, flags.to(tl.int8), mask=live)
    if READS:
        flags = tl.load(mask + offsets, mask=live, other=0) != 0
    if WRITES or READS:
        # The slope 0 makes zeros of infinite pixels, too.
        scaled = slope * tl.where(slope == 0.0, 0.0, made)
        made = mix(last, tl.where(flags, scaled, made), BM, BN, PRECISION)
    tl.store(y + offsets, made.to(y.dtype.element_ty), mask=live)
