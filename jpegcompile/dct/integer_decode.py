"""The integer decode: the pixels that Pillow returns for a JPEG file, from its coefficients.

`Image.open(file).convert("RGB")` uses libjpeg-turbo with its defaults: the inverse DCT "islow",
fancy upsampling, and fixed-point color conversion. The following steps (`ImageOps.exif_transpose`,
`Image.resize`, `crop`) are Pillow's own 8-bit arithmetic. Each step rounds and clamps, so nothing
here is linear. `decode.py` has the same chain in floating point.

This is the reference for kernels/preprocess/integer, written directly from the algorithms. It
matches Pillow 13 for x86-64 with libjpeg-turbo 3:

- For coefficients that no encoder produces, 16-bit sums wrap around and packing saturates, as in
  libjpeg-turbo's SSE2 and AVX2 code. The C code of libjpeg-turbo keeps more bits and returns other
  samples.
- Pillow resizes rows before columns if `are_rows_first` holds. Before Pillow 13 it did so only for
  images that are more than 100 times as tall as wide.
- libjpeg-turbo smooths a progressive file whose scans omit coefficients; this module does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.color import Color
from jpegcompile.errors import UsageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.messages import Message
from jpegcompile.preprocessing.geometry import AxisPlacement, Placement

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

# Inverse DCT: fractional bits of constants, and of samples between the two passes.
CONSTANT_BITS, PASS_BITS = 13, 2
# Fractional bits of color conversion, and of resampling weights (32 minus 8 bits of a sample, minus
# 2 for sums).
COLOR_BITS, WEIGHT_BITS = 16, 32 - 8 - 2


def _fixed(value: float, bits: int) -> int:
    return math.floor(value * (1 << bits) + 0.5)


def _wrapped(values: Integers, bits: int) -> Integers:
    """Wrap values around to two's complement of `bits` bits."""
    half = 1 << (bits - 1)
    return (values + half) % (2 * half) - half


def _pass_matrix() -> Integers:
    """Return the matrix [8 outputs, 10 operands] of one pass of the inverse DCT.

    The algorithm is from Loeffler, Ligtenberg and Moschytz (ICASSP 1989). Operands are the sums
    x0 + x4, x0 - x4, x7 + x3, x5 + x1, then x1, x2, x3, x5, x6, x7.
    """
    c = {
        value: _fixed(value, CONSTANT_BITS)
        for value in (
            *(0.298631336, 0.390180644, 0.541196100, 0.765366865, 0.899976223, 1.175875602),
            *(1.501321110, 1.847759065, 1.961570560, 2.053119869, 2.562915447, 3.072711026),
        )
    }
    one = 1 << CONSTANT_BITS
    high, low = c[0.541196100] + c[0.765366865], c[0.541196100] - c[1.847759065]
    middle = c[0.541196100]
    even = np.zeros((4, 10), np.int64)
    even[:, [0, 1, 5, 8]] = [
        [one, 0, high, middle],
        [0, one, middle, low],
        [0, one, -middle, -low],
        [one, 0, -high, -middle],
    ]
    both = c[1.175875602]
    third, fourth = both - c[1.961570560], both - c[0.390180644]
    outer, inner = -c[0.899976223], -c[2.562915447]
    odd = np.zeros((4, 10), np.int64)
    odd[:, [2, 3, 4, 6, 7, 9]] = [
        [both, fourth, c[1.501321110] + outer, 0, 0, outer],
        [third, both, 0, c[3.072711026] + inner, inner, 0],
        [both, fourth, 0, inner, c[2.053119869] + inner, 0],
        [third, both, outer, 0, 0, c[0.298631336] + outer],
    ]
    return np.concatenate([even + odd, (even - odd)[::-1]])


_PASS = _pass_matrix()


