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

    # A SpatialConv would be inlined again. Other fused bodies have fewer transforms.
    return (FuseConvolution(takes_spatial=False), TakeOneImage(), StoreHalf())


ONNX = Target(
    name="onnx",
    keeps_operators=False,
    kernels=None,
    passes=_schedule,
)
