"""Calls of every operator that has a function body."""

from __future__ import annotations

from support.channel_cases import cast_cases, channel_cases, relu_cases
from support.first_cases import first_convolution_cases
from support.fused_cases import fused_conv_cases, fused_pointwise_cases, spatial_cases
from support.ingest_cases import ingest_cases
from support.masking_cases import exact_cases, masked_pool_cases, masking_cases
from support.pixelwise_cases import pixelwise_cases
from support.transposed_cases import conv_transpose_cases
from support.whole_map_cases import channel_reduction_cases, normalization_cases, product_cases
from support.window_cases import (
    conv_cases,
    global_max_pool_cases,
    pool_cases,
    rearrangement_cases,
    reduction_cases,
    resampling_cases,
    resize_cases,
)

CASES = [
    *cast_cases(),
    *channel_cases(),
    *relu_cases(),
    *pixelwise_cases(),
    *exact_cases(),
    *masking_cases(),
    *conv_cases(),
    *conv_transpose_cases(),
    *pool_cases(),
    *masked_pool_cases(),
    *resampling_cases(),
    *resize_cases(),
    *reduction_cases(),
    *global_max_pool_cases(),
    *rearrangement_cases(),
    *ingest_cases(),
    *fused_conv_cases(),
    *fused_pointwise_cases(),
    *spatial_cases(),
    *first_convolution_cases(),
    *normalization_cases(),
    *product_cases(),
    *channel_reduction_cases(),
]
# The first call of each operator.
FIRST_OF_OP = list({case.op: case for case in reversed(CASES)}.values())
