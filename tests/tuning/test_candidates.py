"""The tilings to measure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.tiers import thorough

from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import RELU
from jpegcompile.gpu.resnets import resnet18, resnet50
from jpegcompile.jpeg.subsampling import frame_of
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.conv.launch import Convolution, tilings
from jpegcompile.kernels.ingest.launch import Ingest
from jpegcompile.kernels.max_pool.launch import MaxPool
from jpegcompile.kernels.reduce.launch import ReduceChannels
from jpegcompile.network_input import NetworkInput
from jpegcompile.precision import FLOAT16, FLOAT32, PRECISIONS, TF32X3, Precision
from jpegcompile.tuning.candidates import candidates

WIDE = MapLayout.whole(256, 28, 28, 4)
PAIR = (3, 3)
FRAME = frame_of("4:2:0", 32, 32)
KERNELS: list[Kernel] = [
    *(layer.convolution for layer in resnet18()),
    *(layer.convolution for layer in resnet50(8)),
    Convolution(WIDE, WIDE, PAIR, pads=(1, 1), group=32, program=RELU),
    MaxPool(WIDE, WIDE, PAIR, pads=(1, 1)),
    Elementwise(WIDE, WIDE, RELU),
    ReduceChannels(WIDE, replace(WIDE, channels=1), "mean"),
    Ingest(MapLayout(3, 32, 32, thin=4), FRAME, NetworkInput("x", 3, 32, 32, "NCHW")),
]


@pytest.mark.parametrize("precision", PRECISIONS.values(), ids=lambda p: p.name)
def test_the_default_is_first_and_all_are_distinct(precision: Precision) -> None:
    for kernel in KERNELS:
        found = candidates(kernel, precision)
        assert found[0] == kernel.default_tiling(precision)
        assert len(set(found)) == len(found)
        assert 3 <= len(found) <= 40
        if not isinstance(kernel, Ingest):
            assert all(t.rows % 64 == 0 and t.channels % 16 == 0 for t in found)


@pytest.mark.parametrize("precision", [FLOAT16, TF32X3], ids=lambda p: p.name)
def test_convolutions_have_the_tilings_of_their_default(precision: Precision) -> None:
    conv = Convolution(WIDE, WIDE, PAIR, pads=(1, 1), program=RELU)
    found = candidates(conv, precision)
    depths = {replace(t, depth=conv.depth(t)) for t in found}
    assert {replace(t, depth=conv.depth(t)) for t in tilings(conv, precision)} <= depths
    assert {t.warps for t in found} == {4, 8}
    assert {t.stages for t in found} == {2, 3, 4}


def test_groups_keep_the_channels_that_weights_are_packed_for() -> None:
    conv = Convolution(WIDE, WIDE, PAIR, pads=(1, 1), group=32)
    for precision in PRECISIONS.values():
        packed = conv.default_tiling(precision).channels
        found = candidates(conv, precision)
        assert {t.channels for t in found} == {packed}
        assert {conv.weight_shape(t) for t in found} == {conv.weight_shape(found[0])}
    alone = replace(conv, group=1)
    assert len({t.channels for t in candidates(alone, FLOAT32)}) > 1


def test_equal_effective_depths_are_one_tiling() -> None:
    narrow = MapLayout.whole(16, 28, 28, 4)
    conv = Convolution(narrow, narrow, PAIR, pads=(1, 1))
    assert {conv.depth(t) for t in candidates(conv, FLOAT16)} == {16}
    assert {t.depth for t in candidates(conv, FLOAT16)} == {64}


@thorough
def test_weights_of_one_group_serve_every_candidate() -> None:
    for layer in (*resnet18(), *resnet50(8)):
        for precision in PRECISIONS.values():
            found = candidates(layer.convolution, precision)
            assert len({layer.convolution.weight_shape(t) for t in found}) == 1
