"""Convolutions, alone and with what follows them in the graph.

    y = band * activation(convolution(x, weight) + bias + residual)

Each part but the convolution with its bias may be missing; only an activated result is truncated.
An operator is called by its parts: JpegConvAddReluTruncate. Between a convolution and an activation
no transform stands: the forward transform of the one and the inverse transform of the other would
only undo each other. So the residual is added as pixels where an activation follows, and as
coefficients where none does.
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
# The convolution at block size 1, where the spatial domain is its own twin.
SPATIAL_CONV = "SpatialConv"
# How a native kernel computes a windowed convolution; empty for its own choice.
METHOD = Attribute("method", "string", "")
WINDOW = tuple(Attribute(name, "ints") for name in ("strides", "pads", "dilations"))
GROUP = Attribute("group", "int")
# The matrices that take a residual to pixels.
RESIDUAL_INVERSE = ("residual_rows", "residual_columns")
_CONV = (
    "Conv <strides: ints = @strides, pads: ints = @pads, dilations: ints = @dilations,"
    " group: int = @group>"
)


@dataclass(frozen=True)
class Activation:
    """What follows a convolution or a sum.

    Attributes:
        operator: the activation by itself, in the jpeg domain.
        operands: what it reads besides the map.
        applied: statements that make `result` of `spatial`.
        old: the same for models below opset 11, where that differs.
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
    """The operator of a convolution, a sum with a map of its result's shape, and an activation.

    Args:
        base: a convolution by itself.
        has_residual: whether there is a sum.
        activation: behind the convolution or the sum, or none.
        is_truncated: whether the result keeps few frequencies.
    """
    return f"{base}{'Add' if has_residual else ''}{activation}{'Truncate' if is_truncated else ''}"


@dataclass(frozen=True)
class _Form:
    """The parts of an operator; see the module's text."""

    base: str
    has_residual: bool
    activation: str
    is_truncated: bool

    @property
    def operands(self) -> tuple[Operand, ...]:
        """What the activation reads besides the map, for the channels of the result."""
        return tuple(
            Operand(o.name, o.role, NUMBER if o.shape == NUMBER else "N O 1 1")
            for o in ACTIVATIONS[self.activation].operands
        )

    def bodies(self) -> tuple[Body, ...]:
        """One for each way to spell the activation."""
        make, activation = _STATEMENTS[self.base], ACTIVATIONS[self.activation]
        new = Body(make(self, activation.applied))
        if not activation.old:
            return (new,)
        return (Body(make(self, activation.old), CLIP_INPUTS_SINCE), new)

    def forward(self) -> str:
        """Statements that make `y` of `result`."""
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
    JPEG_POINTWISE_CONV: "the 1x1 convolution, which commutes with the DCT",
    SPATIAL_CONV: "the convolution at block size 1",
}


def _operator(form: _Form) -> Operator:
    is_pointwise, is_spatial = form.base == JPEG_POINTWISE_CONV, form.base == SPATIAL_CONV
    plane = "H W" if is_pointwise else "P Q"
    taken, made = _BLOCKS[form.base]
    residual = feature_map("residual", f"N O {plane}", made, is_compact=not is_spatial)
    band = Operand(BAND.name, BAND.role, plane)
    parts = ["a sum"] if form.has_residual else []
    parts += [form.activation] if form.activation else []
    parts += ["a truncation"] if form.is_truncated else []
    return Operator(
        fused_name(form.base, form.has_residual, form.activation, form.is_truncated),
        ", ".join([_SUMMARIES[form.base], *parts]),
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
    )


CONVOLUTIONS: tuple[Operator, ...] = tuple(
    _operator(form) for base in _STATEMENTS for form in _forms(base)
)
