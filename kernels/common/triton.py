"""The epilogue that GPU kernels share: residual, function of each pixel, truncation, transform.

    y = T program(pixels + R residual, A pixels)

R takes a residual in coefficients to pixels. A, the approximation, takes the pixels to those that
few frequencies make, for ASM and APX masks. T takes the result to coefficients, or, of a truncated
map that is kept as pixels, to the pixels that the kept frequencies make. Each is one product with a
64 x 64 matrix (`tile_matrix`), and left out where nothing is to do.
"""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.pointwise.triton import constants_of, evaluate
from jpegcompile.kernels.tiles.triton import add_map, mix, store_map


@triton.jit
def finish(
    pixels,
    approximated,
    constants,
    residual,
    inverse,
    forward,
    y,
    first_row,
    c,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
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
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Finish `pixels` [BM, BN] and write them.

    `approximated` is the matrix A if APPROXIMATE says so; it is applied behind the residual.
    """
    if RESIDUAL:
        pixels = add_map(
            pixels, residual, inverse, first_row, c, rows, channels, log_block, tiles_y, tiles_x,
            residual_image, residual_row, residual_pixel, residual_group, residual_kept,
            RESIDUAL_ROWS, RESIDUAL_MIXED, BM, BN, PRECISION,
        )  # fmt: skip
    second = pixels
    if APPROXIMATE:
        second = mix(approximated, pixels, BM, BN, PRECISION)
    values = (pixels, second, pixels) + constants_of(COUNT, constants, c, channels)
    made = evaluate(PROGRAM, values)
    store_map(
        made, y, forward, first_row, c, rows, channels, log_block, tiles_y, tiles_x,
        y_image, y_row, y_pixel, y_group, y_kept, Y_ROWS, Y_MIXED, BM, BN, PRECISION,
    )  # fmt: skip
