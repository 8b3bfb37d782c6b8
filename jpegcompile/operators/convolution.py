"""Convolutions and fused convolutions.

    y = band * activation(convolution(x, weight) + bias + residual)

All parts except the convolution and its bias are optional. Only an activated output is truncated.
The name of an operator lists its parts: JpegConvAddReluTruncate. There is no transform between a
convolution and its activation, since the forward and the inverse transform would cancel. So the
residual input is added as pixels if an activation follows, and as coefficients otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jpegcompile.operators.definition import PIXELS, Attribute, Body, Operand, Operator
from jpegcompile.operators.fragments import (
    BAND,
    BLOCK,
    DC,
    FREQUENCIES,
    IN_AND_OUT,
    NUMBER,
    PIXELS_OF_X,
    TRANSFORMS,
    always,
    feature_map,
    forward,
    inverse,
    matrices,
)
from jpegcompile.operators.piecewise import (
    BOUNDS,
    CLIP,
    CLIP_INPUTS_SINCE,
    OLD_CLIP,
    PRELU,
    RELU,
    SLOPE,
)

JPEG_CONV, JPEG_POINTWISE_CONV = "JpegConv", "JpegPointwiseConv"
# The convolution at block size 1: input and output are in the spatial domain.
SPATIAL_CONV = "SpatialConv"
# Method of the native kernel for a convolution with a window; empty for the kernel's choice.
METHOD = Attribute("method", "string", "")
WINDOW = tuple(Attribute(name, "ints") for name in ("strides", "pads", "dilations"))
GROUP = Attribute("group", "int")
# Matrices that transform a residual input to pixels.
RESIDUAL_INVERSE = ("residual_rows", "residual_columns")
_CONV = (
    "Conv <strides: ints = @strides, pads: ints = @pads, dilations: ints = @dilations,"
    " group: int = @group>"
)


@dataclass(frozen=True)
class Activation:
    """An activation after a convolution or a sum.

    Attributes:
        operator: name of the separate JPEG-domain operator of the activation.
        operands: operands in addition to the map.
        applied: statements that compute `result` from `spatial`.
        old: statements for models below opset 11, if they differ.
    """

    operator: str = ""
    operands: tuple[Operand, ...] = ()
    applied: str = ""
    old: str = ""


NONE = ""
ACTIVATIONS: Mapping[str, Activation] = {
    NONE: Activation(),
    "Relu": Activation(RELU, (), "result = Relu(spatial)"),
    "PRelu": Activation(PRELU, (SLOPE,), "result = PRelu(spatial, slope)"),
    "Clip": Activation(CLIP, BOUNDS, "result = Clip(spatial, low, high)", OLD_CLIP),
}


def fused_name(
    base: str, has_residual: bool, activation: str = NONE, is_truncated: bool = False
) -> str:
    """Return the name of a fused convolution.

    Args:
        base: the convolution without epilogue.
        has_residual: whether there is a residual input.
        activation: the activation, or none.
        is_truncated: whether the output is truncated.
    """
    return f"{base}{'Add' if has_residual else ''}{activation}{'Truncate' if is_truncated else ''}"


@dataclass(frozen=True)
class _Form:
    """The parts of an operator; see the module's docstring."""

    base: str
    has_residual: bool
    activation: str
    is_truncated: bool

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Operands of the activation in addition to the map, with the output channels."""
        return tuple(
            Operand(o.name, o.role, NUMBER if o.shape == NUMBER else "N O 1 1")
            for o in ACTIVATIONS[self.activation].operands
        )

    def bodies(self) -> tuple[Body, ...]:
        """Return the function bodies: one for each variant of the activation."""
        make, activation = _STATEMENTS[self.base], ACTIVATIONS[self.activation]
        new = Body(make(self, activation.applied))
        if not activation.old:
            return (new,)
        return (Body(make(self, activation.old), CLIP_INPUTS_SINCE), new)

    def forward(self) -> str:
        """Return statements that compute `y` from `result`."""
        whole, truncated = ("whole", "y = Mul(whole, band)") if self.is_truncated else ("y", "")
        return f"""
        t = MatMul(forward_rows, result)
        {whole} = MatMul(t, forward_columns)
        {truncated}"""


def _forms(base: str) -> Iterator[_Form]:
    for activation in ACTIVATIONS:
        for has_residual in (False, True):
            yield _Form(base, has_residual, activation, False)
            if activation and base != SPATIAL_CONV:
                yield _Form(base, has_residual, activation, True)


def _jpeg_conv_statements(form: _Form, applied: str) -> str:
    seen = """
        s = MatMul(inverse_rows, x)
        seen = MatMul(s, inverse_columns)"""
    if not form.activation and not form.has_residual:
        return f"""{PIXELS_OF_X}
        result = {_CONV} (spatial, weight, bias)
        t = MatMul(forward_rows, result)
        y = MatMul(t, forward_columns)"""
    if not form.activation:
        return f"""{seen}
        convolved = {_CONV} (seen, weight, bias)
        t = MatMul(forward_rows, convolved)
        u = MatMul(t, forward_columns)
        y = Add(u, residual)"""
    if not form.has_residual:
        return f"""{seen}
        spatial = {_CONV} (seen, weight, bias)
        {applied}{form.forward()}"""
    return f"""{seen}
        convolved = {_CONV} (seen, weight, bias)
        r = MatMul(residual_rows, residual)
        others = MatMul(r, residual_columns)
        spatial = Add(convolved, others)
        {applied}{form.forward()}"""


def _pointwise_statements(form: _Form, applied: str) -> str:
    convolved = "Conv <group: int = @group> (x, weight)"
    if not form.activation and not form.has_residual:
        return f" t = {convolved}  on_dc = Mul(bias, dc)  y = Add(t, on_dc)"
    if not form.activation:
        return f"""
        convolved = {convolved}
        on_dc = Mul(bias, dc)
        u = Add(convolved, on_dc)
        y = Add(u, residual)"""
    sum_, added = ("u", "u = Add(convolved, residual)") if form.has_residual else ("convolved", "")
    return f"""
        convolved = {convolved}
        {added}
        s = MatMul(inverse_rows, {sum_})
        unbiased = MatMul(s, inverse_columns)
        spatial = Add(unbiased, bias)
        {applied}{form.forward()}"""


def _spatial_statements(form: _Form, applied: str) -> str:
    whole = "spatial" if form.activation else "y"
    convolved, added = whole, ""
    if form.has_residual:
        convolved, added = "convolved", f"{whole} = Add(convolved, residual)"
    return f"""
        {convolved} = {_CONV} (x, weight, bias)
        {added}
        {applied.replace("result =", "y =")}"""


def _on_pixels(form: _Form) -> str:
    """Return the statements of the spatial form; since opset 11 they equal those of the body."""
    group = "<group: int = @group>"
    convolved = f"Conv {group}" if form.base == JPEG_POINTWISE_CONV else _CONV
    return f"""
        convolved = {convolved} (x, weight, bias)
        spatial = {"Add(convolved, residual)" if form.has_residual else "Identity(convolved)"}
        {ACTIVATIONS[form.activation].applied or "result = Identity(spatial)"}
        y = Identity(result)"""


_STATEMENTS = {
    JPEG_CONV: _jpeg_conv_statements,
    JPEG_POINTWISE_CONV: _pointwise_statements,
    SPATIAL_CONV: _spatial_statements,
}


def _matrices(form: _Form) -> tuple[Operand, ...]:
    if form.base == SPATIAL_CONV:
        return ()
    if form.base == JPEG_POINTWISE_CONV:
        return TRANSFORMS if form.activation else (DC,)
    added = matrices(RESIDUAL_INVERSE, "P", "Q") if form.activation and form.has_residual else ()
    return (*inverse(), *forward("P", "Q"), *added)


def _attributes(form: _Form) -> tuple[Attribute, ...]:
    kept = (FREQUENCIES,) if form.is_truncated else ()
    if form.base == JPEG_POINTWISE_CONV:
        return (GROUP, BLOCK, *kept)
    blocks = () if form.base == SPATIAL_CONV else IN_AND_OUT
    return (METHOD, *WINDOW, GROUP, *blocks, *kept)


_BLOCKS = {
    JPEG_CONV: ("input_block", "output_block"),
    JPEG_POINTWISE_CONV: ("block", "block"),
    SPATIAL_CONV: (PIXELS, PIXELS),
}
_SUMMARIES = {
    JPEG_CONV: "the convolution of the pixels",
    JPEG_POINTWISE_CONV: "the 1x1 (pointwise) convolution of coefficients",
    SPATIAL_CONV: "the convolution at block size 1",
}


def _operator(form: _Form) -> Operator:
    is_pointwise, is_spatial = form.base == JPEG_POINTWISE_CONV, form.base == SPATIAL_CONV
    plane = "H W" if is_pointwise else "P Q"
    taken, made = _BLOCKS[form.base]
    residual = feature_map("residual", f"N O {plane}", made, is_compact=not is_spatial)
    band = Operand(BAND.name, BAND.role, plane)
    parts = ["residual input"] if form.has_residual else []
    parts += [form.activation] if form.activation else []
    parts += ["truncation"] if form.is_truncated else []
    return Operator(
        fused_name(form.base, form.has_residual, form.activation, form.is_truncated),
        _SUMMARIES[form.base] + (f" with {', '.join(parts)}" if parts else ""),
        (
            feature_map(block=taken, is_compact=not is_spatial),
            Operand("weight", "weights", "O ? 1 1" if is_pointwise else "O ? ? ?"),
            Operand("bias", "weights", "O 1 1" if is_pointwise else "O"),
            *((residual,) if form.has_residual else ()),
            *form.operands,
            *_matrices(form),
            *((band,) if form.is_truncated else ()),
        ),
        (feature_map("y", f"N O {plane}", made, is_compact=not is_spatial),),
        _attributes(form),
        form.bodies(),
        reference=f"conv.reference:jpeg_{'pointwise_' if is_pointwise else ''}conv",
        kernel="conv",
        base=form.base,
        activation=form.activation,
        truncates=form.is_truncated,
        keeps_band=is_pointwise and not form.activation,
        spatial=always(_on_pixels(form)),
    )


CONVOLUTIONS: tuple[Operator, ...] = tuple(
    _operator(form) for base in _STATEMENTS for form in _forms(base)
)
