"""Conversion of maps between NCHW and channels last on GPUs, in Triton's interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from support.gpu_maps import Doubles, run_kernel

from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.kernels.layout.launch import FromPlanes, ToPlanes
from jpegcompile.precision import FLOAT32

TILING = Tiling(16, 16)


def _planes(channels: int, height: int, width: int) -> Doubles:
    values = np.random.default_rng(3).standard_normal((2, channels, height, width))
    return values.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize(("channels", "thin"), [(5, 0), (16, 0), (20, 0), (3, 4), (4, 4), (1, 4)])
def test_from_planes(channels: int, thin: int) -> None:
    layout = MapLayout(channels, 5, 7, thin=thin)
    x = _planes(channels, 5, 7)
    launch = FromPlanes(layout).launch(2, FLOAT32, TILING)
    made = run_kernel(launch, {"x": x}, {}, (2, *layout.shape))
    np.testing.assert_array_equal(made[..., :channels], x.transpose(0, 2, 3, 1))
    # The padding is written with zeros.
    assert not made[..., channels:].any()


@pytest.mark.parametrize("channels", [5, 16, 20])
def test_to_planes(channels: int) -> None:
    layout = MapLayout(channels, 5, 7)
    expected = _planes(channels, 5, 7)
    # The values of padded channels must not matter.
    x = np.full((2, *layout.shape), np.nan)
    x[..., :channels] = expected.transpose(0, 2, 3, 1)
    made = run_kernel(ToPlanes(layout).launch(2, FLOAT32, TILING), {"x": x}, {}, expected.shape)
    np.testing.assert_array_equal(made, expected)
