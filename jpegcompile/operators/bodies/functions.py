"""The portable meaning of every jpegcompile operator, in standard ONNX.

Each operator has a model-local function of its own name. Matrices are inputs (x stands between a
left matrix for rows and a right matrix for columns), so a body works in any float precision, and
only operators that are the same from opset 7 on are used, so it takes the source model's opset
(Clip, MaxPool and the reductions are not; there are two bodies for them).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import onnx
from onnx import parser

from jpegcompile.interface import DOMAIN
from jpegcompile.operators.bodies.channels import CHANNEL_BODIES, OLD_CHANNEL_BODIES, OLD_SUM_BODIES
from jpegcompile.operators.bodies.fragments import (
    CONV,
    CONV_TRANSPOSE,
    OLD_CLIP,
    PIXELS,
    TRANSFORMS,
    between,
)
from jpegcompile.operators.bodies.fused import fused_bodies, old_fused_bodies
from jpegcompile.operators.bodies.ingested import INGEST_BODIES, first_convolution_bodies
from jpegcompile.operators.compact import COMPACT
from jpegcompile.operators.fused import FIRST_CONVOLUTIONS, METHOD, SPARSE_VECTORS, WINDOWED
from jpegcompile.operators.groups import GROUPED
from jpegcompile.operators.pointwise import FUNCTIONS, KNOWN_PROGRAMS, OwnBody

_CASTS = "<block> (x, rows, columns) => (y) { t = MatMul(rows, x)  y = MatMul(t, columns) }"
_SEPARABLE = (
    "<input_block, output_block> (x, rows, columns) => (y)"
    " { t = MatMul(rows, x)  y = MatMul(t, columns) }"
)
_DC = "<block> (x, value, dc) => (y) {{ on_dc = Mul(value, dc)  y = {op}(x, on_dc) }}"


# Pixels by the frequencies of the band only; APX gives them the name of the pixels.
_APPROXIMATION = """
        inside_band = Mul(x, band)
        a = MatMul(inverse_rows, inside_band)
        {name} = MatMul(a, inverse_columns)"""


def _asm(signature: str, operator: str) -> str:
    """Approximated Spatial Masking: `operator` reads `approximation` besides `spatial`."""
    return between(signature, operator, _APPROXIMATION.format(name="approximation") + PIXELS)


def _apx(parameters: str, operator: str) -> str:
    """The operator on the approximation in place of the pixels."""
    signature = f"<block, frequencies> (x, band, {parameters}{TRANSFORMS})"
    return between(signature, operator, _APPROXIMATION.format(name="spatial"))


# Masks are numbers 0 and 1 and pieces are picked by products and sums, of which all terms but one
# are zero: exact for finite pixels, and older than the operator Where.
_ASM_RELU = """
        number = Constant <value = float {0}> ()
        zero = Cast <to: int = @to> (number)
        above = Greater(approximation, zero)
        mask = Cast <to: int = @to> (above)
        positive = Mul(spatial, mask)"""


def _clip(decided_by: str) -> str:
    return f"""
        is_inside = Greater({decided_by}, low)
        is_above = Greater({decided_by}, high)
        is_below = Not(is_inside)
        below = Cast <to: int = @to> (is_below)
        not_below = Cast <to: int = @to> (is_inside)
        above = Cast <to: int = @to> (is_above)
        inside = Sub(not_below, above)
        unclipped = Mul(spatial, inside)
        raised = Mul(low, below)
        lowered = Mul(high, above)
        clipped = Add(raised, lowered)
        result = Add(unclipped, clipped)"""


_SCALED = """
        scaled = Mul(x, scale)
        summed = Add(scaled, residual)"""
_SUMMED_PIXELS = f"""{_SCALED}
        s = MatMul(inverse_rows, summed)
        spatial = MatMul(s, inverse_columns)"""

_POOL = "kernel_shape: ints = @kernel_shape, strides: ints = @strides, pads: ints = @pads"
_DILATED_POOL = f"{_POOL}, dilations: ints = @dilations"
_SPATIAL_POOL = "kernel_shape, strides, pads, dilations"


def _asm_max_pool(attributes: str, pool: str) -> str:
    """Positions of the approximation's maxima, counted over the whole tensor, pick pixels."""
    return _asm(
        f"<{attributes}, input_block, output_block, frequencies> (x, band, {TRANSFORMS}, flat)",
        f"""largest, positions = MaxPool <{pool}> (approximation)
        pixels = Reshape(spatial, flat)
        result = Gather <axis = 0> (pixels, positions)""",
    )


