"""Device functions that GPU kernels share: addresses of maps, and transforms of tiles.

A program works on BM rows of a map. A row is one pixel or one coefficient with its channels. Rows
are ordered tile by tile: row m is element m % T of tile m // T, where T = block * block. BM is a
multiple of 64, and 64 is a multiple of T for every block size. So a product with one 64 x 64 matrix
transforms whole tiles at every block size; the matrix repeats the two-dimensional transform of a
tile for each tile of 64 rows (`launch.py`: `tile_matrix`).

A map has one of two layouts. In *raster* order, element (y, x), a pixel or a coefficient, is at
y * row + x * pixel. In *rows*, coefficients are stored tile by tile, and only the kept ones of each
tile: at (tile * kept + k) * pixel. Both layouts have 16 consecutive channels: channel c is at
(c // 16) * group + c % 16, where group is 16 if channels come last. Strides count elements. Images
may be far apart, so their offsets have 64 bits.

Block sizes (as logarithms to base 2), windows and strides are arguments, so one compiled kernel
works for every model. Names in capitals are constants of a compiled kernel.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def program_place():
    """Return the row index and the channel index of a program, in numbers of programs.

    Programs of the same rows start one after another, so that they find the rows in the cache.
    """
    channels = tl.num_programs(1)
    number = tl.program_id(1) * tl.num_programs(0) + tl.program_id(0)
    return number // channels, number % channels


@triton.jit
def divided(number, divisor):
    """Divide nonnegative integers; unsigned division takes fewer instructions."""
    return tl.cast(tl.cast(number, tl.uint32) // tl.cast(divisor, tl.uint32), tl.int32)


@triton.jit
def positions(m, log_block, tiles_y, tiles_x):
    """Return the position of each row `m`: image, tile in the image, element of the tile, y, x."""
    tile = m >> (2 * log_block)
    inner = m & ((1 << (2 * log_block)) - 1)
    row = divided(tile, tiles_x)
    image = divided(row, tiles_y)
    in_image = tile - image * (tiles_y * tiles_x)
    y = ((row - image * tiles_y) << log_block) + (inner >> log_block)
    x = ((tile - row * tiles_x) << log_block) + (inner & ((1 << log_block) - 1))
    return image, in_image, inner, y, x


@triton.jit
def row_offsets(
    image, in_image, inner, y, x, stride_image, stride_row, stride_pixel, kept, ROWS: tl.constexpr
):
    """Return where each row of a map begins. In rows, callers must mask `inner` >= `kept`."""
    if ROWS:
        within = (in_image * kept + inner) * stride_pixel
    else:
        within = y * stride_row + x * stride_pixel
    return image.to(tl.int64) * stride_image + within


@triton.jit
def channel_offsets(c, stride_group):
    """Return the offset of each channel in a row of a map."""
    return (c // 16) * stride_group + c % 16


@triton.jit
def _rounded(values):
    """Round to TF32, which has 11 of float32's 24 bits."""
    bits = (values.to(tl.uint32, bitcast=True) + 0x1000) & 0xFFFFE000
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def _product(matrix, values, PRECISION: tl.constexpr, WRITTEN_OUT: tl.constexpr):
    """Return the product of a finite matrix and values, as float32.

    If WRITTEN_OUT, the three products of tf32x3 are written out here. For values from `tl.split`,
    `tl.dot` would split them in the layout of operands, in which a thread stores all rows of a
    factor.
    """
    if PRECISION == "tf32x3" and WRITTEN_OUT:
        large = _rounded(matrix)
        small = _rounded(matrix - large)
        large_values = _rounded(values)
        # The remainder of an infinity is zero, not NaN.
        rest = tl.where(values == large_values, 0.0, values - large_values)
        made = tl.dot(small, large_values, input_precision="tf32")
        made = tl.dot(large, _rounded(rest), made, input_precision="tf32")
        made = tl.dot(large, large_values, made, input_precision="tf32")
    else:
        made = tl.dot(matrix, values, input_precision=PRECISION)
    return made


