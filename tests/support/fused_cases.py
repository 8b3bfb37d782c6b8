"""Calls of convolutions with what follows them, and of operators at block size 1.

What is expected is composed of the references of the single operators.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from support.function_bodies import Array, BodyCase, terms_of
from support.maps import SHAPES, Doubles, forward, inverse, random_map
from support.masking_cases import BOUNDS, slopes_of
from support.window_cases import CONVOLUTIONS, POOLS, output_size

from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.frequencies import band_map, full
from jpegcompile.kernels.arithmetic.reference import jpeg_scale_add_relu
from jpegcompile.kernels.average_pool.reference import jpeg_global_average_pool
from jpegcompile.kernels.clip.reference import jpeg_clip
from jpegcompile.kernels.conv.reference import jpeg_conv, jpeg_pointwise_conv
from jpegcompile.kernels.max_pool.reference import jpeg_max_pool
from jpegcompile.kernels.prelu.reference import jpeg_prelu
from jpegcompile.kernels.relu.reference import jpeg_relu
from jpegcompile.kernels.truncate.reference import jpeg_truncate
from jpegcompile.operators.fused import SPATIAL_CONV, Activation, Form, forms


def _activated(x: Doubles, activation: Activation, operands: tuple[Array, ...], block: int) -> Any:
    if activation == "Relu":
        return jpeg_relu(x, block=block)
    if activation == "PRelu":
        return jpeg_prelu(x, operands[0], block=block)
    if activation == "Clip":
        return jpeg_clip(x, float(operands[0]), float(operands[1]), block=block)
    return x


def _operands(activation: Activation, channels: int, index: int) -> tuple[Array, ...]:
    """One number or one a channel for a slope, and bounds of several kinds, in turn."""
    if activation == "PRelu":
        return (slopes_of((1, channels, 1, 1))[index % 2],)
    low, high = BOUNDS[index % len(BOUNDS)]
    return (np.asarray(low), np.asarray(high)) if activation == "Clip" else ()


@dataclass(frozen=True)
class Epilogue:
    """What follows a convolution, and what it makes of a map.

    Attributes:
        form: the operator.
        operands: the residual, and those of the activation.
        bands: of a truncation, behind the transforms.
        attributes: of a truncation.
        expected: the result.
    """

    form: Form
    operands: tuple[Array, ...]
    bands: list[Array]
    attributes: dict[str, int]
    expected: Doubles


def _epilogues(base: str, convolved: Doubles, block: int, index: int) -> Iterator[Epilogue]:
    """Every epilogue of a convolution."""
    residual = random_map(convolved.shape)[::-1]
    # The first pixel is within every bound that is open on one side or none, so that it shows.
    residual[0, 0, 0, 0] = np.float32(0.5 - convolved[0, 0, 0, 0])
    for turn, form in enumerate(forms(base)):
        operands = _operands(form.activation, convolved.shape[1], index)
        whole = convolved + residual if form.has_residual else convolved
        expected = _activated(whole, form.activation, operands, block)
        operands = ((residual,) if form.has_residual else ()) + operands
        if not form.is_truncated:
            yield Epilogue(form, operands, [], {}, expected)
            continue
        count = (index + turn) % full(block) + 1
        kept = jpeg_truncate(expected, block=block, frequencies=count)
        height, width = convolved.shape[2:]
        bands: list[Array] = [band_map(height, width, block, count)]
        yield Epilogue(form, operands, bands, {"frequencies": count}, kept)


def fused_conv_cases() -> Iterator[BodyCase]:
    """Fused convolutions of any geometry, in the jpeg domain and at block size 1."""
    for index, (shape, kernel, strides, pads, dilations, group, made) in enumerate(CONVOLUTIONS):
        x, size = random_map(shape), output_size(shape[2:], kernel, strides, pads, dilations)
        weight, bias = random_map((made, shape[1] // group, *kernel)), random_map((made,))
        window: dict[str, Any] = {
            "strides": strides,
            "pads": pads,
            "dilations": dilations,
            "group": group,
        }
        name = f"{shape}-{kernel}-{strides}-{pads}-{dilations}-{group}"
        products = weight[0].size + 3
        for base in ("JpegConv", SPATIAL_CONV):
            is_spatial = base == SPATIAL_CONV
            blocks: dict[str, Any] = {
                "input_block": 1 if is_spatial else block_size(*shape[2:]),
                "output_block": 1 if is_spatial else block_size(*size),
            }
            convolved = jpeg_conv(x, weight, bias, **window, **blocks)
            for epilogue in _epilogues(base, convolved, blocks["output_block"], index):
                form = epilogue.form
                if base == "JpegConv" and not any(form[1:]):
                    continue
                matrices = inverse(*shape[2:]) + forward(*size)
                matrices += inverse(*size) if form.has_residual and form.activation else []
                matrices = [] if is_spatial else matrices
                attributes = window if is_spatial else {**window, **blocks}
                yield BodyCase(
                    name,
                    form.name,
                    (x, weight, bias, *epilogue.operands, *matrices, *epilogue.bands),
                    {**attributes, **epilogue.attributes},
                    epilogue.expected,
                    terms_of(matrices) + products,
                )


def fused_pointwise_cases() -> Iterator[BodyCase]:
    """Fused convolutions by 1x1 kernels."""
    for index, shape in enumerate(SHAPES):
        x, channels, block = random_map(shape), shape[1], block_size(*shape[2:])
        filters, biases = random_map((4 * channels, channels, 1, 1)), random_map((4 * channels,))
        dc = np.zeros(shape[2:])
        dc[::block, ::block] = block
        matrices = inverse(*shape[2:]) + forward(*shape[2:])
        for group in (1, channels):
            weight = filters[:, : channels // group]
            convolved = jpeg_pointwise_conv(x, weight, biases, block=block, group=group)
            for epilogue in _epilogues("JpegPointwiseConv", convolved, block, index):
                activation = epilogue.form.activation
                if not any(epilogue.form[1:]):
                    continue
                others = [*(matrices if activation else [dc]), *epilogue.bands]
                yield BodyCase(
                    f"{shape}-group{group}",
                    epilogue.form.name,
                    (x, weight, biases.reshape(-1, 1, 1), *epilogue.operands, *others),
                    {"group": group, "block": block, **epilogue.attributes},
                    epilogue.expected,
                    channels // group + 3 + (terms_of(matrices) if activation else 0),
                )


def spatial_cases() -> Iterator[BodyCase]:
    """Pools at block size 1, and factors of channels in either domain."""
    for shape, kernel, strides, pads, dilations in POOLS:
        x = random_map(shape)
        # The largest pixel is the first, so that a fault in it shows.
        x[..., 0, 0] += 8.0
        window: dict[str, Any] = {
            "kernel_shape": kernel,
            "strides": strides,
            "pads": pads,
            "dilations": dilations,
        }
        pooled = jpeg_max_pool(x, **window, input_block=1, output_block=1)
        name = f"{shape}-{kernel}-{strides}-{pads}-{dilations}"
        oldest = 7 if dilations == (1, 1) else 10
        yield BodyCase(name, "SpatialMaxPool", (x,), window, pooled, 1, oldest)
    for shape in SHAPES:
        x = random_map(shape)
        x[..., 0, 0] += 8.0
        pooled, terms = jpeg_global_average_pool(x, input_block=1), shape[2] * shape[3] + 1
        yield BodyCase(f"{shape}", "SpatialGlobalAveragePool", (x,), {}, pooled, terms)
        for batch in {1, shape[0]}:
            scale = random_map((batch, shape[1], 1, 1))
            attributes = {"block": block_size(*shape[2:])}
            scaled = np.stack([image * scale[n % batch] for n, image in enumerate(x)])
            yield BodyCase(f"{shape}-{batch}", "JpegScale", (x, scale), attributes, scaled, 1)
        yield from _scaled_sums(shape)


def _scaled_sums(shape: tuple[int, ...]) -> Iterator[BodyCase]:
    x, residual, scale = (random_map(size) for size in (shape, shape, (*shape[:2], 1, 1)))
    # A fault in the first elements shows only where their sum is above zero.
    x[..., 0, 0], scale = x[..., 0, 0] + 8.0, np.abs(scale) + 1.0
    (height, width), name = shape[2:], f"{shape}"
    block, matrices = block_size(height, width), inverse(*shape[2:]) + forward(*shape[2:])
    operands: tuple[Array, ...] = (x, scale, residual)
    expected = jpeg_scale_add_relu(x, scale, residual, block=1)
    yield BodyCase(name, "SpatialScaleAddRelu", operands, {}, expected, 2)
    expected, terms = jpeg_scale_add_relu(x, scale, residual, block=block), terms_of(matrices) + 2
    operands, attributes = (*operands, *matrices), {"block": block}
    yield BodyCase(name, "JpegScaleAddRelu", operands, attributes, expected, terms)
    count = (shape[0] + shape[1]) % full(block) + 1
    operands = (*operands, band_map(height, width, block, count))
    attributes, op = attributes | {"frequencies": count}, "JpegScaleAddReluTruncate"
    expected = jpeg_truncate(expected, block=block, frequencies=count)
    yield BodyCase(name, op, operands, attributes, expected, terms)
