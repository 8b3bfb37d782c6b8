"""An ingest fused with the only convolution that reads its output.

A kernel of the fused operator can skip zero coefficients. The inputs are the inputs of the ingest,
then the inputs of the convolution without its map. For a convolution in the spatial domain, the
matrices of the inverse transform follow.
"""

from __future__ import annotations

from jpegcompile.operators.convolution import CONVOLUTIONS, JPEG_CONV, SPATIAL_CONV
from jpegcompile.operators.definition import Attribute, Body, Operand, Operator
from jpegcompile.operators.fragments import PIXELS_OF_X, inverse
from jpegcompile.operators.ingest import INGESTS

# Without a method, the kernel chooses the sparse path if it needs at most this number of vectors of
# 16 sums. Each nonzero coefficient needs one vector for each pair of a group of channels and an
# output position that its block reaches.
SPARSE_VECTORS = Attribute("sparse_vectors", "int", 0)


def first_convolution_name(ingest: str, convolution: str) -> str:
    """Return the name of an ingest fused with the only convolution that reads its output."""
    return f"{ingest}{convolution.removeprefix('Jpeg')}"


def _joined(ingest: Operator, convolution: Operator) -> Operator:
    is_spatial = convolution.base == SPATIAL_CONV
    operands, (y,) = convolution.inputs[1:], convolution.outputs
    # The attribute `method` has other values in the fused operator than in the convolution.
    method, *others = convolution.attributes
    output = Operand(y.name, y.role, y.shape, y.type, "output_block", True, convolution.truncates)
    return Operator(
        first_convolution_name(ingest.name, convolution.name),
        f"{convolution.name} of the output of {ingest.name}",
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
        spatial=convolution.spatial,
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
