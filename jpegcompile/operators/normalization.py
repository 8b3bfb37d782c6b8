"""Normalizations: batch normalization at inference, and group normalization."""

from __future__ import annotations

from jpegcompile.operators.definition import PIXELS, Attribute, Operand, Operator
from jpegcompile.operators.fragments import BLOCK, CHANNELS, DC, NUMBER, always, feature_map, result

JPEG_GROUP_NORMALIZATION = "JpegGroupNormalization"
SPATIAL_GROUP_NORMALIZATION = "SpatialGroupNormalization"
_SCALE, _SHIFT = (Operand(name, "vector", CHANNELS) for name in ("scale", "shift"))
_GROUPS = Attribute("groups", "int")
_STATISTICS = (
    _SCALE,
    _SHIFT,
    Operand("epsilon", "vector", NUMBER),
    Operand("to_rows", "index", "4", "int64"),
)

# Statements that normalize `centered` [N, groups, rows, elements], a map with mean zero. A global
# average pool computes the mean of a row.
_NORMALIZED = """
        squares = Mul(centered, centered)
        variance = GlobalAveragePool(squares)
        steady = Add(variance, epsilon)
        deviation = Sqrt(steady)
        normalized = Div(centered, deviation)
        shape = Shape(x)
        map = Reshape(normalized, shape)
        scaled = Mul(map, scale)"""
# The sum of a map's pixels is the inner product of its coefficients with the coefficients of a map
# of ones. The mean is subtracted twice to remove the rounding error of a large mean.
_OF_TILES = f"""
        ones = Flatten <axis = 0> (dc)
        rows = Reshape(x, to_rows)
        on_ones = Mul(rows, ones)
        mean = GlobalAveragePool(on_ones)
        means = Mul(mean, ones)
        nearly = Sub(rows, means)
        rest_on_ones = Mul(nearly, ones)
        rest = GlobalAveragePool(rest_on_ones)
        rests = Mul(rest, ones)
        centered = Sub(nearly, rests){_NORMALIZED}
        shifted = Mul(shift, dc)
        y = Add(scaled, shifted)"""
_OF_PIXELS = f"""
        rows = Reshape(x, to_rows)
        mean = GlobalAveragePool(rows)
        nearly = Sub(rows, mean)
        rest = GlobalAveragePool(nearly)
        centered = Sub(nearly, rest){_NORMALIZED}
        y = Add(scaled, shift)"""

NORMALIZATIONS: tuple[Operator, ...] = (
    Operator(
        "JpegBatchNormalization",
        "scale * x + shift, with one scale and one shift for each channel",
        (feature_map(is_compact=True), _SCALE, _SHIFT, DC),
        result(is_compact=True),
        (BLOCK,),
        always(" scaled = Mul(x, scale)  on_dc = Mul(shift, dc)  y = Add(scaled, on_dc)"),
        reference="batch_normalization.reference:jpeg_batch_normalization",
        kernel="batch_normalization",
        keeps_band=True,
        raising="batch-normalization",
    ),
    Operator(
        JPEG_GROUP_NORMALIZATION,
        "x normalized by mean and variance of each group of channels of each image",
        (feature_map(), *_STATISTICS, DC),
        result(),
        (_GROUPS, BLOCK),
        always(_OF_TILES),
        reference="group_normalization.reference:jpeg_group_normalization",
        kernel="group_normalization",
        raising="group-normalization",
    ),
    Operator(
        SPATIAL_GROUP_NORMALIZATION,
        "JpegGroupNormalization at block size 1",
        (feature_map(block=PIXELS), *_STATISTICS),
        result(block=PIXELS),
        (_GROUPS,),
        always(_OF_PIXELS),
        reference="group_normalization.reference:jpeg_group_normalization",
        kernel="group_normalization",
        raising="group-normalization",
    ),
)
