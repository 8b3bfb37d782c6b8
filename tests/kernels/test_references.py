"""The references against PyTorch in float64, on spatial-domain copies of random maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from support.maps import SHAPES, Doubles, blocks_of, random_map
from support.masking import FREQUENCIES, clear_map, clear_pool_map
from support.masking_cases import BOUNDS, slopes_of
from support.transposed_cases import TRANSPOSED, transposed_size
from support.window_cases import CONVOLUTIONS, POOLS, REARRANGEMENTS, RESIZES, output_size
from torch.nn import functional

from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.dct.resize import Sampling, resize_matrix
from jpegcompile.dct.windows import Pads, Pair, taps
from jpegcompile.kernels.average_pool.reference import jpeg_average_pool, jpeg_global_average_pool
from jpegcompile.kernels.batch_normalization.reference import jpeg_batch_normalization
from jpegcompile.kernels.clip.reference import jpeg_apx_clip, jpeg_asm_clip, jpeg_clip
from jpegcompile.kernels.conv.reference import jpeg_conv
from jpegcompile.kernels.conv_transpose.reference import jpeg_conv_transpose
from jpegcompile.kernels.max_pool.reference import (
    jpeg_asm_max_pool,
    jpeg_global_max_pool,
    jpeg_max_pool,
)
from jpegcompile.kernels.pixelwise.reference import FUNCTIONS, jpeg_pixelwise
from jpegcompile.kernels.prelu.reference import jpeg_apx_prelu, jpeg_asm_prelu, jpeg_prelu
from jpegcompile.kernels.rearrange.reference import jpeg_depth_to_space, jpeg_space_to_depth
from jpegcompile.kernels.reduce.reference import jpeg_reduce_mean, jpeg_reduce_sum
from jpegcompile.kernels.relu.reference import jpeg_apx_relu, jpeg_asm_relu, jpeg_relu
from jpegcompile.kernels.resample.reference import jpeg_pad, jpeg_resize, jpeg_slice
from jpegcompile.kernels.truncate.reference import jpeg_truncate

COUNTS = [(shape, n) for shape in SHAPES for n in FREQUENCIES[block_size(*shape[2:])]]


def padded(x: Doubles, pads: Pads, fill: float = 0.0) -> torch.Tensor:
    """Return the spatial-domain map, padded, because PyTorch's windows pad both ends equally."""
    top, left, bottom, right = pads
    spatial = torch.from_numpy(to_spatial(x, block_size(*x.shape[2:])))
    return functional.pad(spatial, (left, right, top, bottom), value=fill)


