"""Calls of the operators that keep a map's size: casts, channels, DC only, ReLU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from support.function_bodies import Array, BodyCase, terms_of
from support.maps import SHAPES, forward, inverse, random_map

from jpegcompile.dct.blocks import block_size, dc_map
from jpegcompile.kernels.arithmetic.reference import jpeg_add, jpeg_sub
from jpegcompile.kernels.batch_normalization.reference import jpeg_batch_normalization
from jpegcompile.kernels.cast.reference import to_jpeg, to_spatial
from jpegcompile.kernels.conv.reference import jpeg_pointwise_conv
from jpegcompile.kernels.relu.reference import jpeg_relu


def cast_cases() -> Iterator[BodyCase]:
    for shape in SHAPES:
        x, block = random_map(shape), block_size(*shape[2:])
        for op, matrices, meaning in (
            ("ToJpeg", forward(*shape[2:]), to_jpeg),
            ("ToSpatial", inverse(*shape[2:]), to_spatial),
        ):
            operands = (x, *matrices)
            expected = meaning(x, block=block)
            yield BodyCase(f"{shape}", op, operands, {"block": block}, expected, terms_of(matrices))


def channel_cases() -> Iterator[BodyCase]:
    """Operators that act on channels, and on DC only."""
    for shape in SHAPES:
        x, (height, width), channels = random_map(shape), shape[2:], shape[1]
        block = block_size(height, width)
        dc, attributes = dc_map(height, width, block), {"block": block}
        scale, shift = random_map((channels, 1, 1)), random_map((channels, 1, 1)) + 1.0
        normalized = jpeg_batch_normalization(x, scale, shift, block=block)
        operands: tuple[Array, ...] = (x, scale, shift, dc)
        yield BodyCase(f"{shape}", "JpegBatchNormalization", operands, attributes, normalized, 2)
        for value in (np.asarray(-1.5), shift, random_map((shape[0], channels, 1, 1))):
            name, operands = f"{shape}-{value.shape}", (x, value, dc)
            added = jpeg_add(x, value, block=block)
            yield BodyCase(name, "JpegAdd", operands, attributes, added, 2)
            less = jpeg_sub(x, value, block=block)
            yield BodyCase(name, "JpegSub", operands, attributes, less, 2)
        filters, biases = random_map((4 * channels, channels, 1, 1)), random_map((4 * channels,))
        for group in (1, channels):
            weight = filters[:, : channels // group]
            result = jpeg_pointwise_conv(x, weight, biases, block=block, group=group)
            operands = (x, weight, biases.reshape(-1, 1, 1), dc)
            yield BodyCase(
                f"{shape}-group{group}",
                "JpegPointwiseConv",
                operands,
                {"group": group, "block": block},
                result,
                channels // group + 1,
            )


def relu_cases() -> Iterator[BodyCase]:
    for shape in SHAPES:
        x, block = random_map(shape), block_size(*shape[2:])
        matrices = inverse(*shape[2:]) + forward(*shape[2:])
        expected = jpeg_relu(x, block=block)
        attributes = {"block": block}
        yield BodyCase(
            f"{shape}", "JpegRelu", (x, *matrices), attributes, expected, terms_of(matrices)
        )