def _one_pass(x: Integers, shift: int) -> Integers:
    """Compute one pass along the last axis; results saturate at 16 bits."""
    sums = [
        x[..., 0] + x[..., 4],
        x[..., 0] - x[..., 4],
        x[..., 7] + x[..., 3],
        x[..., 5] + x[..., 1],
    ]
    operands = [_wrapped(each, 16) for each in sums] + [x[..., k] for k in (1, 2, 3, 5, 6, 7)]
    products = np.stack(operands, axis=-1) @ _PASS.T
    shifted = _wrapped(products + (1 << (shift - 1)), 32) >> shift
    return np.asarray(np.clip(shifted, -(1 << 15), (1 << 15) - 1))


def inverse_dct(blocks: NDArray[np.int16], table: NDArray[np.uint16]) -> Bytes:
    """Return the samples [..., 8, 8] of quantized blocks [..., 8, 8]."""
    dequantized = _wrapped(blocks.astype(np.int64) * table.astype(np.int64), 16)
    columns = _one_pass(np.swapaxes(dequantized, -1, -2), CONSTANT_BITS - PASS_BITS)
    # The shortcut for blocks with zeros in all rows but the first does not saturate.
    flat = np.asarray(~blocks[..., 1:, :].any(axis=(-1, -2)))
    first = _wrapped(dequantized[..., 0, :] << PASS_BITS, 16)[..., None]
    columns = np.where(flat[..., None, None], first, columns)
    samples = _one_pass(np.swapaxes(columns, -1, -2), CONSTANT_BITS + PASS_BITS + 3)
    return (np.clip(samples, -128, 127) + 128).astype(np.uint8)


def component_samples(coefficients: Coefficients, index: int) -> Bytes:
    """Return the samples [true height, true width] of one component."""
    blocks = inverse_dct(coefficients.planes[index], coefficients.quantization[index])
    height, width = coefficients.component_size(index)
    rows, columns = blocks.shape[:2]
    return blocks.swapaxes(1, 2).reshape(8 * rows, 8 * columns)[:height, :width]


def _neighbors(samples: Integers) -> tuple[Integers, Integers]:
    """Return the samples before and after each sample of the last axis; edges are repeated."""
    padded = np.concatenate([samples[..., :1], samples, samples[..., -1:]], axis=-1)
    return padded[..., :-2], padded[..., 2:]


def _doubled(samples: Integers) -> tuple[Integers, Integers]:
    """Return the two pixels of each sample, times four: 3 samples plus 1 neighbor."""
    before, behind = _neighbors(samples)
    return 3 * samples + before, 3 * samples + behind


def _alternating(first: Integers, second: Integers) -> Integers:
    return np.stack([first, second], axis=-1).reshape(*first.shape[:-1], -1)


def upsample(samples: Bytes, down: int, across: int) -> Bytes:
    """Upsample a component [height, width] to the size of the image, or slightly more.

    Each sample becomes `down` by `across` pixels. Factors of 2 interpolate with a triangle if the
    component is wider than two samples. The number added before shifting alternates, so rounding
    has no bias. Other factors repeat samples.
    """
    wide = samples.astype(np.int64)
    is_triangle = across == 1 or (across == 2 and samples.shape[1] > 2)
    if (down, across) == (1, 2) and is_triangle:
        first, second = _doubled(wide)
        wide = _alternating((first + 1) >> 2, (second + 2) >> 2)
    elif (down, across) == (2, 1):
        above, below = _doubled(wide.T)
        wide = _alternating((above + 1) >> 2, (below + 2) >> 2).T
    elif (down, across) == (2, 2) and is_triangle:
        tall = _alternating(*_doubled(wide.T)).T
        first, second = _doubled(tall)
        wide = _alternating((first + 8) >> 4, (second + 7) >> 4)
    else:
        wide = wide.repeat(down, axis=0).repeat(across, axis=1)
    return wide.astype(np.uint8)


