"""Batch normalization as an affine map, and folded into the convolution before it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.maps import random_map
from torch.nn import functional

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.normalization import batch_norm_affine, fold_into_convolution

CHANNELS = 5
SCALE, BIAS, MEAN = (random_map((n, CHANNELS))[0] for n in (1, 2, 3))
VARIANCE = random_map((4, CHANNELS))[0] ** 2
EPSILON = 1e-3


def pytorch_batch_norm(x: torch.Tensor) -> torch.Tensor:
    mean, variance, scale, bias = map(torch.from_numpy, (MEAN, VARIANCE, SCALE, BIAS))
    return functional.batch_norm(x, mean, variance, scale, bias, eps=EPSILON)


def test_affine_is_pytorchs_inference() -> None:
    x = random_map((2, CHANNELS, 3, 4))
    affine = batch_norm_affine(SCALE, BIAS, MEAN, VARIANCE, EPSILON)
    result = x * affine.scale[:, None, None] + affine.shift[:, None, None]
    np.testing.assert_allclose(result, pytorch_batch_norm(torch.from_numpy(x)), rtol=0, atol=1e-12)


def test_single_precision_statistics_are_combined_in_double() -> None:
    scale, bias, mean, variance = (v.astype(np.float32) for v in (SCALE, BIAS, MEAN, VARIANCE))
    affine = batch_norm_affine(scale, bias, mean, variance, EPSILON)
    # The maps above are exact in float32, all but the squares.
    expected = batch_norm_affine(SCALE, BIAS, MEAN, variance.astype(np.float64), EPSILON)
    assert affine.scale.dtype == affine.shift.dtype == np.float64
    np.testing.assert_array_equal(affine.scale, expected.scale)
    np.testing.assert_array_equal(affine.shift, expected.shift)


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("group", [1, 5])
def test_folded_convolution(with_bias: bool, group: int) -> None:
    x = torch.from_numpy(random_map((2, 5, 7, 6)))
    weight = random_map((CHANNELS, 5 // group, 3, 3))
    bias = random_map((CHANNELS,)) if with_bias else None
    affine = batch_norm_affine(SCALE, BIAS, MEAN, VARIANCE, EPSILON)
    kernel, shifted = fold_into_convolution(weight, bias, affine)
    folded = functional.conv2d(
        x, torch.from_numpy(kernel), torch.from_numpy(shifted), padding=1, groups=group
    )
    plain_bias = None if bias is None else torch.from_numpy(bias)
    plain = functional.conv2d(x, torch.from_numpy(weight), plain_bias, padding=1, groups=group)
    np.testing.assert_allclose(folded, pytorch_batch_norm(plain), rtol=0, atol=1e-12)


def test_folding_rounds_once() -> None:
    weight = random_map((CHANNELS, 2, 3, 3)).astype(np.float32)
    affine = batch_norm_affine(SCALE, BIAS, MEAN, VARIANCE, EPSILON)
    kernel, shifted = fold_into_convolution(weight, None, affine)
    assert kernel.dtype == shifted.dtype == np.float32
    exact = weight.astype(np.float64) * affine.scale[:, None, None, None]
    np.testing.assert_array_equal(kernel, exact.astype(np.float32))
    np.testing.assert_array_equal(shifted, affine.shift.astype(np.float32))


def test_affine_maps_compose_in_order() -> None:
    first = ChannelAffine(np.array([2.0, 3.0]), np.array([1.0, -1.0]))
    both = first.then(np.array([10.0, 0.5]), np.array([5.0, 4.0]))
    np.testing.assert_array_equal(both.scale, [20.0, 1.5])
    np.testing.assert_array_equal(both.shift, [15.0, 3.5])
