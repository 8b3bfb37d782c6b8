"""Casts between the spatial domain and the JPEG domain."""

from __future__ import annotations

from jpegcompile.operators.definition import PIXELS, Operator
from jpegcompile.operators.fragments import AXES, BLOCK, always, feature_map, matrices, result

TO_JPEG, TO_SPATIAL = "ToJpeg", "ToSpatial"

_MATRICES = matrices(AXES)
_PIXELS = always(" y = Identity(x)")
_BODY = " t = MatMul(rows, x)  y = MatMul(t, columns)"

CASTS: tuple[Operator, ...] = (
    Operator(
        TO_JPEG,
        "the block DCT of pixels",
        (feature_map(block=PIXELS), *_MATRICES),
        result(),
        (BLOCK,),
        always(_BODY),
        reference="cast.reference:to_jpeg",
        kernel="to_jpeg",
        spatial=_PIXELS,
    ),
    Operator(
        TO_SPATIAL,
        "the inverse block DCT of a map: its pixels",
        (feature_map(is_compact=True), *_MATRICES),
        result(block=PIXELS),
        (BLOCK,),
        always(_BODY),
        reference="cast.reference:to_spatial",
        kernel="to_spatial",
        spatial=_PIXELS,
    ),
)