def _pointwise(own: OwnBody) -> str:
    """The body of an operator that computes what several nodes did."""
    attributes = ", ".join((*own.attributes, "block"))
    operands = "".join(f"{name}, " for name in own.operands)
    return between(f"<{attributes}> (x, {operands}{TRANSFORMS})", own.statements)


def _function(op: str, attributes: Mapping[str, Any]) -> str:
    """The body of a standard function of one pixel."""
    names = "".join(f"{name}, " for name in attributes)
    types = {float: "float", str: "string"}
    given = ", ".join(f"{n}: {types[type(v)]} = @{n}" for n, v in attributes.items())
    written = f"<{given}> " if given else ""
    return between(f"<{names}block> (x, {TRANSFORMS})", f"{op} {written}(spatial)")


BODIES: dict[str, str] = {
    "ToJpeg": _CASTS,
    "ToSpatial": _CASTS,
    **INGEST_BODIES,
    "JpegConv": between(
        "<strides, pads, dilations, group, input_block, output_block>"
        f" (x, weight, bias, {TRANSFORMS})",
        f"{CONV} (spatial, weight, bias)",
    ),
    "JpegPointwiseConv": "<group, block> (x, weight, bias, dc) => (y)"
    " { t = Conv <group: int = @group> (x, weight)  on_dc = Mul(bias, dc)  y = Add(t, on_dc) }",
    "JpegConvTranspose": between(
        "<strides, pads, dilations, output_padding, group, input_block, output_block>"
        f" (x, weight, bias, {TRANSFORMS})",
        f"{CONV_TRANSPOSE} (spatial, weight, bias)",
    ),
    "JpegBatchNormalization": "<block> (x, scale, shift, dc) => (y)"
    " { scaled = Mul(x, scale)  on_dc = Mul(shift, dc)  y = Add(scaled, on_dc) }",
    "JpegRelu": between(f"<block> (x, {TRANSFORMS})", "Relu(spatial)"),
    "JpegAsmRelu": _asm(
        f"<block, frequencies, to> (x, band, {TRANSFORMS})",
        f"{_ASM_RELU}  result = Identity(positive)",
    ),
    "JpegApxRelu": _apx("", "Relu(spatial)"),
    "JpegPRelu": between(f"<block> (x, slope, {TRANSFORMS})", "PRelu(spatial, slope)"),
    "JpegAsmPRelu": _asm(
        f"<block, frequencies, to> (x, band, slope, {TRANSFORMS})",
        f"""{_ASM_RELU}
        negative = Sub(spatial, positive)
        scaled = Mul(negative, slope)
        result = Add(positive, scaled)""",
    ),
    "JpegApxPRelu": _apx("slope, ", "PRelu(spatial, slope)"),
    "JpegClip": between(f"<block> (x, low, high, {TRANSFORMS})", "Clip(spatial, low, high)"),
    "JpegAsmClip": _asm(
        f"<block, frequencies, to> (x, band, low, high, {TRANSFORMS})", _clip("approximation")
    ),
    "JpegApxClip": _apx("low, high, ", "Clip(spatial, low, high)"),
    **{f"Jpeg{op}": _function(op, attributes) for op, attributes in FUNCTIONS.items()},
    **{name: _pointwise(OwnBody(program, ())) for program, name in KNOWN_PROGRAMS.items()},
    "JpegTruncate": "<block, frequencies> (x, band) => (y) { y = Mul(x, band) }",
    "JpegMaxPool": between(
        f"<kernel_shape, strides, pads, input_block, output_block> (x, {TRANSFORMS})",
        f"MaxPool <{_POOL}> (spatial)",
    ),
    "JpegDilatedMaxPool": between(
        f"<kernel_shape, strides, pads, dilations, input_block, output_block> (x, {TRANSFORMS})",
        f"MaxPool <{_DILATED_POOL}> (spatial)",
    ),
    "JpegAsmMaxPool": _asm_max_pool("kernel_shape, strides, pads", _POOL),
    "JpegAsmDilatedMaxPool": _asm_max_pool("kernel_shape, strides, pads, dilations", _DILATED_POOL),
    "JpegGlobalMaxPool": "<input_block, output_block> (x, inverse_rows, inverse_columns) => (y)"
    f" {{{PIXELS}  y = GlobalMaxPool(spatial) }}",
    "JpegSpaceToDepth": between(
        f"<blocksize, input_block, output_block> (x, {TRANSFORMS})",
        "SpaceToDepth <blocksize: int = @blocksize> (spatial)",
    ),
    "JpegDepthToSpace": between(
        f"<blocksize, input_block, output_block> (x, {TRANSFORMS})",
        "DepthToSpace <blocksize: int = @blocksize> (spatial)",
    ),
    "JpegAveragePool": _SEPARABLE,
    "JpegGlobalAveragePool": _SEPARABLE,
    "JpegSlice": _SEPARABLE,
    "JpegPad": _SEPARABLE,
    "JpegResize": _SEPARABLE,
    "JpegReduceMean": _SEPARABLE,
    "JpegReduceSum": _SEPARABLE,
    "JpegAdd": _DC.format(op="Add"),
    "JpegSub": _DC.format(op="Sub"),
    "JpegScale": "<block> (x, scale) => (y) { y = Mul(x, scale) }",
    "JpegScaleAddRelu": between(
        f"<block> (x, scale, residual, {TRANSFORMS})", "Relu(spatial)", _SUMMED_PIXELS
    ),
    "JpegScaleAddReluTruncate": f"""<block, frequencies> (x, scale, residual, {TRANSFORMS}, band)
    => (y) {{{_SUMMED_PIXELS}
        result = Relu(spatial)
        t = MatMul(forward_rows, result)
        whole = MatMul(t, forward_columns)
        y = Mul(whole, band) }}""",
    "SpatialScaleAddRelu": f"(x, scale, residual) => (y) {{ {_SCALED}  y = Relu(summed) }}",
    "SpatialMaxPool": f"<{_SPATIAL_POOL}> (x) => (y) {{ y = MaxPool <{_DILATED_POOL}> (x) }}",
    "SpatialGlobalAveragePool": "(x) => (y) { y = GlobalAveragePool(x) }",
    **CHANNEL_BODIES,
    **fused_bodies(),
}
BODIES.update(first_convolution_bodies(BODIES))

