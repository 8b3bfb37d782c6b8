"""Target "onnx": standard operators only, for any ONNX runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegcompile.target.base import Target

if TYPE_CHECKING:
    from jpegcompile.ir.rewrite import Pass


def _schedule(_: Target) -> tuple[Pass, ...]:
    from jpegcompile.passes.schedule.fuse_convolution import FuseConvolution
    from jpegcompile.passes.schedule.store_half import StoreHalf
    from jpegcompile.passes.schedule.take_one_image import TakeOneImage

    # Fusing to SpatialConv is useless here, because its body is inlined again. The bodies of other
    # fused convolutions have fewer transforms than the separate operators.
    return (FuseConvolution(takes_spatial=False), TakeOneImage(), StoreHalf())


ONNX = Target(
    name="onnx",
    keeps_operators=False,
    kernels=None,
    passes=_schedule,
)
