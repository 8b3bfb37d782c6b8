"""GPU kernel that converts the coefficients of files to a network's input image.

The pixels of a component are rows C columns^T, where C are its dequantized coefficients. The two
matrices combine inverse DCT, chroma upsampling and crop, one for each axis
(`jpegcompile/dct/ingest.py`). BM outputs of an axis read a narrow window of coefficients, so the
matrices are stored as bands. A program computes BM x BN pixels. Color and normalization mix the
components.

If the matrices also transform the pixels to blocks of coefficients, a constant is added only to the
DC coefficient of each block.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _component(
    coefficients,
    table,
    rows,
    row_starts,
    columns,
    column_starts,
    block_y,
    block_x,
    blocks_y,
    blocks_x,
    steps_h,
    steps_w,
    WIDTH: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute BM x BN pixels of a component; a step reads BM x WIDTH coefficients."""
    i = tl.arange(0, BM)
    j = tl.arange(0, BN)
    w = tl.arange(0, WIDTH)
    top = tl.load(row_starts + block_y) + i
    first = tl.load(column_starts + block_x) + w
    left = rows + (block_y * BM + i)[:, None] * (steps_h * BM) + i[None, :]
    right = columns + (block_x * BN + j)[None, :] * (steps_w * WIDTH) + w[:, None]
    made = tl.zeros((BM, BN), tl.float32)
    for across in range(steps_w):
        u = first + across * WIDTH
        part = tl.zeros((BM, WIDTH), tl.float32)
        for down in range(steps_h):
            v = top + down * BM
            inside = (v < blocks_y * 8)[:, None] & (u < blocks_x * 8)[None, :]
            at = ((v >> 3) * blocks_x)[:, None] + (u >> 3)[None, :]
            within = ((v & 7) * 8)[:, None] + (u & 7)[None, :]
            values = tl.load(coefficients + at * 64 + within, mask=inside, other=0)
            values = values.to(tl.float32) * tl.load(table + within).to(tl.float32)
            factors = tl.load(left + down * BM)
            part = tl.dot(factors, values, part, input_precision=PRECISION)
        made = tl.dot(part, tl.load(right + across * WIDTH), made, input_precision=PRECISION)
    return made


@triton.jit
def ingest(
    luma,
    chroma,
    quantization,
    luma_rows,
    luma_row_starts,
    luma_columns,
    luma_column_starts,
    chroma_rows,
    chroma_row_starts,
    chroma_columns,
    chroma_column_starts,
    mixing,
    y,
    height,
    width,
    stored,
    log_block,
    tables,
    luma_table,
    blue_table,
    red_table,
    luma_blocks_y,
    luma_blocks_x,
    chroma_blocks_y,
    chroma_blocks_x,
    luma_steps_h,
    luma_steps_w,
    chroma_steps_h,
    chroma_steps_w,
    COLOR: tl.constexpr,
    PLANES: tl.constexpr,
    CHROMA_WIDTH: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Compute `stored` channels of an image, in planes or with channels last.

    luma int16 [N, 1, blocks, 8, 8], chroma [N, 2, ...] and quantization uint16 [N, tables, 64] come
    from the files; without COLOR there is only luma. Matrices are float32 bands [outputs, window],
    starts are int32, one for each BM rows or BN columns. A step reads BM x BN coefficients of luma,
    or BM x CHROMA_WIDTH coefficients of chroma. mixing is float32 [stored, 4]: the factors of the
    three components, and the constant to add to pixels or to DC coefficients.
    """
    block_y = tl.program_id(0)
    block_x = tl.program_id(1)
    image = tl.program_id(2).to(tl.int64)
    table = quantization + image * tables * 64
    first = _component(
        luma + image * luma_blocks_y * luma_blocks_x * 64, table + luma_table * 64,
        luma_rows, luma_row_starts, luma_columns, luma_column_starts,
        block_y, block_x, luma_blocks_y, luma_blocks_x, luma_steps_h, luma_steps_w,
        BN, BM, BN, PRECISION,
    )  # fmt: skip
    second = first
    third = first
    if COLOR:
        plane = chroma_blocks_y * chroma_blocks_x * 64
        second = _component(
            chroma + image * 2 * plane, table + blue_table * 64,
            chroma_rows, chroma_row_starts, chroma_columns, chroma_column_starts,
            block_y, block_x, chroma_blocks_y, chroma_blocks_x, chroma_steps_h, chroma_steps_w,
            CHROMA_WIDTH, BM, BN, PRECISION,
        )  # fmt: skip
        third = _component(
            chroma + (image * 2 + 1) * plane, table + red_table * 64,
            chroma_rows, chroma_row_starts, chroma_columns, chroma_column_starts,
            block_y, block_x, chroma_blocks_y, chroma_blocks_x, chroma_steps_h, chroma_steps_w,
            CHROMA_WIDTH, BM, BN, PRECISION,
        )  # fmt: skip
    out_y = (block_y * BM + tl.arange(0, BM))[:, None]
    out_x = (block_x * BN + tl.arange(0, BN))[None, :]
    inside = (out_y < height) & (out_x < width)
    takes_constant = ((out_y | out_x) & ((1 << log_block) - 1)) == 0
    # Unlike strides of other maps, rows of four channels may not be multiples of 16 numbers.
    at = y + image * height * width * stored
    if PLANES:
        at += out_y * width + out_x
        step = height * width
    else:
        at += (out_y * width + out_x) * stored
        step = 1
    for channel in range(stored):
        factors = mixing + channel * 4
        value = tl.load(factors) * first
        if COLOR:
            value += tl.load(factors + 1) * second + tl.load(factors + 2) * third
        value += tl.where(takes_constant, tl.load(factors + 3), 0.0)
        tl.store(at + channel * step, value.to(y.dtype.element_ty), mask=inside)
