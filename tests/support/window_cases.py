"""Calls of the operators that change a map's size: convolution, pooling, resampling and more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from support.function_bodies import BodyCase, terms_of
from support.maps import SHAPES, Doubles, blocks_of, forward, inverse, random_map

from jpegcompile.dct.blocks import block_size, to_jpeg
from jpegcompile.dct.linear import (
    average_pool_matrix,
    in_jpeg_domain,
    mean_matrix,
    pad_matrix,
    sum_matrix,
    take_matrix,
)
from jpegcompile.dct.resize import Sampling, resize_matrix
from jpegcompile.dct.windows import Pads, Pair
from jpegcompile.kernels.average_pool.reference import jpeg_average_pool, jpeg_global_average_pool
from jpegcompile.kernels.conv.reference import jpeg_conv
from jpegcompile.kernels.max_pool.reference import jpeg_global_max_pool, jpeg_max_pool
from jpegcompile.kernels.rearrange.reference import jpeg_depth_to_space, jpeg_space_to_depth
from jpegcompile.kernels.reduce.reference import jpeg_reduce_mean, jpeg_reduce_sum
from jpegcompile.kernels.resample.reference import jpeg_pad, jpeg_resize, jpeg_slice

# Shape, kernel, strides, pads, dilations, group and channels that result. Block sizes on the two
# sides: 8-8, 8-4, 4-1, 1-8, 8-1, 2-8, 1-1, 8-2, 4-4.
CONVOLUTIONS: list[tuple[tuple[int, ...], Pair, Pair, Pads, Pair, int, int]] = [
    ((1, 3, 16, 24), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 4),
    ((2, 4, 8, 24), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 2, 6),
    ((3, 2, 12, 4), (2, 3), (1, 1), (0, 1, 0, 0), (1, 1), 2, 2),
    ((5, 3, 7, 9), (3, 3), (1, 1), (2, 0, 1, 1), (1, 1), 3, 3),
    ((4, 2, 8, 8), (7, 7), (2, 1), (3, 3, 2, 3), (1, 1), 1, 3),
    ((2, 2, 14, 6), (1, 5), (2, 1), (1, 2, 2, 4), (1, 1), 1, 2),
    ((1, 1, 7, 9), (3, 2), (1, 2), (0, 0, 0, 0), (2, 3), 1, 2),
    ((2, 2, 16, 16), (3, 3), (1, 1), (0, 2, 2, 0), (2, 2), 1, 1),
    ((1, 6, 4, 12), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 3, 3),
    ((3, 2, 8, 16), (1, 1), (2, 2), (0, 0, 0, 0), (1, 1), 1, 4),
]


def output_size(
    size: Sequence[int], kernel: Pair, strides: Pair, pads: Pads, dilations: Pair
) -> Pair:
    """Height and width that a window gives."""
    high, wide = (
        (size[a] + pads[a] + pads[a + 2] - dilations[a] * (kernel[a] - 1) - 1) // strides[a] + 1
        for a in (0, 1)
    )
    return high, wide


def conv_cases() -> Iterator[BodyCase]:
    for shape, kernel, strides, pads, dilations, group, made in CONVOLUTIONS:
        x, size = random_map(shape), output_size(shape[2:], kernel, strides, pads, dilations)
        weight, bias = random_map((made, shape[1] // group, *kernel)), random_map((made,))
        window: dict[str, Any] = {
            "strides": strides,
            "pads": pads,
            "dilations": dilations,
            "group": group,
        }
        blocks = blocks_of(x, size)
        expected = jpeg_conv(x, weight, bias, **window, **blocks)
        matrices = inverse(*shape[2:]) + forward(*size)
        yield BodyCase(
            f"{shape}-{kernel}-{strides}-{pads}-{dilations}-{group}",
            "JpegConv",
            (x, weight, bias, *matrices),
            {**window, **blocks},
            expected,
            terms_of(matrices) + weight[0].size + 1,
        )


# Shape, kernel, strides, pads, dilations.
POOLS: list[tuple[tuple[int, ...], Pair, Pair, Pads, Pair]] = [
    ((1, 3, 16, 24), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1)),
    ((2, 1, 12, 8), (2, 2), (2, 2), (0, 0, 0, 0), (1, 1)),
    ((3, 2, 14, 6), (3, 2), (1, 2), (1, 0, 2, 1), (1, 1)),
    ((5, 4, 7, 9), (2, 4), (1, 1), (1, 1, 0, 1), (1, 1)),
    ((4, 2, 8, 8), (8, 8), (8, 8), (0, 0, 0, 0), (1, 1)),
    ((2, 2, 16, 16), (3, 2), (2, 1), (2, 1, 1, 0), (2, 3)),
    ((1, 1, 9, 8), (2, 3), (1, 1), (0, 1, 0, 1), (1, 2)),
]


def pool_cases() -> Iterator[BodyCase]:
    for shape, kernel, strides, pads, dilations in POOLS:
        x, size = random_map(shape), output_size(shape[2:], kernel, strides, pads, dilations)
        blocks, name = blocks_of(x, size), f"{shape}-{kernel}-{strides}-{pads}-{dilations}"
        window: dict[str, Any] = {
            "kernel_shape": kernel,
            "strides": strides,
            "pads": pads,
            "dilations": dilations,
        }
        matrices = inverse(*shape[2:]) + forward(*size)
        is_dilated = dilations != (1, 1)
        yield BodyCase(
            name,
            "JpegDilatedMaxPool" if is_dilated else "JpegMaxPool",
            (x, *matrices),
            {**{k: v for k, v in window.items() if is_dilated or k != "dilations"}, **blocks},
            jpeg_max_pool(x, **window, **blocks),
            terms_of(matrices),
            10 if is_dilated else 7,
        )
        for count in (False, True):
            axes = [
                average_pool_matrix(
                    shape[2 + axis],
                    kernel[axis],
                    strides[axis],
                    (pads[axis], pads[axis + 2]),
                    dilations[axis],
                    count,
                )
                for axis in (0, 1)
            ]
            expected = jpeg_average_pool(x, **window, **blocks, count_include_pad=count)
            yield _separable(f"{name}-{count}", "JpegAveragePool", x, axes, expected)


def _separable(name: str, op: str, x: Doubles, axes: list[Doubles], expected: Doubles) -> BodyCase:
    """An operator that is a matrix for each axis, given in the spatial domain."""
    blocks = blocks_of(x, expected.shape[2:])
    rows, columns = (in_jpeg_domain(axis, **blocks) for axis in axes)
    operands = (x, rows, columns.T)
    return BodyCase(name, op, operands, blocks, expected, terms_of(operands[1:]))


def resampling_cases() -> Iterator[BodyCase]:
    for shape in SHAPES:
        x, (height, width) = random_map(shape), shape[2:]
        means = [mean_matrix(height), mean_matrix(width)]
        pooled = jpeg_global_average_pool(x, input_block=block_size(height, width))
        yield _separable(f"{shape}", "JpegGlobalAveragePool", x, means, pooled)
        for rows, columns in (
            (slice(None, None, 2), slice(None, None, 2)),
            (slice(1, -2), slice(None, None, -1)),
            (slice(None), slice(3, None, 3)),
        ):
            taken = [range(height)[rows], range(width)[columns]]
            size = (len(taken[0]), len(taken[1]))
            axes = [take_matrix(taken[0], height), take_matrix(taken[1], width)]
            expected = jpeg_slice(x, rows, columns, **blocks_of(x, size))
            yield _separable(f"{shape}-{rows}-{columns}", "JpegSlice", x, axes, expected)
        pads: Pads
        for pads in ((1, 1, 1, 1), (0, 3, 2, 5), (0, -2, 4, -1), (4, 4, 4, 4)):
            top, left, bottom, right = pads
            axes = [pad_matrix(top, bottom, height), pad_matrix(left, right, width)]
            size = (height + top + bottom, width + left + right)
            padded = jpeg_pad(x, pads, **blocks_of(x, size))
            yield _separable(f"{shape}-{pads}", "JpegPad", x, axes, padded)


# Mode, size and new size: enlarged and reduced, by whole and by broken factors.
RESIZES: list[tuple[str, Pair, Pair]] = [
    ("linear", (16, 24), (32, 48)),
    ("nearest", (12, 8), (24, 16)),
    ("cubic", (14, 6), (7, 12)),
    ("linear", (7, 9), (11, 16)),
    ("nearest", (8, 8), (4, 20)),
]


def resize_cases() -> Iterator[BodyCase]:
    for mode, (height, width), size in RESIZES:
        x, sampling = random_map((2, 3, height, width)), Sampling(mode)
        axes = [
            resize_matrix(before, after, after / before, sampling)
            for before, after in zip((height, width), size, strict=True)
        ]
        expected = jpeg_resize(x, axes[0], axes[1], **blocks_of(x, size))
        yield _separable(f"{mode}-{height}x{width}-{size}", "JpegResize", x, axes, expected)


def reduction_cases() -> Iterator[BodyCase]:
    for shape in SHAPES:
        x, (height, width) = random_map(shape), shape[2:]
        for axes, size in (((2,), (1, width)), ((3,), (height, 1)), ((2, 3), (1, 1))):
            blocks = blocks_of(x, size)
            for op, matrix, meaning in (
                ("JpegReduceMean", mean_matrix, jpeg_reduce_mean),
                ("JpegReduceSum", sum_matrix, jpeg_reduce_sum),
            ):
                matrices = [
                    matrix(side) if axis in axes else np.eye(side)
                    for axis, side in zip((2, 3), (height, width), strict=True)
                ]
                expected = meaning(x, axes, **blocks)
                yield _separable(f"{shape}-{axes}", op, x, matrices, expected)


def global_max_pool_cases() -> Iterator[BodyCase]:
    """The largest pixel is the first, so that a fault in the first entry of an operand shows."""
    for shape in SHAPES:
        pixels, block = random_map(shape), block_size(*shape[2:])
        pixels[..., 0, 0] += 8.0
        x, matrices = to_jpeg(pixels, block), inverse(*shape[2:])
        pooled = jpeg_global_max_pool(x, input_block=block)
        blocks, operands = blocks_of(x, (1, 1)), (x, *matrices)
        terms = terms_of(matrices)
        yield BodyCase(f"{shape}", "JpegGlobalMaxPool", operands, blocks, pooled, terms)


# Shape and side of the tiles.
REARRANGEMENTS: list[tuple[tuple[int, ...], int]] = [
    ((1, 3, 16, 24), 2),
    ((2, 4, 12, 8), 4),
    ((3, 8, 14, 6), 2),
    ((1, 9, 9, 15), 3),
    ((2, 4, 8, 8), 2),
]


def rearrangement_cases() -> Iterator[BodyCase]:
    for shape, side in REARRANGEMENTS:
        count, channels, height, width = shape
        tiles = random_map(shape)
        depths = random_map((count, channels * side**2, height // side, width // side))
        for op, x, size, meaning in (
            ("JpegSpaceToDepth", tiles, depths.shape[2:], jpeg_space_to_depth),
            ("JpegDepthToSpace", depths, (height, width), jpeg_depth_to_space),
        ):
            attributes = {"blocksize": side, **blocks_of(x, size)}
            matrices = inverse(*x.shape[2:]) + forward(*size)
            operands = (x, *matrices)
            expected = meaning(x, **attributes)
            yield BodyCase(
                f"{shape}-{side}", op, operands, attributes, expected, terms_of(matrices)
            )
