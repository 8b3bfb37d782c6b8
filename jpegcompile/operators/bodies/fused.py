"""Bodies of convolutions with what follows them: a residual, an activation, or both.

Between a convolution and an activation no transform stands: the forward one of the convolution and
the inverse one of the activation would only undo each other. So the residual is added as pixels
where an activation follows, and as coefficients where none does. A truncation is last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jpegcompile.operators.bodies.fragments import CONV, OLD_CLIP, TRANSFORMS
from jpegcompile.operators.fused import OPERANDS, SPATIAL_CONV, Activation, Form, forms

# What makes `result` of `spatial`.
_APPLIED: Mapping[Activation, str] = {
    "": "",
    "Relu": "result = Relu(spatial)",
    "PRelu": "result = PRelu(spatial, slope)",
    "Clip": "result = Clip(spatial, low, high)",
}
_WINDOW = "strides, pads, dilations, group"


def fused_bodies() -> dict[str, str]:
    """The body of every fused operator by its name."""
    return _bodies(_APPLIED)


def old_fused_bodies() -> dict[str, str]:
    """Of these operators those that clip, for models of opset 10 and below."""
    return _bodies({"Clip": OLD_CLIP})


def _bodies(applied: Mapping[Activation, str]) -> dict[str, str]:
    return {
        form.name: _MAKERS[form.base](form, applied[form.activation])
        for form in forms(*_MAKERS)
        # A convolution of the jpeg domain by itself is no fused operator.
        if form.activation in applied and (form.base == SPATIAL_CONV or any(form[1:]))
    }


def _jpeg_conv(form: Form, applied: str) -> str:
    attributes = f"{_WINDOW}, input_block, output_block"
    seen = """
        s = MatMul(inverse_rows, x)
        seen = MatMul(s, inverse_columns)"""
    if not form.activation:
        return f"""{_signature(attributes, form, TRANSFORMS)} => (y) {{{seen}
        convolved = {CONV} (seen, weight, bias)
        t = MatMul(forward_rows, convolved)
        u = MatMul(t, forward_columns)
        y = Add(u, residual) }}"""
    if not form.has_residual:
        return f"""{_signature(attributes, form, TRANSFORMS)} => (y) {{{seen}
        spatial = {CONV} (seen, weight, bias)
        {applied}{_forward(form)} }}"""
    matrices = f"{TRANSFORMS}, residual_rows, residual_columns"
    return f"""{_signature(attributes, form, matrices)} => (y) {{{seen}
        convolved = {CONV} (seen, weight, bias)
        r = MatMul(residual_rows, residual)
        others = MatMul(r, residual_columns)
        spatial = Add(convolved, others)
        {applied}{_forward(form)} }}"""


def _jpeg_pointwise_conv(form: Form, applied: str) -> str:
    convolved = "convolved = Conv <group: int = @group> (x, weight)"
    if not form.activation:
        return f"""{_signature("group, block", form, "dc")} => (y) {{
        {convolved}
        on_dc = Mul(bias, dc)
        u = Add(convolved, on_dc)
        y = Add(u, residual) }}"""
    sum_, added = ("u", "u = Add(convolved, residual)") if form.has_residual else ("convolved", "")
    return f"""{_signature("group, block", form, TRANSFORMS)} => (y) {{
        {convolved}
        {added}
        s = MatMul(inverse_rows, {sum_})
        unbiased = MatMul(s, inverse_columns)
        spatial = Add(unbiased, bias)
        {applied}{_forward(form)} }}"""


def _spatial_conv(form: Form, applied: str) -> str:
    whole = "spatial" if form.activation else "y"
    convolved, added = whole, ""
    if form.has_residual:
        convolved, added = "convolved", f"{whole} = Add(convolved, residual)"
    return f"""{_signature(_WINDOW, form)} => (y) {{
        {convolved} = {CONV} (x, weight, bias)
        {added}
        {applied.replace("result =", "y =")} }}"""


def _forward(form: Form) -> str:
    """Statements that make `y` of `result`."""
    coefficients, truncated = ("whole", "y = Mul(whole, band)") if form.is_truncated else ("y", "")
    return f"""
        t = MatMul(forward_rows, result)
        {coefficients} = MatMul(t, forward_columns)
        {truncated}"""


def _signature(attributes: str, form: Form, matrices: str = "") -> str:
    inputs = ["x", "weight", "bias", "residual" if form.has_residual else ""]
    inputs += [*OPERANDS[form.activation], matrices, "band" if form.is_truncated else ""]
    attributes += ", frequencies" if form.is_truncated else ""
    return f"<{attributes}> ({', '.join(name for name in inputs if name)})"


_MAKERS: Mapping[str, Callable[[Form, str], str]] = {
    "JpegConv": _jpeg_conv,
    "JpegPointwiseConv": _jpeg_pointwise_conv,
    SPATIAL_CONV: _spatial_conv,
}
