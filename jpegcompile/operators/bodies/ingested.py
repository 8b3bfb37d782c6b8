"""Bodies of the ingest, and of the ingest together with the convolution that reads its image."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jpegcompile.operators.bodies.fragments import PIXELS
from jpegcompile.operators.fused import FIRST_CONVOLUTIONS, SPATIAL_CONV

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


INGEST_BODIES: Mapping[str, str] = {
    "JpegIngest": _ingest(("luma", "chroma"), "Concat <axis = 1> (luma_map, chroma_map)"),
    "JpegIngestGray": _ingest(("luma",), "Identity(luma_map)"),
}


def first_convolution_bodies(bodies: Mapping[str, str]) -> dict[str, str]:
    """The body of every ingest with a convolution, for the convolutions among `bodies`.

    The inputs are those of the ingest, then those of the convolution without its map. A convolution
    of the spatial domain is told how to transform the image back: the matrices come last.
    """
    return {
        name: _joined(INGEST_BODIES[ingest], bodies[convolution], convolution)
        for name, (ingest, convolution) in FIRST_CONVOLUTIONS.items()
        if convolution in bodies
    }


def _joined(ingest: str, convolution: str, name: str) -> str:
    attributes, inputs, statements = _parts(ingest)
    further, others, following = _parts(convolution)
    between, transforms = "x = Identity(image)", ""
    if name.startswith(SPATIAL_CONV):
        further, transforms = f"{further}, output_block", ", inverse_rows, inverse_columns"
        between = PIXELS.replace("(inverse_rows, x)", "(inverse_rows, image)")
        between = between.replace("spatial =", "x =")
    made = statements.replace("y = ", "image = ")
    operands = others.removeprefix("x, ") + transforms
    return f"""<{attributes}, {further}> ({inputs}, {operands}) => (y)
    {{{made}
        {between}
        {following.strip()}
    }}"""


def _parts(body: str) -> tuple[str, str, str]:
    """Attributes, inputs and statements of a body."""
    match = re.fullmatch(r"<(.*?)>\s*\((.*?)\)\s*=> \(y\)\s*{(.*)}", body, re.DOTALL)
    assert match is not None, body
    attributes, inputs, statements = match.groups()
    return attributes, inputs, statements