@triton.jit
def mix(
    matrix,
    values,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
    WRITTEN_OUT: tl.constexpr = False,
):
    """Multiply the 64 x 64 `matrix` by every 64 rows of `values` [BM, BN]; returns float32.

    Both factors have the type of the matrix, and sums are float32. See `_product` for WRITTEN_OUT.
    """
    i = tl.arange(0, 64)
    m = tl.load(matrix + i[:, None] * 64 + i[None, :])
    GROUPS: tl.constexpr = BM // 64
    if GROUPS > 1:
        side = tl.permute(tl.reshape(values, (GROUPS, 64, BN)), (1, 0, 2))
        values = tl.reshape(side, (64, GROUPS * BN))
    mixed = _product(m, values.to(m.dtype), PRECISION, WRITTEN_OUT)
    if GROUPS > 1:
        mixed = tl.permute(tl.reshape(mixed, (64, GROUPS, BN)), (1, 0, 2))
        mixed = tl.reshape(mixed, (BM, BN))
    return mixed


@triton.jit
def load_map(
    pointer,
    m,
    c,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
    stride_image,
    stride_row,
    stride_pixel,
    stride_group,
    kept,
    ROWS: tl.constexpr,
):
    """Load the elements of a map at rows `m` and channels `c`; zero outside the map."""
    image, in_image, inner, y, x = positions(m, log_block, tiles_y, tiles_x)
    at = row_offsets(
        image, in_image, inner, y, x, stride_image, stride_row, stride_pixel, kept, ROWS
    )
    live = m < rows
    if ROWS:
        live = live & (inner < kept)
    return tl.load(
        pointer + at[:, None] + channel_offsets(c, stride_group)[None, :],
        mask=live[:, None] & (c < channels)[None, :],
        other=0.0,
    )


@triton.jit
def add_map(
    values,
    pointer,
    matrix,
    first_row,
    c,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
    stride_image,
    stride_row,
    stride_pixel,
    stride_group,
    kept,
    ROWS: tl.constexpr,
    MIXED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Add a map to `values` [BM, BN]; if MIXED, the map is multiplied by `matrix` first."""
    if MIXED and BM == 64:
        # One product of 64 rows needs more registers than tf32x3 leaves on sm_80.
        i = tl.arange(0, 64)
        j = tl.arange(0, 16)
        for part in tl.range(0, 64, 16, num_stages=1):
            few = load_map(
                pointer, first_row + part + j, c, rows, channels, log_block, tiles_y, tiles_x,
                stride_image, stride_row, stride_pixel, stride_group, kept, ROWS,
            )  # fmt: skip
            columns = tl.load(matrix + i[:, None] * 64 + (part + j)[None, :])
            values = tl.dot(columns, few.to(columns.dtype), values, input_precision=PRECISION)
    else:
        whole = load_map(
            pointer, first_row + tl.arange(0, BM), c, rows, channels, log_block, tiles_y, tiles_x,
            stride_image, stride_row, stride_pixel, stride_group, kept, ROWS,
        )  # fmt: skip
        if MIXED:
            values += mix(matrix, whole, BM, BN, PRECISION)
        else:
            values += whole.to(tl.float32)
    return values


@triton.jit
def store_map(
    values,
    pointer,
    matrix,
    first_row,
    c,
    rows,
    channels,
    log_block,
    tiles_y,
    tiles_x,
    stride_image,
    stride_row,
    stride_pixel,
    stride_group,
    kept,
    ROWS: tl.constexpr,
    MIXED: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Store `values` [BM, BN]; if MIXED, they are multiplied by `matrix` first."""
    if MIXED:
        values = mix(matrix, values, BM, BN, PRECISION)
    m = first_row + tl.arange(0, BM)
    image, in_image, inner, y, x = positions(m, log_block, tiles_y, tiles_x)
    at = row_offsets(
        image, in_image, inner, y, x, stride_image, stride_row, stride_pixel, kept, ROWS
    )
    live = m < rows
    if ROWS:
        live = live & (inner < kept)
    tl.store(
        pointer + at[:, None] + channel_offsets(c, stride_group)[None, :],
        values.to(pointer.dtype.element_ty),
        mask=live[:, None] & (c < channels)[None, :],
    )
