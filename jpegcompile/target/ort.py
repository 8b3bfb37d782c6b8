"""Target "ort": ONNX Runtime with native kernels, or with function bodies without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegcompile.interface import CHANNEL_GROUP
from jpegcompile.target.base import CostModel, Kernels, Target

if TYPE_CHECKING:
    from jpegcompile.ir.rewrite import Pass


def _cost_model() -> CostModel:
    from jpegcompile.cost.choose import choose
    from jpegcompile.cost.first import most_vectors

    return CostModel(choose, most_vectors)


def _schedule(target: Target) -> tuple[Pass, ...]:
    from jpegcompile.passes.schedule.average_views import AverageViews
    from jpegcompile.passes.schedule.choose_methods import ChooseMethods
    from jpegcompile.passes.schedule.choose_sparse import ChooseSparse
    from jpegcompile.passes.schedule.decode_input import DecodeInput
    from jpegcompile.passes.schedule.fuse_convolution import FuseConvolution
    from jpegcompile.passes.schedule.fuse_ingest import FuseIngest
    from jpegcompile.passes.schedule.fuse_scale import FuseScale
    from jpegcompile.passes.schedule.preprocess_input import PreprocessInput
    from jpegcompile.passes.schedule.spatial_twins import SpatialTwins
    from jpegcompile.passes.schedule.store_half import StoreHalf
    from jpegcompile.passes.schedule.take_one_image import TakeOneImage

    assert target.kernels is not None
    costs = target.kernels.cost_model()
    return (
        FuseConvolution(takes_spatial=True),
        SpatialTwins(),
        FuseIngest(),
        FuseScale(),
        ChooseMethods(costs),
        ChooseSparse(costs),
        *_layouts(target.kernels),
        TakeOneImage(),
        StoreHalf(),
        AverageViews(),
        # These passes are last, so that other passes do not depend on the input mode.
        PreprocessInput(),
        DecodeInput(),
    )


def _layouts(kernels: Kernels) -> tuple[Pass, ...]:
    """Return the passes that choose the layouts of maps for native kernels."""
    from jpegcompile.passes.schedule.compact_tiles import CompactTiles
    from jpegcompile.passes.schedule.group_channels import GroupChannels
    from jpegcompile.passes.schedule.report_skippable import ReportSkippable

    if kernels.channel_group == 1:
        return ()
    grouped = GroupChannels(kernels.channel_group)
    if not kernels.compact_tiles:
        return (grouped,)
    return grouped, CompactTiles(), ReportSkippable()


ORT = Target(
    name="ort",
    keeps_operators=True,
    kernels=Kernels(_cost_model, CHANNEL_GROUP, compact_tiles=True),
    passes=_schedule,
    compiles_kernels=True,
)
