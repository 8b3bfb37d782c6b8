"""Which operators take maps whose tiles stand as few coefficients each, and where.

Between two native kernels the elements of a map [N, C, H, W] in groups of channels may stand in
memory in the order [N][C / 16][tiles][K][16]: of each tile, row by row, the K coefficients
u + v < n alone, row by row, since the others are zero. The shape stays what it was, and only these
attributes of the operators on both sides say n; bodies ignore them.
"""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.interface import COMPACT_ATTRIBUTES
from jpegcompile.operators.fused import FIRST_CONVOLUTIONS, forms
from jpegcompile.operators.nonlinear import NONLINEARITIES, TRUNCATE, is_truncating
from jpegcompile.operators.pointwise import FUNCTIONS, KNOWN_PROGRAMS, PROGRAMMED

X_FREQUENCIES, RESIDUAL_FREQUENCIES, Y_FREQUENCIES = COMPACT_ATTRIBUTES
_BOTH = (X_FREQUENCIES, Y_FREQUENCIES)

# What does the same to all coefficients of a channel but DC, so that a result has the band of x.
BY_CHANNEL = frozenset(("JpegScale", "JpegAdd", "JpegSub", "JpegBatchNormalization"))

# Attributes by operator.
COMPACT: Mapping[str, tuple[str, ...]] = {
    **{
        form.name: COMPACT_ATTRIBUTES if form.has_residual else _BOTH
        for form in forms("JpegConv", "JpegPointwiseConv")
    },
    **dict.fromkeys(sorted(BY_CHANNEL), _BOTH),
    "JpegScaleAddRelu": (X_FREQUENCIES, RESIDUAL_FREQUENCIES),
    "JpegScaleAddReluTruncate": COMPACT_ATTRIBUTES,
    **dict.fromkeys(filter(is_truncating, FIRST_CONVOLUTIONS), (Y_FREQUENCIES,)),
    TRUNCATE: (Y_FREQUENCIES,),
    **dict.fromkeys(sorted(NONLINEARITIES), (X_FREQUENCIES,)),
    **{f"Jpeg{op}": (X_FREQUENCIES,) for op in FUNCTIONS},
    **dict.fromkeys((*KNOWN_PROGRAMS.values(), *PROGRAMMED), (X_FREQUENCIES,)),
    **dict.fromkeys(
        ("JpegConvTranspose", "ToSpatial", "JpegGlobalAveragePool", "JpegGlobalMaxPool"),
        (X_FREQUENCIES,),
    ),
}