def assert_twin(jpeg: Doubles, spatial: torch.Tensor) -> None:
    """Check that the result is the transform of PyTorch's; sums of a few hundred values near 1."""
    expected = to_jpeg(spatial.numpy(), block_size(*spatial.shape[2:]))
    np.testing.assert_allclose(jpeg, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "kernel", "strides", "pads", "dilations", "group", "made"), CONVOLUTIONS
)
def test_convolution(
    shape: tuple[int, ...],
    kernel: Pair,
    strides: Pair,
    pads: Pads,
    dilations: Pair,
    group: int,
    made: int,
) -> None:
    x, weight = random_map(shape), random_map((made, shape[1] // group, *kernel))
    bias = random_map((made,))
    blocks = blocks_of(x, output_size(shape[2:], kernel, strides, pads, dilations))
    result = jpeg_conv(
        x, weight, bias, strides=strides, pads=pads, dilations=dilations, group=group, **blocks
    )
    operands = (padded(x, pads), torch.from_numpy(weight), torch.from_numpy(bias))
    assert_twin(result, functional.conv2d(*operands, strides, 0, dilations, group))


@pytest.mark.parametrize(("shape", "kernel", "strides", "pads", "dilations"), POOLS)
def test_pools(
    shape: tuple[int, ...], kernel: Pair, strides: Pair, pads: Pads, dilations: Pair
) -> None:
    x = random_map(shape)
    blocks = blocks_of(x, output_size(shape[2:], kernel, strides, pads, dilations))
    largest = jpeg_max_pool(
        x, kernel_shape=kernel, strides=strides, pads=pads, dilations=dilations, **blocks
    )
    below = padded(x, pads, -np.inf)
    assert_twin(largest, functional.max_pool2d(below, kernel, strides, 0, dilations))
    # PyTorch's average pooling has no dilation, so the mean is a convolution of each channel.
    taps_of_mean = torch.ones(shape[1], 1, *kernel, dtype=torch.float64)
    total = functional.conv2d(padded(x, pads), taps_of_mean, None, strides, 0, dilations, shape[1])
    counted = padded(to_jpeg(np.ones(shape), blocks["input_block"]), pads)
    inside = functional.conv2d(counted, taps_of_mean, None, strides, 0, dilations, shape[1])
    for count_include_pad, divisor in ((False, inside), (True, torch.tensor(kernel).prod())):
        mean = jpeg_average_pool(
            x,
            kernel_shape=kernel,
            strides=strides,
            pads=pads,
            dilations=dilations,
            count_include_pad=count_include_pad,
            **blocks,
        )
        assert_twin(mean, total / divisor)


@pytest.mark.parametrize("shape", SHAPES)
def test_pointwise_and_resampling(shape: tuple[int, ...]) -> None:
    x, (height, width) = random_map(shape), shape[2:]
    block, spatial = block_size(height, width), padded(x, (0, 0, 0, 0))
    assert_twin(jpeg_relu(x, block=block), functional.relu(spatial))
    mean, variance = torch.linspace(-1, 1, shape[1]).double(), torch.ones(shape[1]).double() / 4
    normalized = functional.batch_norm(spatial, mean, variance, eps=0.0)
    scale, shift = np.full(shape[1], 2.0), -2 * mean.numpy()
    assert_twin(jpeg_batch_normalization(x, scale, shift, block=block), normalized)
    pooled = jpeg_global_average_pool(x, input_block=block)
    assert_twin(pooled, functional.adaptive_avg_pool2d(spatial, 1))
    dc_mean = x[..., ::block, ::block].mean(axis=(2, 3), keepdims=True) / block
    np.testing.assert_allclose(pooled, dc_mean, rtol=0, atol=1e-14)
    taken = spatial[..., ::2, 1:-1]
    blocks = blocks_of(x, taken.shape[2:])
    assert_twin(jpeg_slice(x, slice(None, None, 2), slice(1, -1), **blocks), taken)
    cropped = functional.pad(spatial, (-2, 3, 1, -1))
    assert_twin(jpeg_pad(x, (1, -2, -1, 3), **blocks_of(x, cropped.shape[2:])), cropped)


FUNCTIONS_OF_TORCH: dict[str, tuple[Callable[..., torch.Tensor], list[dict[str, Any]]]] = {
    "JpegAbs": (torch.abs, [{}]),
    "JpegAtan": (torch.atan, [{}]),
    "JpegCelu": (functional.celu, [{"alpha": 1.0}, {"alpha": 0.5}]),
    "JpegCos": (torch.cos, [{}]),
    "JpegElu": (functional.elu, [{"alpha": 1.0}, {"alpha": 0.5}]),
    "JpegErf": (torch.erf, [{}]),
    "JpegExp": (torch.exp, [{}]),
    "JpegGelu": (functional.gelu, [{"approximate": "none"}, {"approximate": "tanh"}]),
    "JpegHardSwish": (functional.hardswish, [{}]),
    "JpegMish": (functional.mish, [{}]),
    "JpegSigmoid": (torch.sigmoid, [{}]),
    "JpegSilu": (functional.silu, [{}]),
    "JpegSin": (torch.sin, [{}]),
    "JpegSoftplus": (functional.softplus, [{}]),
    "JpegSoftsign": (functional.softsign, [{}]),
    "JpegTanh": (torch.tanh, [{}]),
}


@pytest.mark.parametrize("op", FUNCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_functions_of_each_pixel(op: str, shape: tuple[int, ...]) -> None:
    x, block = random_map(shape), block_size(*shape[2:])
    spatial = padded(x, (0, 0, 0, 0))
    if op in FUNCTIONS_OF_TORCH:
        function, variants = FUNCTIONS_OF_TORCH[op]
        for attributes in variants:
            expected = function(spatial, **attributes)
            assert_twin(jpeg_pixelwise(x, op, block=block, **attributes), expected)
        return
    # Functions that PyTorch has with fixed parameters, or under another name.
    attributes, expected = {
        "JpegHardSigmoid": ({"alpha": 1 / 6, "beta": 0.5}, functional.hardsigmoid(spatial)),
        "JpegSelu": (
            {"alpha": 1.6732632423543772848, "gamma": 1.0507009873554804934},
            functional.selu(spatial),
        ),
    }[op]
    assert_twin(jpeg_pixelwise(x, op, block=block, **attributes), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_reductions(shape: tuple[int, ...]) -> None:
    x, spatial = random_map(shape), padded(random_map(shape), (0, 0, 0, 0))
    for axes in ((2,), (3,), (2, 3)):
        mean = spatial.mean(axes, keepdim=True)
        blocks = blocks_of(x, mean.shape[2:])
        assert_twin(jpeg_reduce_mean(x, axes, **blocks), mean)
        assert_twin(jpeg_reduce_sum(x, axes, **blocks), spatial.sum(axes, keepdim=True))
    largest = jpeg_global_max_pool(x, input_block=block_size(*shape[2:]))
    assert_twin(largest, spatial.amax((2, 3), keepdim=True))


@pytest.mark.parametrize(("mode", "before", "after"), RESIZES)
def test_resizes(mode: str, before: Pair, after: Pair) -> None:
    """PyTorch's "nearest-exact" equals ONNX's nearest with half_pixel, except for ties."""
    x = random_map((2, 3, *before))
    rows, columns = (
        resize_matrix(source, target, target / source, Sampling(mode, nearest="round_prefer_ceil"))
        for source, target in zip(before, after, strict=True)
    )
    name = {"linear": "bilinear", "cubic": "bicubic", "nearest": "nearest-exact"}[mode]
    resized = functional.interpolate(padded(x, (0, 0, 0, 0)), after, mode=name)
    assert_twin(jpeg_resize(x, rows, columns, **blocks_of(x, after)), resized)


@pytest.mark.parametrize(
    ("shape", "kernel", "strides", "pads", "dilations", "spare", "group", "made"), TRANSPOSED
)
def test_transposed_convolution(
    shape: tuple[int, ...],
    kernel: Pair,
    strides: Pair,
    pads: Pads,
    dilations: Pair,
    spare: Pair,
    group: int,
    made: int,
) -> None:
    """PyTorch cuts both ends equally, so it cuts nothing here and the test cuts the result."""
    x, weight = random_map(shape), random_map((shape[1], made // group, *kernel))
    bias = random_map((made,))
    whole = functional.conv_transpose2d(
        padded(x, (0, 0, 0, 0)),
        torch.from_numpy(weight),
        torch.from_numpy(bias),
        strides,
        groups=group,
        dilation=dilations,
    )
    top, left, bottom, right = pads
    # The output padding contains only the bias, because no tap reaches it.
    grown = torch.from_numpy(bias)[:, None, None].expand(
        *whole.shape[:2], whole.shape[2] + spare[0], whole.shape[3] + spare[1]
    )
    grown = grown.clone()
    grown[:, :, : whole.shape[2], : whole.shape[3]] = whole
    cut = grown[:, :, top : grown.shape[2] - bottom, left : grown.shape[3] - right]
    size = transposed_size(shape[2:], kernel, strides, pads, dilations, spare)
    assert cut.shape[2:] == size
    result = jpeg_conv_transpose(
        x,
        weight,
        bias,
        strides=strides,
        pads=pads,
        dilations=dilations,
        output_padding=spare,
        group=group,
        **blocks_of(x, size),
    )
    assert_twin(result, cut)


@pytest.mark.parametrize(("shape", "side"), REARRANGEMENTS)
def test_rearrangements(shape: tuple[int, ...], side: int) -> None:
    """PyTorch orders channels as [c, i, j], the operators as [i, j, c]."""
    count, channels, height, width = shape
    x, size = random_map(shape), (height // side, width // side)
    wide = functional.pixel_unshuffle(padded(x, (0, 0, 0, 0)), side)
    deep = wide.reshape(count, channels, side**2, *size).transpose(1, 2).flatten(1, 2).contiguous()
    result = jpeg_space_to_depth(x, blocksize=side, **blocks_of(x, size))
    assert_twin(result, deep)
    back = jpeg_depth_to_space(result, blocksize=side, **blocks_of(result, (height, width)))
    np.testing.assert_allclose(back, x, rtol=0, atol=1e-12)
    assert result.shape == (count, channels * side**2, *size)


@pytest.mark.parametrize("shape", SHAPES)
def test_piecewise_linear(shape: tuple[int, ...]) -> None:
    x, block = random_map(shape), block_size(*shape[2:])
    spatial = padded(x, (0, 0, 0, 0))
    one, by_channel, by_pixel = (torch.from_numpy(slope) for slope in slopes_of(shape))
    for slope, expected in (
        (one, functional.prelu(spatial, one)),
        (by_channel, functional.prelu(spatial, by_channel.ravel())),
        (by_pixel, functional.relu(spatial) - by_pixel * functional.relu(-spatial)),
    ):
        assert_twin(jpeg_prelu(x, slope.numpy(), block=block), expected)
    for low, high in BOUNDS:
        assert_twin(jpeg_clip(x, low, high, block=block), spatial.clamp(low, high))


def band_of(shape: tuple[int, ...], frequencies: int) -> torch.Tensor:
    """Return 1 where the indices of a coefficient in its tile sum to less, and 0 elsewhere."""
    block = block_size(*shape[2:])
    rows, columns = (torch.arange(size) % block for size in shape[2:])
    return (rows[:, None] + columns < frequencies).double()


@pytest.mark.parametrize(("shape", "frequencies"), COUNTS)
def test_approximated_masks(shape: tuple[int, ...], frequencies: int) -> None:
    """Uses PyTorch's functions of the approximation, or its pieces applied to exact pixels."""
    points = tuple(point for bounds in BOUNDS for point in bounds)
    x, block = clear_map(shape, frequencies, (0.0, *points)), block_size(*shape[2:])
    low_band = torch.from_numpy(x) * band_of(shape, frequencies)
    exact, below = padded(x, (0, 0, 0, 0)), padded(low_band.numpy(), (0, 0, 0, 0))
    attributes = {"block": block, "frequencies": frequencies}
    assert_twin(jpeg_asm_relu(x, **attributes), exact * (below > 0))
    assert_twin(jpeg_apx_relu(x, **attributes), functional.relu(below))
    slope = slopes_of(shape)[1]
    slopes = torch.from_numpy(slope)
    assert_twin(
        jpeg_asm_prelu(x, slope, **attributes), torch.where(below > 0, exact, slopes * exact)
    )
    assert_twin(jpeg_apx_prelu(x, slope, **attributes), functional.prelu(below, slopes.ravel()))
    for low, high in BOUNDS:
        piece = torch.bucketize(below.contiguous(), torch.tensor([low, high]).double())
        lines = torch.stack([torch.full_like(exact, low), exact, torch.full_like(exact, high)])
        picked = lines.gather(0, piece[None])[0]
        assert_twin(jpeg_asm_clip(x, low, high, **attributes), picked)
        assert_twin(jpeg_apx_clip(x, low, high, **attributes), below.clamp(low, high))


@pytest.mark.parametrize(("shape", "frequencies"), COUNTS)
def test_truncation(shape: tuple[int, ...], frequencies: int) -> None:
    x = random_map(shape)
    kept = jpeg_truncate(x, block=block_size(*shape[2:]), frequencies=frequencies)
    np.testing.assert_array_equal(kept, x * band_of(shape, frequencies).numpy())


@pytest.mark.parametrize(("shape", "kernel", "strides", "pads", "dilations"), POOLS)
def test_pools_with_approximated_positions(
    shape: tuple[int, ...], kernel: Pair, strides: Pair, pads: Pads, dilations: Pair
) -> None:
    window = {"kernel_shape": kernel, "strides": strides, "pads": pads, "dilations": dilations}
    for count in FREQUENCIES[block_size(*shape[2:])]:
        x = clear_pool_map(shape, count, window)
        blocks = blocks_of(x, output_size(shape[2:], kernel, strides, pads, dilations))
        below = padded((torch.from_numpy(x) * band_of(shape, count)).numpy(), pads, -np.inf)
        _, positions = functional.max_pool2d(
            below, kernel, strides, 0, dilations, return_indices=True
        )
        exact = padded(x, pads, np.nan).flatten(2)
        picked = exact.gather(2, positions.flatten(2)).reshape(positions.shape)
        result = jpeg_asm_max_pool(
            x,
            kernel_shape=kernel,
            strides=strides,
            pads=pads,
            dilations=dilations,
            frequencies=count,
            **blocks,
        )
        assert_twin(result, picked)


def test_a_window_larger_than_the_map_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a window of \(3, 3\) by \(2, 2\) exceeds"):
        list(taps(np.zeros((1, 4, 6)), (3, 3), dilations=(2, 2)))


def test_a_block_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="block size 8 does not divide a map of 12x8"):
        jpeg_relu(np.zeros((1, 1, 12, 8)), block=8)


def test_a_planted_fault_is_seen() -> None:
    x = random_map((1, 3, 16, 24))
    result = jpeg_relu(x, block=8)
    result[0, 1, 3, 5] += 1e-9
    with pytest.raises(AssertionError):
        assert_twin(result, functional.relu(padded(x, (0, 0, 0, 0))))
