"""Pieces that function bodies are put together of."""

from __future__ import annotations

TRANSFORMS = "inverse_rows, inverse_columns, forward_rows, forward_columns"
PIXELS = """
        s = MatMul(inverse_rows, x)
        spatial = MatMul(s, inverse_columns)"""

CONV = (
    "Conv <strides: ints = @strides, pads: ints = @pads, dilations: ints = @dilations,"
    " group: int = @group>"
)

CONV_TRANSPOSE = (
    "ConvTranspose <strides: ints = @strides, pads: ints = @pads, dilations: ints = @dilations,"
    " output_padding: ints = @output_padding, group: int = @group>"
)

# Below opset 11 Clip takes its bounds as attributes, and Max and Min do not broadcast below 8.
OLD_CLIP = """
        zeros = Sub(spatial, spatial)
        lows = Add(zeros, low)
        highs = Add(zeros, high)
        raised = Max(spatial, lows)
        result = Min(raised, highs)"""


def between(signature: str, operator: str, pixels: str = PIXELS) -> str:
    """A spatial operator between an inverse and a forward transform.

    Args:
        signature: attributes and inputs.
        operator: an expression of `spatial`, or statements that end in `result = ...`.
        pixels: statements that make `spatial`.
    """
    statements = operator if "result = " in operator else f"result = {operator}"
    return f"""{signature} => (y)
    {{{pixels}
        {statements}
        t = MatMul(forward_rows, result)
        y = MatMul(t, forward_columns)
    }}"""
