"""The pipeline: every pass of the compiler, in order.

The last stage is the schedule of the target; see `jpegcompile/target/`.
"""

from __future__ import annotations

from jpegcompile.ir.fixed_point import FixedPoint
from jpegcompile.ir.rewrite import Pass
from jpegcompile.passes.fold.absorb_normalization import AbsorbNormalization
from jpegcompile.passes.fold.canonical_arithmetic import CanonicalArithmetic
from jpegcompile.passes.fold.canonical_branches import CanonicalBranches
from jpegcompile.passes.fold.canonical_normalization import CanonicalNormalization
from jpegcompile.passes.fold.fold_batch_norm import FoldBatchNorm
from jpegcompile.passes.fold.fold_channel_order import FoldChannelOrder
from jpegcompile.passes.fold.split_reduction import SplitReduction
from jpegcompile.passes.legalize.canonical_conv_transpose import CanonicalConvTranspose
from jpegcompile.passes.legalize.canonical_gather import CanonicalGather
from jpegcompile.passes.legalize.canonical_pad import CanonicalPad
from jpegcompile.passes.legalize.canonical_rearrangement import CanonicalRearrangement
from jpegcompile.passes.legalize.canonical_reduction import CanonicalReduction
from jpegcompile.passes.legalize.canonical_reshape import CanonicalReshape
from jpegcompile.passes.legalize.canonical_resize import CanonicalResize
from jpegcompile.passes.legalize.channels_first import ChannelsFirst
from jpegcompile.passes.legalize.drop_expand import DropExpand
from jpegcompile.passes.legalize.dynamic_batch import DynamicBatch
from jpegcompile.passes.legalize.explicit_padding import ExplicitPadding
from jpegcompile.passes.legalize.fold_constants import FoldConstants
from jpegcompile.passes.legalize.fold_quantized_weights import FoldQuantizedWeights
from jpegcompile.passes.legalize.infer_shapes import InferShapes
from jpegcompile.passes.legalize.merge_slices import MergeSlices
from jpegcompile.passes.legalize.refuse_quantized import RefuseQuantized
from jpegcompile.passes.legalize.remove_identity import RemoveIdentity
from jpegcompile.passes.legalize.sink_squeeze import SinkSqueeze
from jpegcompile.passes.legalize.widen_half import WidenHalf
from jpegcompile.passes.lower.assign_blocks import AssignBlocks
from jpegcompile.passes.lower.cancel_casts import CancelCasts
from jpegcompile.passes.lower.keep_exact import KeepExact
from jpegcompile.passes.lower.lower_along_channels import LowerAlongChannels
from jpegcompile.passes.lower.lower_batch_norm import LowerBatchNorm
from jpegcompile.passes.lower.lower_cast import LowerCast
from jpegcompile.passes.lower.lower_channel_reduction import LowerChannelReduction
from jpegcompile.passes.lower.lower_clip import LowerClip
from jpegcompile.passes.lower.lower_conv import LowerConv
from jpegcompile.passes.lower.lower_conv_transpose import LowerConvTranspose
from jpegcompile.passes.lower.lower_elementwise import LowerElementwise
from jpegcompile.passes.lower.lower_flatten import LowerFlatten
from jpegcompile.passes.lower.lower_global_max_pool import LowerGlobalMaxPool
from jpegcompile.passes.lower.lower_group_normalization import LowerGroupNormalization
from jpegcompile.passes.lower.lower_input import LowerInput
from jpegcompile.passes.lower.lower_max_pool import LowerMaxPool
from jpegcompile.passes.lower.lower_pixelwise import LowerPixelwise
from jpegcompile.passes.lower.lower_prelu import LowerPRelu
from jpegcompile.passes.lower.lower_products import LowerProducts
from jpegcompile.passes.lower.lower_rearrangement import LowerRearrangement
from jpegcompile.passes.lower.lower_reduction import LowerReduction
from jpegcompile.passes.lower.lower_relu import LowerRelu
from jpegcompile.passes.lower.lower_resize import LowerResize
from jpegcompile.passes.lower.lower_separable import (
    LowerAveragePool,
    LowerGlobalAveragePool,
    LowerPad,
    LowerSlice,
    LowerTake,
)
from jpegcompile.passes.lower.report_kept import ReportKept
from jpegcompile.passes.resolve.approximate_masks import ApproximateMasks
from jpegcompile.passes.resolve.truncate_frequencies import TruncateFrequencies
from jpegcompile.target.base import Target

LEGALIZE: tuple[Pass, ...] = (
    FoldConstants(is_first=True),
    FoldQuantizedWeights(),
    RemoveIdentity(),
    InferShapes(),
    WidenHalf(),
    FoldConstants(),
    RefuseQuantized(),
    ExplicitPadding(),
    CanonicalConvTranspose(),
    CanonicalResize(),
    CanonicalReshape(),
    # The size of one map may determine the next: x.chunk(2), x.view(n, c // 2, ...).
    FixedPoint(
        "resolve-shapes", InferShapes(), FoldConstants(), CanonicalResize(), CanonicalReshape()
    ),
    CanonicalGather(),
    DropExpand(),
    SinkSqueeze(),
    DynamicBatch(),
    InferShapes(),
    CanonicalReshape(),
    CanonicalRearrangement(),
    ChannelsFirst(),
    CanonicalReduction(),
    CanonicalPad(),
    MergeSlices(),
    InferShapes(),
)
FOLD: tuple[Pass, ...] = (
    CanonicalNormalization(),
    SplitReduction(),
    CanonicalBranches(),
    FoldChannelOrder(),
    FoldBatchNorm(),
    AbsorbNormalization(),
    CanonicalArithmetic(),
)
LOWER: tuple[Pass, ...] = (
    AssignBlocks(),
    KeepExact(),
    LowerInput(),
    LowerPixelwise(),
    LowerConv(),
    LowerConvTranspose(),
    LowerBatchNorm(),
    LowerGroupNormalization(),
    LowerRelu(),
    LowerPRelu(),
    LowerClip(),
    LowerMaxPool(),
    LowerGlobalMaxPool(),
    LowerAveragePool(),
    LowerGlobalAveragePool(),
    LowerSlice(),
    LowerTake(),
    LowerPad(),
    LowerResize(),
    LowerReduction(),
    LowerChannelReduction(),
    LowerRearrangement(),
    LowerAlongChannels(),
    LowerProducts(),
    LowerElementwise(),
    LowerCast(),
    LowerFlatten(),
    CancelCasts(),
    ReportKept(),
)
# Only these passes may change outputs, as the frequency plan specifies.
RESOLVE: tuple[Pass, ...] = (
    ApproximateMasks(),
    TruncateFrequencies(),
)

# The passes that suffice to find the block sizes of maps at another input size.
FIND_MAPS: tuple[Pass, ...] = (*LEGALIZE, AssignBlocks())


def pipeline_for(target: Target) -> tuple[Pass, ...]:
    """Return all passes in order: the stages above, then the schedule of the target.

    The schedule changes the operators that compute the outputs, but not the outputs.
    """
    return LEGALIZE + FOLD + LOWER + RESOLVE + target.schedule()


def pass_names(target: Target) -> list[str]:
    """Return the names of the passes of `pipeline_for`."""
    return [step.name for step in pipeline_for(target)]