OLD_CLIP_BODIES: dict[str, str] = {
    "JpegClip": between(f"<block> (x, low, high, {TRANSFORMS})", OLD_CLIP),
    "JpegApxClip": _apx("low, high, ", OLD_CLIP),
    **old_fused_bodies(),
}
OLD_CLIP_BODIES.update(first_convolution_bodies(OLD_CLIP_BODIES))
# Below opset 10 MaxPool has no dilations: there they are all 1.
OLD_POOL_BODIES: dict[str, str] = {
    "SpatialMaxPool": f"<{_SPATIAL_POOL}> (x) => (y) {{ y = MaxPool <{_POOL}> (x) }}",
}
_WITH_METHOD = WINDOWED | frozenset(FIRST_CONVOLUTIONS)
# Bodies for models older than an opset.
_OLD_BODIES = (
    *((18, OLD_CHANNEL_BODIES), (13, OLD_SUM_BODIES)),
    *((11, OLD_CLIP_BODIES), (10, OLD_POOL_BODIES)),
)


@cache
def _function_text(op: str, opset: int) -> str:
    old = (bodies[op] for since, bodies in _OLD_BODIES if opset < since and op in bodies)
    return _text(op, opset, next(old, None) or BODIES[op])


def _text(op: str, opset: int, body: str) -> str:
    head = f'<opset_import: ["" : {opset}], domain: "{DOMAIN}"> {op} '
    attributes = [f"{name}: int = 1" for name in GROUPED.get(op, ())]
    attributes += [f"{name}: int = 0" for name in COMPACT.get(op, ())]
    attributes += [f'{METHOD}: string = ""'] if op in _WITH_METHOD else []
    attributes += [f"{SPARSE_VECTORS}: int = 0"] if op in FIRST_CONVOLUTIONS else []
    declared = ", ".join(attributes)
    if not declared:
        return head + body
    others = f", {body[1:]}" if body.startswith("<") else f"> {body}"
    return f"{head}<{declared}{others}"


def function_of(
    op: str, opset: int, programs: Mapping[str, OwnBody] | None = None
) -> onnx.FunctionProto:
    """The body of an operator for a model of that opset.

    Args:
        op: name of the operator.
        opset: of the model.
        programs: of operators that the model alone has.

    Raises:
        KeyError: if there is no such operator.
    """
    if op not in BODIES and programs and op in programs:
        return parser.parse_function(_text(op, opset, _pointwise(programs[op])))
    return parser.parse_function(_function_text(op, opset))
