"""Bodies of convolutions with what follows them: a residual, an activation, or both.

Between a convolution and an activation no transform stands: the forward one of the convolution and
the inverse one of the activation would only undo each other. So the residual is added as pixels
where an activation follows, and as coefficients where none does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jpegcompile.backends.fragments import CONV, OLD_CLIP, TRANSFORMS
from jpegcompile.ir.fused import OPERANDS, SPATIAL_CONV, Activation, fused_name

# What makes `result` of `spatial`.
_APPLIED: Mapping[Activation, str] = {
    "": "",
    "Relu": "result = Relu(spatial)",
    "PRelu": "result = PRelu(spatial, slope)",
    "Clip": "result = Clip(spatial, low, high)",
}
_WINDOW = "strides, pads, dilations, group"
_FORWARD = """
        t = MatMul(forward_rows, result)
        y = MatMul(t, forward_columns)"""


def fused_bodies() -> dict[str, str]:
    """The body of every fused operator by its name."""
    return _bodies(_APPLIED)


def old_fused_bodies() -> dict[str, str]:
    """Of these operators those that clip, for models of opset 10 and below."""
    return _bodies({"Clip": OLD_CLIP})


def _bodies(applied: Mapping[Activation, str]) -> dict[str, str]:
    return {
        fused_name(base, has_residual, activation): make(has_residual, activation, statements)
        for base, make in _MAKERS.items()
        for activation, statements in applied.items()
        for has_residual in (False, True)
        # A convolution of the jpeg domain by itself is no fused operator.
        if has_residual or activation or base == SPATIAL_CONV
    }


def _jpeg_conv(has_residual: bool, activation: Activation, applied: str) -> str:
    attributes = f"{_WINDOW}, input_block, output_block"
    seen = """
        s = MatMul(inverse_rows, x)
        seen = MatMul(s, inverse_columns)"""
    if not activation:
        signature = _signature(attributes, has_residual, activation, TRANSFORMS)
        return f"""{signature} => (y) {{{seen}
        convolved = {CONV} (seen, weight, bias)
        t = MatMul(forward_rows, convolved)
        u = MatMul(t, forward_columns)
        y = Add(u, residual) }}"""
    if not has_residual:
        signature = _signature(attributes, has_residual, activation, TRANSFORMS)
        return f"""{signature} => (y) {{{seen}
        spatial = {CONV} (seen, weight, bias)
        {applied}{_FORWARD} }}"""
    matrices = f"{TRANSFORMS}, residual_rows, residual_columns"
    signature = _signature(attributes, has_residual, activation, matrices)
    return f"""{signature} => (y) {{{seen}
        convolved = {CONV} (seen, weight, bias)
        r = MatMul(residual_rows, residual)
        others = MatMul(r, residual_columns)
        spatial = Add(convolved, others)
        {applied}{_FORWARD} }}"""


def _jpeg_pointwise_conv(has_residual: bool, activation: Activation, applied: str) -> str:
    convolved = "convolved = Conv <group: int = @group> (x, weight)"
    if not activation:
        return f"""{_signature("group, block", has_residual, activation, "dc")} => (y) {{
        {convolved}
        on_dc = Mul(bias, dc)
        u = Add(convolved, on_dc)
        y = Add(u, residual) }}"""
    sum_, added = ("u", "u = Add(convolved, residual)") if has_residual else ("convolved", "")
    return f"""{_signature("group, block", has_residual, activation, TRANSFORMS)} => (y) {{
        {convolved}
        {added}
        s = MatMul(inverse_rows, {sum_})
        unbiased = MatMul(s, inverse_columns)
        spatial = Add(unbiased, bias)
        {applied}{_FORWARD} }}"""


def _spatial_conv(has_residual: bool, activation: Activation, applied: str) -> str:
    whole = "spatial" if activation else "y"
    convolved, added = whole, ""
    if has_residual:
        convolved, added = "convolved", f"{whole} = Add(convolved, residual)"
    return f"""{_signature(_WINDOW, has_residual, activation)} => (y) {{
        {convolved} = {CONV} (x, weight, bias)
        {added}
        {applied.replace("result =", "y =")} }}"""


def _signature(
    attributes: str, has_residual: bool, activation: Activation, matrices: str = ""
) -> str:
    residual = ["residual"] if has_residual else []
    inputs = ["x", "weight", "bias", *residual, *OPERANDS[activation], matrices]
    return f"<{attributes}> ({', '.join(name for name in inputs if name)})"


_MAKERS: Mapping[str, Callable[[bool, Activation, str], str]] = {
    "JpegConv": _jpeg_conv,
    "JpegPointwiseConv": _jpeg_pointwise_conv,
    SPATIAL_CONV: _spatial_conv,
}
