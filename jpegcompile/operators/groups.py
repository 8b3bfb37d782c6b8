"""Which operators take maps in groups of channels, and where.

Between two native kernels the elements of a map [N, C, H, W] may stand in memory in the order
[N][C / 16][H][W][16]. The shape stays what it was, and only these attributes of the operators on
both sides say so; their bodies, which compute the same of any order on both sides, ignore them.
"""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.interface import GROUP_ATTRIBUTES
from jpegcompile.operators.fused import BASES, FIRST_CONVOLUTIONS, forms
from jpegcompile.operators.nonlinear import NONLINEARITIES, TRUNCATE
from jpegcompile.operators.pointwise import FUNCTIONS, KNOWN_PROGRAMS, PROGRAMMED

X_GROUP, _, Y_GROUP = GROUP_ATTRIBUTES
_BOTH = (X_GROUP, Y_GROUP)

# Attributes by operator. What gives one element a channel has the same order anyway.
GROUPED: Mapping[str, tuple[str, ...]] = {
    **{form.name: GROUP_ATTRIBUTES if form.has_residual else _BOTH for form in forms(*BASES)},
    **dict.fromkeys(
        ("JpegScaleAddRelu", "JpegScaleAddReluTruncate", "SpatialScaleAddRelu"), GROUP_ATTRIBUTES
    ),
    **dict.fromkeys(sorted(NONLINEARITIES), _BOTH),
    **{f"Jpeg{op}": _BOTH for op in FUNCTIONS},
    **dict.fromkeys((*KNOWN_PROGRAMS.values(), *PROGRAMMED), _BOTH),
    **dict.fromkeys(
        (
            *("ToJpeg", "ToSpatial", TRUNCATE, "JpegBatchNormalization", "JpegAdd", "JpegSub"),
            *("JpegAveragePool", "JpegConvTranspose", "JpegPad", "JpegResize", "JpegScale"),
            *("JpegSlice", "SpatialMaxPool"),
        ),
        _BOTH,
    ),
    **dict.fromkeys(
        ("JpegGlobalAveragePool", "JpegGlobalMaxPool", "SpatialGlobalAveragePool"), (X_GROUP,)
    ),
    **dict.fromkeys(FIRST_CONVOLUTIONS, (Y_GROUP,)),
    **dict.fromkeys(("JpegGroupNormalization", "SpatialGroupNormalization"), _BOTH),
    **dict.fromkeys(("JpegMax", "JpegMin", "JpegMul"), GROUP_ATTRIBUTES),
    **{f"JpegChannel{name}": (X_GROUP,) for name in ("Max", "Mean", "Min", "Sum")},
}