def rgb_of_ycc(ycc: Bytes) -> Bytes:
    """Convert YCbCr [..., 3] to RGB by ITU-T T.871 in fixed point; green is rounded once."""
    y, cb, cr = (ycc[..., i].astype(np.int64) for i in range(3))
    cb, cr = cb - 128, cr - 128
    half = 1 << (COLOR_BITS - 1)
    red = y + ((_fixed(1.40200, COLOR_BITS) * cr + half) >> COLOR_BITS)
    chroma = _fixed(0.34414, COLOR_BITS) * cb + _fixed(0.71414, COLOR_BITS) * cr
    green = y + ((half - chroma) >> COLOR_BITS)
    blue = y + ((_fixed(1.77200, COLOR_BITS) * cb + half) >> COLOR_BITS)
    return np.asarray(np.clip(np.stack([red, green, blue], axis=-1), 0, 255), np.uint8)


def luma_of_rgb(rgb: Bytes) -> Bytes:
    """Convert RGB [..., 3] to luma [...] like Pillow's convert("L"): BT.601 with 16-bit weights."""
    weighted = rgb.astype(np.int64) @ np.array([19595, 38470, 7471])
    return np.asarray((weighted + (1 << 15)) >> 16, np.uint8)


def integer_pixels(coefficients: Coefficients, color: Color = "RGB") -> Bytes:
    """Return the pixels [height, width, channels] of a file, as stored.

    Gray files have three equal channels for the colors "RGB" and "BGR", and one channel for "L".

    Raises:
        ImageError: if sampling factors are fractional.
    """
    height, width = coefficients.height, coefficients.width
    planes = [
        upsample(component_samples(coefficients, i), *coefficients.frame.upsampling_factors(i))
        for i in range(len(coefficients.planes))
    ]
    pixels = np.stack([plane[:height, :width] for plane in planes], axis=-1)
    if coefficients.color_space == "gray":
        return pixels if color == "L" else pixels.repeat(3, axis=-1)
    if coefficients.color_space == "ycbcr":
        pixels = rgb_of_ycc(pixels)
    if color == "L":
        return luma_of_rgb(pixels)[..., None]
    return pixels[..., ::-1] if color == "BGR" else pixels


def _sinc(x: float) -> float:
    return 1.0 if x == 0.0 else math.sin(x * math.pi) / (x * math.pi)


def _hamming(x: float) -> float:
    # Pillow's two constants have single precision.
    first, second = float(np.float32(0.54)), float(np.float32(0.46))
    return _sinc(x) * (first + second * math.cos(x * math.pi)) if abs(x) < 1.0 else 0.0


def _bicubic(x: float) -> float:
    x = abs(x)
    if x < 1.0:
        return (1.5 * x - 2.5) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * -0.5 if x < 2.0 else 0.0


# Each window and half its width.
_FILTERS: dict[str, tuple[Callable[[float], float], float]] = {
    "box": (lambda x: 1.0 if -0.5 < x <= 0.5 else 0.0, 0.5),
    "bilinear": (lambda x: max(1.0 - abs(x), 0.0), 1.0),
    "hamming": (_hamming, 1.0),
    "bicubic": (_bicubic, 2.0),
    "lanczos": (lambda x: _sinc(x) * _sinc(x / 3) if -3.0 <= x < 3.0 else 0.0, 3.0),
}


def _nearest_weights(source: int, target: int) -> Integers:
    weights = np.zeros((target, source), np.int64)
    scale = source / target
    position = scale * 0.5
    for output in range(target):  # Pillow adds up the steps, with rounding errors
        weights[output, int(position)] = 1 << WEIGHT_BITS
        position += scale
    return weights


