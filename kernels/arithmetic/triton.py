"""GPU kernel of functions of the pixels or coefficients of one or two maps.

One kernel computes activations and other per-pixel functions, sums and products of maps, and the
scale and shift of channels. Linear functions of coefficients need no transform.
"""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.pixelwise.triton import constants_of, evaluate
from jpegcompile.kernels.tiles.triton import add_map, mix, store_map


@triton.jit
def elementwise(
    x,
    other,
    vector,
    constants,
    inverse,
    other_inverse,
    approximated,
    forward,
    y,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
    x_image,
    x_row,
    x_pixel,
    x_group,
    x_kept,
    other_image,
    other_row,
    other_pixel,
    other_group,
    other_kept,
    vector_image,
    y_image,
    y_row,
    y_pixel,
    y_group,
    y_kept,
    PROGRAM: tl.constexpr,
    COUNT: tl.constexpr,
    X_ROWS: tl.constexpr,
    X_MIXED: tl.constexpr,
    OTHER: tl.constexpr,
    OTHER_ROWS: tl.constexpr,
    OTHER_MIXED: tl.constexpr,
    OTHER_CHANNEL: tl.constexpr,
    VECTOR: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    ONES: tl.constexpr,
    ON_DC: tl.constexpr,
    Y_ROWS: tl.constexpr,
    Y_MIXED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute y = T program(x, second, other, constants, vector).

    The second value is the approximation of x if APPROXIMATE, and a map of ones if ONES. The ones
    are pixels or, if ON_DC, coefficients: DC is `block` and the rest is zero. `vector` has one
    number per image and channel. If OTHER_CHANNEL, the other map has one channel, which is used
    for every channel of x.
    """
    first_row = tl.program_id(0) * BM
    m = first_row + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    nothing = tl.zeros((BM, BN), tl.float32)
    first = add_map(
        nothing, x, inverse, first_row, c, rows, channels, log_block, tiles_y, tiles_x,
        x_image, x_row, x_pixel, x_group, x_kept, X_ROWS, X_MIXED, BM, BN, PRECISION,
    )  # fmt: skip
    second = first
    if APPROXIMATE:
        second = mix(approximated, first, BM, BN, PRECISION)
    if ONES:
        second = nothing + 1.0
    if ON_DC:
        inner = m & ((1 << (2 * log_block)) - 1)
        second = tl.where(inner == 0, 1 << log_block, 0).to(tl.float32)[:, None] + nothing
    third = first
    if OTHER:
        taken = c * 0 if OTHER_CHANNEL else c
        third = add_map(
            nothing, other, other_inverse, first_row, taken, rows, channels,
            log_block, tiles_y, tiles_x, other_image, other_row, other_pixel, other_group,
            other_kept, OTHER_ROWS, OTHER_MIXED, BM, BN, PRECISION,
        )  # fmt: skip
    values = (first, second, third) + constants_of(COUNT, constants, c, channels)
    if VECTOR:
        image = (m >> (2 * log_block)) // (tiles_y * tiles_x)
        factors = tl.load(
            vector + image[:, None] * vector_image + c[None, :],
            mask=(m < rows)[:, None] & (c < channels)[None, :],
            other=0.0,
        )
        values = values + (factors.to(tl.float32),)
    made = evaluate(PROGRAM, values)
    store_map(
        made, y, forward, first_row, c, rows, channels, log_block, tiles_y, tiles_x,
        y_image, y_row, y_pixel, y_group, y_kept, Y_ROWS, Y_MIXED, BM, BN, PRECISION,
    )  # fmt: skip
