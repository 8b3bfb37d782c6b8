"""The portable meaning of every jpegcompile operator, in standard ONNX.

Each operator has a model-local function of its own name. Matrices are inputs (x stands between a
left matrix for rows and a right matrix for columns), so a body works in any float precision, and
only operators that are the same from opset 7 on are used, so it takes the source model's opset.
"""

from __future__ import annotations

from functools import cache

import onnx
from onnx import parser

from jpegcompile.interface import DOMAIN

_CASTS = "<block> (x, rows, columns) => (y) { t = MatMul(rows, x)  y = MatMul(t, columns) }"
_SEPARABLE = (
    "<input_block, output_block> (x, rows, columns) => (y)"
    " { t = MatMul(rows, x)  y = MatMul(t, columns) }"
)
_DC = "<block> (x, value, dc) => (y) {{ on_dc = Mul(value, dc)  y = {op}(x, on_dc) }}"


def _between(signature: str, operator: str) -> str:
    """A spatial operator between an inverse and a forward transform."""
    return f"""{signature} => (y)
    {{
        s = MatMul(inverse_rows, x)
        spatial = MatMul(s, inverse_columns)
        result = {operator}
        t = MatMul(forward_rows, result)
        y = MatMul(t, forward_columns)
    }}"""


_TRANSFORMS = "inverse_rows, inverse_columns, forward_rows, forward_columns"
_POOL = "kernel_shape: ints = @kernel_shape, strides: ints = @strides, pads: ints = @pads"

# {name}_index, {name}_table_shape and {name}_shape are integer inputs: Constant holds no integers
# below opset 9.
_DEQUANTIZE = """
        {name}_table = Gather <axis = 1> (table, {name}_index)
        {name}_steps = Reshape({name}_table, {name}_table_shape)
        {name}_values = Cast <to: int = @to> ({name})
        {name}_coefficients = Mul({name}_values, {name}_steps)
        {name}_in_place = Transpose <perm = [0, 1, 2, 4, 3, 5]> ({name}_coefficients)
        {name}_plane = Reshape({name}_in_place, {name}_shape)
        {name}_left = MatMul({name}_rows, {name}_plane)
        {name}_map = MatMul({name}_left, {name}_columns)
"""


def _ingest(planes: tuple[str, ...], components: str) -> str:
    """Dequantise and transform each plane, then mix channels and shift the DC coefficients."""
    indexing = [f"{p}_{part}" for p in planes for part in ("index", "table_shape", "shape")]
    matrices = [f"{p}_{side}" for p in planes for side in ("rows", "columns")]
    inputs = [*planes, "quantization", *indexing, *matrices, "mixing", "offset", "dc"]
    return f"""<to, block> ({", ".join(inputs)}) => (y)
    {{
        table = Cast <to: int = @to> (quantization)
        {"".join(_DEQUANTIZE.format(name=plane) for plane in planes)}
        components = {components}
        mixed = Conv (components, mixing)
        on_dc = Mul(offset, dc)
        y = Add(mixed, on_dc)
    }}"""


BODIES: dict[str, str] = {
    "ToJpeg": _CASTS,
    "ToSpatial": _CASTS,
    "JpegIngest": _ingest(("luma", "chroma"), "Concat <axis = 1> (luma_map, chroma_map)"),
    "JpegIngestGray": _ingest(("luma",), "Identity(luma_map)"),
    "JpegConv": _between(
        "<strides, pads, dilations, group, input_block, output_block>"
        f" (x, weight, bias, {_TRANSFORMS})",
        "Conv <strides: ints = @strides, pads: ints = @pads, dilations: ints = @dilations,"
        " group: int = @group> (spatial, weight, bias)",
    ),
    "JpegPointwiseConv": "<group, block> (x, weight, bias, dc) => (y)"
    " { t = Conv <group: int = @group> (x, weight)  on_dc = Mul(bias, dc)  y = Add(t, on_dc) }",
    "JpegBatchNormalization": "<block> (x, scale, shift, dc) => (y)"
    " { scaled = Mul(x, scale)  on_dc = Mul(shift, dc)  y = Add(scaled, on_dc) }",
    "JpegRelu": _between(f"<block> (x, {_TRANSFORMS})", "Relu(spatial)"),
    "JpegMaxPool": _between(
        f"<kernel_shape, strides, pads, input_block, output_block> (x, {_TRANSFORMS})",
        f"MaxPool <{_POOL}> (spatial)",
    ),
    "JpegDilatedMaxPool": _between(
        f"<kernel_shape, strides, pads, dilations, input_block, output_block> (x, {_TRANSFORMS})",
        f"MaxPool <{_POOL}, dilations: ints = @dilations> (spatial)",
    ),
    "JpegAveragePool": _SEPARABLE,
    "JpegGlobalAveragePool": _SEPARABLE,
    "JpegSlice": _SEPARABLE,
    "JpegPad": _SEPARABLE,
    "JpegAdd": _DC.format(op="Add"),
    "JpegSub": _DC.format(op="Sub"),
}


@cache
def _function_text(op: str, opset: int) -> str:
    return f'<opset_import: ["" : {opset}], domain: "{DOMAIN}"> {op} {BODIES[op]}'


def function_of(op: str, opset: int) -> onnx.FunctionProto:
    """The body of an operator for a model of that opset.

    Raises:
        KeyError: if there is no such operator.
    """
    return parser.parse_function(_function_text(op, opset))