def resampling_weights(source: int, target: int, name: str) -> Integers:
    """Return weights [target, source] in units of 2**-22, as in Pillow's Resample.c.

    The window grows as the axis shrinks. Weights are normalized in double precision, then rounded
    to the nearest integer, halves away from zero. "nearest" is as in Geometry.c. `name` is a key of
    `_FILTERS` or "nearest".
    """
    if name == "nearest":
        return _nearest_weights(source, target)
    window, half_width = _FILTERS[name]
    scale = source / target
    stretch = max(scale, 1.0)
    support = half_width * stretch
    weights = np.zeros((target, source), np.int64)
    for output in range(target):
        center = (output + 0.5) * scale
        first = max(int(center - support + 0.5), 0)
        end = min(int(center + support + 0.5), source)
        values = [window((x - center + 0.5) * (1.0 / stretch)) for x in range(first, end)]
        total = 0.0
        for value in values:  # one by one: `sum` of Python 3.12 is more precise than Pillow
            total += value
        for x, value in enumerate(values, first):
            exact = (value / total if total else value) * (1 << WEIGHT_BITS)
            weights[output, x] = int(exact + math.copysign(0.5, exact))
    return weights


def _resampled(pixels: Bytes, axis: int, placement: AxisPlacement) -> Bytes:
    """Resample one axis; an axis of equal sizes does not change."""
    if placement.source == placement.target:
        return pixels
    if placement.filter.library != "pillow":
        raise UsageError(
            Message(
                "integer-decode-filter-not-pillow",
                f"the filter is defined by {placement.filter.library}; decoder libjpeg-turbo"
                " requires a filter of Pillow",
            )
        )
    weights = resampling_weights(placement.source, placement.target, placement.filter.name)
    # Sums are below 2**31, so they are exact in float64, which is fast.
    sums: Any = np.tensordot(weights.astype(np.float64), pixels.astype(np.float64), (1, axis))
    rounded = (sums.astype(np.int64) + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS
    return np.moveaxis(np.clip(rounded, 0, 255).astype(np.uint8), 0, axis)


def are_rows_first(rows: AxisPlacement, columns: AxisPlacement) -> bool:
    """Whether Pillow 13 resizes to the final height before it resizes to the final width."""
    fewer_rows, fewer_columns = rows.source - rows.target, columns.source - columns.target
    return fewer_rows > 0 and fewer_rows > 2 * fewer_columns


def resize(pixels: Bytes, placement: Placement) -> Bytes:
    """Turn and resize the result of `integer_pixels`. All views of an image are crops of this.

    Raises:
        UsageError: if the filter is from another library.
    """
    shown = pixels.swapaxes(0, 1) if placement.is_transposed else pixels
    axes = (placement.rows, placement.columns)
    for axis, along in enumerate(axes):
        if along.is_mirrored:
            shown = np.flip(shown, axis)
    for axis in (0, 1) if are_rows_first(*axes) else (1, 0):
        shown = _resampled(shown, axis, axes[axis])
    return shown


def cut(shown: Bytes, placement: Placement, fill: tuple[int, ...]) -> Bytes:
    """Crop the result of `resize` to a network's input; arguments as for `decode_integers`."""
    axes = (placement.rows, placement.columns)
    placed = np.empty((axes[0].length, axes[1].length, shown.shape[2]), np.uint8)
    placed[:] = fill
    inside = [range(max(a.start, 0), min(a.start + a.length, a.target)) for a in axes]
    if all(inside):
        source = tuple(slice(each.start, each.stop) for each in inside)
        target = tuple(
            slice(each.start - along.start, each.stop - along.start)
            for each, along in zip(inside, axes, strict=True)
        )
        placed[target] = shown[source]
    for axis, along in enumerate(axes):
        if along.is_flipped:
            placed = np.flip(placed, axis)
    return np.ascontiguousarray(placed.transpose(2, 0, 1))


def decode_integers(
    coefficients: Coefficients, placement: Placement, color: Color, fill: tuple[int, ...]
) -> Bytes:
    """Decode, resize and crop a file to a network's input [channels, rows, columns], unnormalized.

    Args:
        coefficients: coefficients of the file.
        placement: placement of one view, with a filter of Pillow.
        color: "RGB", "BGR" or "L".
        fill: value of each channel outside the image.

    Raises:
        ImageError: if sampling factors are fractional.
        UsageError: if the filter is not a filter of Pillow.
    """
    return cut(resize(integer_pixels(coefficients, color), placement), placement, fill)
