"""Sums and products of a map with a number, a vector of channels, or another map."""

from __future__ import annotations

from dataclasses import replace

from jpegcompile.operators.definition import PIXELS, Operand, Operator
from jpegcompile.operators.fragments import (
    BAND,
    BLOCK,
    CHANNELS,
    DC,
    FREQUENCIES,
    PIXELS_OF_X,
    TRANSFORMS,
    always,
    between,
    feature_map,
    result,
)

SCALE = "JpegScale"
SCALE_ADD_RELU, SPATIAL_SCALE_ADD_RELU = "JpegScaleAddRelu", "SpatialScaleAddRelu"
SCALE_ADD_RELU_TRUNCATE = "JpegScaleAddReluTruncate"
_SCALE = Operand("scale", "vector", CHANNELS)


def _shift(name: str, summary: str, op: str, kernel: str) -> Operator:
    return Operator(
        name,
        summary,
        (feature_map(is_compact=True), Operand("value", "vector", CHANNELS), DC),
        result(is_compact=True),
        (BLOCK,),
        always(f" on_dc = Mul(value, dc)  y = {op}(x, on_dc)"),
        reference=f"arithmetic.reference:jpeg_{kernel}",
        kernel=kernel,
        keeps_band=True,
        spatial=always(f" y = {op}(x, value)"),
    )


_SCALED = """
        scaled = Mul(x, scale)
        summed = Add(scaled, residual)"""
_SUM_ON_PIXELS = always(f"{_SCALED}  y = Relu(summed)")
_SUMMED_PIXELS = f"""{_SCALED}
        s = MatMul(inverse_rows, summed)
        spatial = MatMul(s, inverse_columns)"""
_SCALED_SUMS = (
    Operator(
        SCALE_ADD_RELU,
        "max(0, scale * x + residual)",
        (
            feature_map(is_compact=True),
            _SCALE,
            feature_map("residual", is_compact=True),
            *TRANSFORMS,
        ),
        result(),
        (BLOCK,),
        always(between("Relu(spatial)", _SUMMED_PIXELS)),
        reference="arithmetic.reference:jpeg_scale_add_relu",
        kernel="scale_add_relu",
        spatial=_SUM_ON_PIXELS,
    ),
    Operator(
        SCALE_ADD_RELU_TRUNCATE,
        "JpegScaleAddRelu with only the frequencies of the band",
        (
            feature_map(is_compact=True),
            _SCALE,
            feature_map("residual", is_compact=True),
            *TRANSFORMS,
            BAND,
        ),
        result(is_compact=True),
        (BLOCK, FREQUENCIES),
        always(f"""{_SUMMED_PIXELS}
        result = Relu(spatial)
        t = MatMul(forward_rows, result)
        whole = MatMul(t, forward_columns)
        y = Mul(whole, band)"""),
        reference="arithmetic.reference:jpeg_scale_add_relu",
        kernel="scale_add_relu",
        spatial=_SUM_ON_PIXELS,
        truncates=True,
    ),
    Operator(
        SPATIAL_SCALE_ADD_RELU,
        "max(0, scale * x + residual) at block size 1",
        (feature_map(block=PIXELS), _SCALE, feature_map("residual", block=PIXELS)),
        result(block=PIXELS),
        (),
        _SUM_ON_PIXELS,
        reference="arithmetic.reference:jpeg_scale_add_relu",
        kernel="scale_add_relu",
        spatial=_SUM_ON_PIXELS,
    ),
)

# Statements that compute the pixels of both maps.
_BOTH_PIXELS = f"""{PIXELS_OF_X}
        o = MatMul(inverse_rows, residual)
        other_spatial = MatMul(o, inverse_columns)"""


def _of_two(name: str, summary: str, op: str, kernel: str) -> Operator:
    # A factor can be one map that is broadcast to all channels.
    other = replace(feature_map("residual"), is_broadcast=op == "Mul")
    return Operator(
        name,
        summary,
        (feature_map(), other, *TRANSFORMS),
        result(),
        (BLOCK,),
        always(between(f"{op}(spatial, other_spatial)", _BOTH_PIXELS)),
        reference=f"product.reference:jpeg_{op.lower()}",
        kernel=kernel,
        spatial=always(f" y = {op}(x, residual)"),
    )


ARITHMETIC: tuple[Operator, ...] = (
    _shift("JpegAdd", "x plus one number, or one number for each channel", "Add", "add"),
    _shift("JpegSub", "x minus one number, or one number for each channel", "Sub", "sub"),
    Operator(
        SCALE,
        "x times one number for each channel",
        (feature_map(is_compact=True), _SCALE),
        result(is_compact=True),
        (BLOCK,),
        always(" y = Mul(x, scale)"),
        reference="arithmetic.reference:jpeg_scale",
        kernel="scale",
        keeps_band=True,
        spatial=always(" y = Mul(x, scale)"),
    ),
    *_SCALED_SUMS,
    _of_two("JpegMul", "the per-pixel product of two maps", "Mul", "product"),
    _of_two("JpegMax", "the per-pixel maximum of two maps", "Max", "maximum"),
    _of_two("JpegMin", "the per-pixel minimum of two maps", "Min", "minimum"),
)
