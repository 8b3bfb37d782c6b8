"""The epilogue of GPU kernels: residual, per-pixel function, truncation, transform.

    y = T program(I x + R residual, A (I x + R residual))

x are the sums of a kernel: pixels, or coefficients that I inverts. R inverts a residual in
coefficients. A computes the approximation of the pixels from few frequencies, for ASM and APX
masks. T transforms the result to coefficients; if a truncated map is stored as pixels, T computes
the pixels of the kept frequencies instead. Each of these is one product with a 64 x 64 matrix
(`tile_matrix`), and is left out where it is the identity.
"""

from __future__ import annotations

import triton
import triton.language as tl

from jpegcompile.kernels.pixelwise.triton import constants_of, evaluate
from jpegcompile.kernels.tiles.triton import load_map, mix, store_map

# Programs of more channels finish them in a loop, which halves the size of the kernel.
_MOST_CHANNELS = tl.constexpr(64)
_MOST_TRANSFORMED = tl.constexpr(32)


@triton.jit
def finish_in_pieces(
    sums,
    approximated,
    constants,
    residual,
    inverse,
    forward,
    y,
    first_row,
    first_channel,
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
    INVERTED: tl.constexpr = False,
):
    """Finish `sums` [BM, BN], some channels at a time; see `finish`."""
    STEPS: tl.constexpr = INVERTED + (RESIDUAL and RESIDUAL_MIXED) + APPROXIMATE + Y_MIXED
    # Without tensor cores a transform needs registers for each channel.
    SCALAR: tl.constexpr = PRECISION == "ieee" and forward.dtype.element_ty == tl.float32
    FEW: tl.constexpr = 2 if RESIDUAL and BN > _MOST_CHANNELS else 1
    # A residual stays in registers during several transforms.
    IS_FULL: tl.constexpr = SCALAR or BN > _MOST_TRANSFORMED or (RESIDUAL and STEPS > 1)
    MANY: tl.constexpr = max(1, min(4, BN // 16)) if IS_FULL else 1
    PARTS: tl.constexpr = MANY if STEPS else FEW
    WIDTH: tl.constexpr = BN // PARTS
    pieces = _pieces(sums, PARTS, BM, BN)
    for part in tl.range(0, PARTS, num_stages=1):
        piece = pieces[0]
        for i in tl.static_range(1, PARTS):
            piece = tl.where(part == i, pieces[i], piece)
        c = first_channel + part * WIDTH + tl.arange(0, WIDTH)
        finish(
            piece, approximated, constants, residual, inverse, forward, y,
            first_row, c, rows, channels, log_block, tiles_y, tiles_x,
            residual_image, residual_row, residual_pixel, residual_group, residual_kept,
            y_image, y_row, y_pixel, y_group, y_kept,
            PROGRAM, COUNT, RESIDUAL, RESIDUAL_ROWS, RESIDUAL_MIXED, APPROXIMATE, Y_ROWS, Y_MIXED,
            BM, WIDTH, PRECISION, INVERTED, PARTS > 1,
        )  # fmt: skip


@triton.jit
def _pieces(values, PARTS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Split the columns of `values` [BM, BN], in order, into PARTS tensors: one, two or four."""
    if PARTS == 1:
        pieces = (values,)
    elif PARTS == 2:
        pieces = _halves(values, BM, BN)
    else:
        first, second = _halves(values, BM, BN)
        pieces = _halves(first, BM, BN // 2) + _halves(second, BM, BN // 2)
    return pieces


@triton.jit
def _halves(values, BM: tl.constexpr, BN: tl.constexpr):
    first, second = tl.split(tl.permute(tl.reshape(values, (BM, 2, BN // 2)), (0, 2, 1)))
    return (first, second)


@triton.jit
def finish(
    sums,
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
    INVERTED: tl.constexpr = False,
    IS_PIECE: tl.constexpr = False,
):
    """Finish `sums` [BM, BN] and write them.

    If INVERTED, the sums are coefficients that `inverse` converts to pixels; a residual must then
    be pixels (RESIDUAL_MIXED is False). `approximated` is the matrix A if APPROXIMATE. IS_PIECE
    means that the sums are a piece of the sums of a program.
    """
    HAS_INVERSE: tl.constexpr = INVERTED or (RESIDUAL and RESIDUAL_MIXED)
    STEPS: tl.constexpr = HAS_INVERSE + APPROXIMATE + Y_MIXED
    # The operand of the next transform, and the pixels to which the inverse transform is added.
    operand = sums
    pixels = sums
    if INVERTED:
        pixels = tl.zeros((BM, BN), tl.float32)
    if RESIDUAL:
        added = load_map(
            residual, first_row + tl.arange(0, BM), c, rows, channels, log_block, tiles_y, tiles_x,
            residual_image, residual_row, residual_pixel, residual_group, residual_kept,
            RESIDUAL_ROWS,
        ).to(tl.float32)  # fmt: skip
        if RESIDUAL_MIXED:
            operand = added
        else:
            pixels += added
            if not INVERTED:
                operand = pixels
    given = constants_of(COUNT, constants, c, channels)
    if not HAS_INVERSE and not APPROXIMATE:
        operand = evaluate(PROGRAM, (pixels, pixels, pixels) + given)
    if STEPS > 1 and PRECISION == "tf32x3":
        # All transforms share the code of one, because three products take many instructions.
        # There are at least 16 channels, so `minimum` only keeps compilers from unrolling.
        for step in tl.range(0, tl.minimum(channels, STEPS), num_stages=1):
            matrix = forward
            if APPROXIMATE:
                matrix = tl.where(step == HAS_INVERSE, approximated, matrix)
            if HAS_INVERSE:
                matrix = tl.where(step == 0, inverse, matrix)
            mixed = mix(matrix, operand, BM, BN, PRECISION, IS_PIECE)
            pixels, operand = _after(
                step, mixed, pixels, given, PROGRAM, HAS_INVERSE, APPROXIMATE
            )  # fmt: skip
    else:
        for step in tl.static_range(STEPS):
            if HAS_INVERSE and step == 0:
                matrix = inverse
            elif APPROXIMATE and step == HAS_INVERSE:
                matrix = approximated
            else:
                matrix = forward
            mixed = mix(matrix, operand, BM, BN, PRECISION, IS_PIECE)
            pixels, operand = _after(
                step, mixed, pixels, given, PROGRAM, HAS_INVERSE, APPROXIMATE
            )  # fmt: skip
    store_map(
        operand, y, forward, first_row, c, rows, channels, log_block, tiles_y, tiles_x,
        y_image, y_row, y_pixel, y_group, y_kept, Y_ROWS, False, BM, BN, PRECISION,
    )  # fmt: skip


@triton.jit
def _after(
    step,
    mixed,
    pixels,
    given,
    PROGRAM: tl.constexpr,
    HAS_INVERSE: tl.constexpr,
    APPROXIMATE: tl.constexpr,
):
    """Return the pixels and the next operand after a transform whose result is `mixed`."""
    operand = mixed
    if HAS_INVERSE:
        is_inverse = step == 0
        if is_inverse:
            operand = pixels + mixed
            if APPROXIMATE:
                pixels = operand
    if HAS_INVERSE or APPROXIMATE:
        is_read_by_program = step == HAS_INVERSE + APPROXIMATE - 1
        if is_read_by_program:
            pixel = pixels if APPROXIMATE else operand
            operand = evaluate(PROGRAM, (pixel, operand, pixel) + given)
    return pixels, operand
