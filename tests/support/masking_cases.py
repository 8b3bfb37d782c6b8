"""Calls of the piecewise linear operators, exact and with approximated masks, and of truncation.

Masks are certain in float32 (see `support.masking`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import onnx
from support.function_bodies import Array, BodyCase, terms_of
from support.maps import SHAPES, Doubles, blocks_of, forward, inverse, random_map
from support.masking import clear_map, clear_pool_map
from support.window_cases import POOLS, output_size

from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.frequencies import band_map
from jpegcompile.dct.windows import Pads, Pair
from jpegcompile.kernels.clip.reference import jpeg_apx_clip, jpeg_asm_clip, jpeg_clip
from jpegcompile.kernels.max_pool.reference import jpeg_asm_max_pool
from jpegcompile.kernels.prelu.reference import jpeg_apx_prelu, jpeg_asm_prelu, jpeg_prelu
from jpegcompile.kernels.relu.reference import jpeg_apx_relu, jpeg_asm_relu
from jpegcompile.kernels.truncate.reference import jpeg_truncate

LARGEST = float(np.finfo(np.float32).max)
# Exactly representable; the last two are open on one side.
BOUNDS = [(-0.5, 0.75), (0.0, 1.0), (0.25, LARGEST), (-LARGEST, -0.25)]

# Few frequencies of those of a tile, for each block size.
BANDS = {8: (8, 1, 14), 4: (3, 1, 6), 2: (2, 1), 1: (1,)}


def slopes_of(shape: tuple[int, ...]) -> list[Doubles]:
    """One slope, one for each channel, and one for each pixel; magnitudes up to 1."""
    drawn = [random_map((shape[1], 1, 1)), random_map(shape[1:])]
    limited = [np.asarray(np.tanh(s).astype(np.float32), np.float64) for s in drawn]
    return [np.asarray([-0.125]), *limited]


def _counts(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Several frequencies on the first map of a block size, one on others."""
    block = block_size(*shape[2:])
    is_first = next(s for s in SHAPES if block_size(*s[2:]) == block) == shape
    return BANDS[block] if is_first else BANDS[block][:1]


def _family(
    name: str,
    shape: tuple[int, ...],
    count: int,
    parameters: tuple[Array, ...],
    breakpoints: tuple[float, ...],
    meanings: tuple[Callable[..., Doubles], Callable[..., Doubles]],
) -> Iterator[BodyCase]:
    """ASM and APX of one function; `meanings` take maps, block and frequencies by keyword."""
    x, (height, width) = clear_map(shape, count, breakpoints), shape[2:]
    block = block_size(height, width)
    band = band_map(height, width, block, count)
    matrices = inverse(height, width) + forward(height, width)
    attributes: dict[str, Any] = {"block": block, "frequencies": count}
    for form, expected in zip(("Asm", "Apx"), meanings, strict=True):
        to = {"to": onnx.TensorProto.DOUBLE} if form == "Asm" else {}
        yield BodyCase(
            f"{shape}-{count}-{'-'.join(str(p if p.ndim == 0 else p.shape) for p in parameters)}",
            f"Jpeg{form}{name}",
            (x, band, *parameters, *matrices),
            attributes | to,
            expected(x, block=block, frequencies=count),
            # The parameters act once on each pixel.
            terms_of(matrices) + 1,
        )


def masking_cases() -> Iterator[BodyCase]:
    """ASM and APX between pixels of one map."""
    for shape in SHAPES:
        for index, count in enumerate(_counts(shape)):
            yield from _family("Relu", shape, count, (), (0.0,), (jpeg_asm_relu, jpeg_apx_relu))
            # The parameters in turn, and all of them on the first map.
            for slope in slopes_of(shape)[index : None if shape == SHAPES[0] else index + 1]:
                yield from _family(
                    "PRelu",
                    shape,
                    count,
                    (slope,),
                    (0.0,),
                    (partial(jpeg_asm_prelu, slope=slope), partial(jpeg_apx_prelu, slope=slope)),
                )
            for low, high in BOUNDS[index : None if shape == SHAPES[0] else index + 1]:
                yield from _family(
                    "Clip",
                    shape,
                    count,
                    (np.asarray(low), np.asarray(high)),
                    (low, high),
                    (
                        partial(jpeg_asm_clip, low=low, high=high),
                        partial(jpeg_apx_clip, low=low, high=high),
                    ),
                )


def exact_cases() -> Iterator[BodyCase]:
    """PReLU and Clip with all frequencies, and truncation."""
    for shape in SHAPES:
        x, block = random_map(shape), block_size(*shape[2:])
        matrices = inverse(*shape[2:]) + forward(*shape[2:])
        attributes, terms = {"block": block}, terms_of(matrices) + 1
        for slope in slopes_of(shape):
            operands: tuple[Array, ...] = (x, slope, *matrices)
            expected = jpeg_prelu(x, slope, block=block)
            name = f"{shape}-{slope.shape}"
            yield BodyCase(name, "JpegPRelu", operands, attributes, expected, terms)
        for low, high in BOUNDS:
            operands = (x, np.asarray(low), np.asarray(high), *matrices)
            expected = jpeg_clip(x, low, high, block=block)
            name = f"{shape}-{low:g}-{high:g}"
            yield BodyCase(name, "JpegClip", operands, attributes, expected, terms)
        for count in _counts(shape):
            operands = (x, band_map(shape[2], shape[3], block, count))
            expected = jpeg_truncate(x, block=block, frequencies=count)
            kept = {**attributes, "frequencies": count}
            yield BodyCase(f"{shape}-{count}", "JpegTruncate", operands, kept, expected, 1)


def _pool_case(
    shape: tuple[int, ...], kernel: Pair, strides: Pair, pads: Pads, dilations: Pair, count: int
) -> BodyCase:
    window: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": strides,
        "pads": pads,
        "dilations": dilations,
    }
    x = clear_pool_map(shape, count, window)
    size = output_size(shape[2:], kernel, strides, pads, dilations)
    blocks = blocks_of(x, size)
    band = band_map(shape[2], shape[3], blocks["input_block"], count)
    matrices = inverse(*shape[2:]) + forward(*size)
    is_dilated = dilations != (1, 1)
    named = {k: v for k, v in window.items() if is_dilated or k != "dilations"}
    return BodyCase(
        f"{shape}-{kernel}-{strides}-{pads}-{dilations}-{count}",
        "JpegAsmDilatedMaxPool" if is_dilated else "JpegAsmMaxPool",
        (x, band, *matrices, np.asarray([-1])),
        {**named, **blocks, "frequencies": count},
        jpeg_asm_max_pool(x, **window, **blocks, frequencies=count),
        terms_of(matrices),
        10 if is_dilated else 8,
    )


def masked_pool_cases() -> Iterator[BodyCase]:
    """ASM for max pooling."""
    for shape, kernel, strides, pads, dilations in POOLS:
        for count in BANDS[block_size(*shape[2:])]:
            yield _pool_case(shape, kernel, strides, pads, dilations, count)
