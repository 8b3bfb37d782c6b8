"""The pipeline: every pass in order. It reads as the table of contents of the compiler."""

from __future__ import annotations

from jpegcompile.ir.rewrite import Pass
from jpegcompile.passes.absorb_normalization import AbsorbNormalization
from jpegcompile.passes.approximate_masks import ApproximateMasks
from jpegcompile.passes.assign_domains import AssignDomains
from jpegcompile.passes.cancel_casts import CancelCasts
from jpegcompile.passes.canonical_arithmetic import CanonicalArithmetic
from jpegcompile.passes.canonical_branches import CanonicalBranches
from jpegcompile.passes.canonical_conv_transpose import CanonicalConvTranspose
from jpegcompile.passes.canonical_gather import CanonicalGather
from jpegcompile.passes.canonical_normalization import CanonicalNormalization
from jpegcompile.passes.canonical_pad import CanonicalPad
from jpegcompile.passes.canonical_rearrangement import CanonicalRearrangement
from jpegcompile.passes.canonical_reduction import CanonicalReduction, SplitReduction
from jpegcompile.passes.canonical_reshape import CanonicalReshape
from jpegcompile.passes.canonical_resize import CanonicalResize
from jpegcompile.passes.channels_first import ChannelsFirst
from jpegcompile.passes.choose_methods import ChooseMethods
from jpegcompile.passes.choose_sparse import ChooseSparse
from jpegcompile.passes.compact_tiles import CompactTiles
from jpegcompile.passes.decode_input import DecodeInput
from jpegcompile.passes.drop_expand import DropExpand
from jpegcompile.passes.dynamic_batch import DynamicBatch
from jpegcompile.passes.explicit_padding import ExplicitPadding
from jpegcompile.passes.fold_batch_norm import FoldBatchNorm
from jpegcompile.passes.fold_channel_order import FoldChannelOrder
from jpegcompile.passes.fold_constants import FoldConstants
from jpegcompile.passes.fold_quantized_weights import FoldQuantizedWeights
from jpegcompile.passes.fuse_convolution import FuseConvolution
from jpegcompile.passes.fuse_ingest import FuseIngest
from jpegcompile.passes.fuse_scale import FuseScale
from jpegcompile.passes.group_channels import GroupChannels
from jpegcompile.passes.infer_shapes import InferShapes
from jpegcompile.passes.keep_plateaus import KeepPlateaus
from jpegcompile.passes.lower_along_channels import LowerAlongChannels
from jpegcompile.passes.lower_batch_norm import LowerBatchNorm
from jpegcompile.passes.lower_cast import LowerCast
from jpegcompile.passes.lower_channel_reduction import LowerChannelReduction
from jpegcompile.passes.lower_clip import LowerClip
from jpegcompile.passes.lower_conv import LowerConv
from jpegcompile.passes.lower_conv_transpose import LowerConvTranspose
from jpegcompile.passes.lower_elementwise import LowerElementwise
from jpegcompile.passes.lower_flatten import LowerFlatten
from jpegcompile.passes.lower_global_max_pool import LowerGlobalMaxPool
from jpegcompile.passes.lower_group_normalization import LowerGroupNormalization
from jpegcompile.passes.lower_input import LowerInput
from jpegcompile.passes.lower_max_pool import LowerMaxPool
from jpegcompile.passes.lower_pointwise import LowerPointwise
from jpegcompile.passes.lower_prelu import LowerPRelu
from jpegcompile.passes.lower_products import LowerProducts
from jpegcompile.passes.lower_rearrangement import LowerRearrangement
from jpegcompile.passes.lower_reduction import LowerReduction
from jpegcompile.passes.lower_relu import LowerRelu
from jpegcompile.passes.lower_resize import LowerResize
from jpegcompile.passes.lower_separable import (
    LowerAveragePool,
    LowerGlobalAveragePool,
    LowerPad,
    LowerSlice,
    LowerTake,
)
from jpegcompile.passes.merge_slices import MergeSlices
from jpegcompile.passes.refuse_quantized import RefuseQuantized
from jpegcompile.passes.remove_identity import RemoveIdentity
from jpegcompile.passes.report_kept import ReportKept
from jpegcompile.passes.report_skippable import ReportSkippable
from jpegcompile.passes.resolve_shapes import ResolveShapes
from jpegcompile.passes.sink_squeeze import SinkSqueeze
from jpegcompile.passes.spatial_twins import SpatialTwins
from jpegcompile.passes.store_half import StoreHalf
from jpegcompile.passes.take_one_image import TakeOneImage
from jpegcompile.passes.truncate_frequencies import TruncateFrequencies
from jpegcompile.passes.widen_half import WidenHalf

LEGALIZE: tuple[Pass, ...] = (
    FoldConstants(),
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
    ResolveShapes(),
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
    AssignDomains(),
    KeepPlateaus(),
    LowerInput(),
    LowerPointwise(),
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
# Only these may change an answer, and only as far as the frequency plan says.
RESOLVE: tuple[Pass, ...] = (
    ApproximateMasks(),
    TruncateFrequencies(),
    ReportSkippable(),
)
# These change which operators do the work, not what is computed. DecodeInput stays last.
SCHEDULE: tuple[Pass, ...] = (
    FuseConvolution(),
    SpatialTwins(),
    FuseIngest(),
    FuseScale(),
    ChooseMethods(),
    ChooseSparse(),
    GroupChannels(),
    CompactTiles(),
    TakeOneImage(),
    StoreHalf(),
    DecodeInput(),
)
PIPELINE: tuple[Pass, ...] = LEGALIZE + FOLD + LOWER + RESOLVE + SCHEDULE

# As far as feature maps and their block sizes are known; enough to judge an input size.
FIND_MAPS: tuple[Pass, ...] = (*LEGALIZE, AssignDomains())
