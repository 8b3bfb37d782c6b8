"""From the coefficients of files to the image that a network takes, on GPUs.

A component is rows C columns^T, C being its dequantised coefficients in place: inverse DCT, chroma
upsampling and crop composed, one matrix for each axis (`jpegcompile/dct/ingest.py`). 16 outputs
of an axis read few coefficients beside each other, so the matrices are stored as bands. A program
makes 16 x 16 pixels. Colour and normalisation mix the components.
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
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """16 x 16 pixels of a component, of a window of HEIGHT x WIDTH coefficients."""
    i = tl.arange(0, 16)
    h = tl.arange(0, HEIGHT)
    w = tl.arange(0, WIDTH)
    v = tl.load(row_starts + block_y) + h
    u = tl.load(column_starts + block_x) + w
    inside = (v < blocks_y * 8)[:, None] & (u < blocks_x * 8)[None, :]
    at = ((v >> 3) * blocks_x)[:, None] + (u >> 3)[None, :]
    within = ((v & 7) * 8)[:, None] + (u & 7)[None, :]
    values = tl.load(coefficients + at * 64 + within, mask=inside, other=0).to(tl.float32)
    values = values * tl.load(table + within).to(tl.float32)
    left = tl.load(rows + (block_y * 16 + i)[:, None] * HEIGHT + h[None, :])
    right = tl.load(columns + (block_x * 16 + i)[None, :] * WIDTH + w[:, None])
    part = tl.dot(left, values, input_precision=PRECISION)
    return tl.dot(part, right, input_precision=PRECISION)


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
    luma_blocks_y,
    luma_blocks_x,
    chroma_blocks_y,
    chroma_blocks_x,
    CHANNELS: tl.constexpr,
    STORED: tl.constexpr,
    COLOR: tl.constexpr,
    LUMA_HEIGHT: tl.constexpr,
    LUMA_WIDTH: tl.constexpr,
    CHROMA_HEIGHT: tl.constexpr,
    CHROMA_WIDTH: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Make pixels of CHANNELS channels, padded with zeros to STORED.

    luma int16 [N, 1, blocks, 8, 8], chroma [N, 2, ...] and quantization uint16 [N, components, 64]
    are as files have them; without COLOR there is luma alone. Matrices are float32 bands
    [outputs, window], starts int32 [outputs / 16]. mixing is float32 [CHANNELS, 4]: factors of the
    three components and the constant.
    """
    block_y = tl.program_id(0)
    block_x = tl.program_id(1)
    image = tl.program_id(2).to(tl.int64)
    COMPONENTS: tl.constexpr = 3 if COLOR else 1
    table = quantization + image * (COMPONENTS * 64)
    first = _component(
        luma + image * (luma_blocks_y * luma_blocks_x * 64), table,
        luma_rows, luma_row_starts, luma_columns, luma_column_starts,
        block_y, block_x, luma_blocks_y, luma_blocks_x, LUMA_HEIGHT, LUMA_WIDTH, PRECISION,
    )  # fmt: skip
    second = first
    third = first
    if COLOR:
        plane = chroma_blocks_y * chroma_blocks_x * 64
        second = _component(
            chroma + image * 2 * plane, table + 64,
            chroma_rows, chroma_row_starts, chroma_columns, chroma_column_starts,
            block_y, block_x, chroma_blocks_y, chroma_blocks_x, CHROMA_HEIGHT, CHROMA_WIDTH,
            PRECISION,
        )  # fmt: skip
        third = _component(
            chroma + (image * 2 + 1) * plane, table + 128,
            chroma_rows, chroma_row_starts, chroma_columns, chroma_column_starts,
            block_y, block_x, chroma_blocks_y, chroma_blocks_x, CHROMA_HEIGHT, CHROMA_WIDTH,
            PRECISION,
        )  # fmt: skip
    i = tl.arange(0, 16)
    out_y = block_y * 16 + i
    out_x = block_x * 16 + i
    inside = (out_y < height)[:, None] & (out_x < width)[None, :]
    # Rows of four channels need not be multiples of 16 numbers, as strides of other maps are.
    pixels = image * (height * width) + out_y[:, None] * width + out_x[None, :]
    at = y + pixels * STORED
    for channel in tl.static_range(STORED):
        value = first * 0.0
        if channel < CHANNELS:
            factors = mixing + channel * 4
            value = tl.load(factors) * first + tl.load(factors + 3)
            if COLOR:
                value += tl.load(factors + 1) * second + tl.load(factors + 2) * third
        tl.store(at + channel, value.to(y.dtype.element_ty), mask=inside)
