"""Transposed convolution."""

from __future__ import annotations

from jpegcompile.operators.convolution import GROUP, WINDOW
from jpegcompile.operators.definition import Attribute, Operand, Operator
from jpegcompile.operators.fragments import (
    IN_AND_OUT,
    TRANSFORMS_BETWEEN,
    always,
    between,
    feature_map,
    pixels,
    result,
)

_CONV_TRANSPOSE = (
    "ConvTranspose <strides: ints = @strides, pads: ints = @pads, dilations: ints = @dilations,"
    " output_padding: ints = @output_padding, group: int = @group> (spatial, weight, bias)"
)

TRANSPOSED: tuple[Operator, ...] = (
    Operator(
        "JpegConvTranspose",
        "the transposed convolution of the pixels",
        (
            feature_map(block="input_block", is_compact=True),
            Operand("weight", "weights", "C ? ? ?"),
            Operand("bias", "weights", "O"),
            *TRANSFORMS_BETWEEN,
        ),
        result("N O P Q", "output_block"),
        (*WINDOW, Attribute("output_padding", "ints"), GROUP, *IN_AND_OUT),
        always(between(_CONV_TRANSPOSE)),
        reference="conv_transpose.reference:jpeg_conv_transpose",
        kernel="conv_transpose",
        spatial=pixels(_CONV_TRANSPOSE),
    ),
)
