"""An ingest and the convolution that alone reads its image, as one operator.

A kernel that sees both can go by the coefficients that are not zero. The inputs are those of the
ingest, then those of the convolution without its map. A convolution of the spatial domain is told
how to transform the image back: these matrices come last.
"""

from __future__ import annotations

from jpegcompile.operators.convolution import CONVOLUTIONS, JPEG_CONV, SPATIAL_CONV
from jpegcompile.operators.definition import Attribute, Body, Operand, Operator
from jpegcompile.operators.fragments import PIXELS_OF_X, inverse
from jpegcompile.operators.ingest import INGESTS

# Without a method, the kernel goes by the coefficients that are not zero if they ask for no more
# than so many vectors of 16 sums: each for as many as there are outputs that its block reaches,
# times groups of channels.
SPARSE_VECTORS = Attribute("sparse_vectors", "int", 0)


def first_convolution_name(ingest: str, convolution: str) -> str:
    """The operator of an ingest and the convolution that alone reads its image."""
    return f"{ingest}{convolution.removeprefix('Jpeg')}"


def _joined(ingest: Operator, convolution: Operator) -> Operator:
    is_spatial = convolution.base == SPATIAL_CONV
    operands, (y,) = convolution.inputs[1:], convolution.outputs
    # The method of the whole is another choice than the method of the convolution.
    method, *others = convolution.attributes
    output = Operand(y.name, y.role, y.shape, y.type, "output_block", True, convolution.truncates)
    return Operator(
        first_convolution_name(ingest.name, convolution.name),
        f"{convolution.name} of what {ingest.name} makes",
        (*ingest.inputs, *operands, *(inverse() if is_spatial else ())),
        (output,),
        (
            *(method, SPARSE_VECTORS, *ingest.attributes, *others),
            *((Attribute("output_block", "int"),) if is_spatial else ()),
        ),
        tuple(
            Body(_statements(ingest.bodies[0], body, is_spatial), body.below)
            for body in convolution.bodies
        ),
        reference="ingest_conv.reference:jpeg_ingest_conv",
        kernel="ingest_conv",
        base=convolution.base,
        activation=convolution.activation,
        truncates=convolution.truncates,
        ingest=ingest.name,
    )


def _statements(ingest: Body, convolution: Body, is_spatial: bool) -> str:
    between = "x = Identity(image)"
    if is_spatial:
        between = PIXELS_OF_X.replace("(inverse_rows, x)", "(inverse_rows, image)")
        between = between.replace("spatial =", "x =")
    return f"""{ingest.statements.replace("y = ", "image = ")}
        {between}
        {convolution.statements.strip()}"""


FIRST_CONVOLUTIONS: tuple[Operator, ...] = tuple(
    _joined(ingest, convolution)
    for ingest in INGESTS
    for convolution in CONVOLUTIONS
    if convolution.base in (JPEG_CONV, SPATIAL_CONV) and not convolution.has("residual")
)
