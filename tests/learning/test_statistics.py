"""Batch statistics in the JPEG domain equal PyTorch's, also where E[x^2] - E[x]^2 cancels."""

from __future__ import annotations

import pytest
import torch
from support.learning import largest
from support.tiers import thorough
from torch import Tensor, nn

from jpegcompile.learning import JpegBatchNorm2d, JpegGroupNorm
from jpegcompile.learning.tiles import use_implementation
from jpegcompile.learning.transforms import block_dct, inverse_block_dct

# The mean of float32 pixels is stored to 6e-8 of itself, and a variance of 1 as precisely.
FAR = 1000.0


def pixels_of(kind: torch.dtype, mean: float) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(16, 4, 16, 8).to(kind) + mean


def cancelling(maps: Tensor) -> Tensor:
    """Return the variances by E[x^2] - E[x]^2."""
    mean = maps[..., ::8, ::8].mean((0, 2, 3)) / 8
    return maps.square().mean((0, 2, 3)) - mean.square()


@pytest.mark.parametrize("momentum", [1.0, 0.1])
@pytest.mark.parametrize("mean", [0.0, FAR])
@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
def test_statistics(kind: torch.dtype, mean: float, momentum: float) -> None:
    pixels = pixels_of(kind, mean)
    spatial = nn.BatchNorm2d(4, momentum=momentum, dtype=torch.float64)
    jpeg = JpegBatchNorm2d(4, momentum=momentum, dtype=kind)
    spatial(pixels.double())
    jpeg(block_dct(pixels))
    assert jpeg.running_mean is not None
    assert jpeg.running_var is not None
    assert spatial.running_mean is not None
    assert spatial.running_var is not None
    precise = 1e-6 * max(1.0, mean)
    assert largest((jpeg.running_mean.double(), spatial.running_mean)) < precise
    # Coefficients of pixels around 1000 are rounded to 2^-11 at DC.
    precise = 1e-6 if kind == torch.float64 or not mean else 1e-4
    assert largest((jpeg.running_var.double(), spatial.running_var)) < precise
    if momentum == 1.0 and mean and kind == torch.float32:
        wrong = cancelling(block_dct(pixels)).double()
        assert largest((wrong, spatial.running_var)) > 10 * precise


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_normalized_as_float32(kind: torch.dtype) -> None:
    maps = block_dct(pixels_of(kind, 20.0))
    jpeg, wide = JpegBatchNorm2d(4), JpegBatchNorm2d(4)
    with torch.autocast("cpu", dtype=kind):
        made = jpeg(maps)
    expected = wide(maps.float())
    assert made.dtype == kind
    assert torch.equal(made, expected.to(kind))
    assert largest(*zip(jpeg.buffers(), wide.buffers(), strict=True)) == 0


@thorough
def test_what_is_kept_for_the_gradient() -> None:
    maps = block_dct(pixels_of(torch.float32, 0.0)).requires_grad_()
    sizes: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        JpegBatchNorm2d(4)(maps)
    assert sum(sizes) < 1.01 * maps.numel()


@thorough
@pytest.mark.parametrize("make", [JpegBatchNorm2d, lambda _: JpegGroupNorm(2, 4)])
def test_implementations_agree(make: type[JpegBatchNorm2d]) -> None:
    maps = block_dct(pixels_of(torch.float32, 3.0))
    module = make(4)
    expected = module(maps.double())
    with use_implementation("torch"):
        assert (
            largest((inverse_block_dct(module(maps)).double(), inverse_block_dct(expected))) < 1e-5
        )
