"""Masks by few frequencies: values and gradients against NumPy references, in both domains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from support.tiers import thorough
from torch import Tensor, nn

import jpegcompile.learning as learning
from jpegcompile.dct import masking
from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.dct.frequencies import keep_band, resolve
from jpegcompile.learning.modules.domain import Domain
from jpegcompile.learning.tiles import Implementation, use_implementation
from jpegcompile.learning.transforms import block_dct, inverse_block_dct

FUNCTIONS: dict[str, tuple[Callable[..., nn.Module], tuple[Any, ...], masking.PiecewiseLinear]] = {
    "relu": (learning.JpegReLU, (), masking.RELU),
    "leaky relu": (learning.JpegLeakyReLU, (0.2,), masking.prelu(0.2)),
    "prelu": (learning.JpegPReLU, (1, 0.25), masking.prelu(0.25)),
    "clip": (learning.JpegClip, (-0.4, 0.6), masking.clip(-0.4, 0.6)),
    "relu6": (learning.JpegReLU6, (), masking.clip(0.0, 6.0)),
}
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def expected_of(
    maps: np.ndarray[Any, Any], function: masking.PiecewiseLinear, kind: str, count: int,
    cotangent: np.ndarray[Any, Any],
) -> tuple[Any, Any]:  # fmt: skip
    """Return the maps and, given the masks, the gradient, by NumPy."""
    block = block_size(*maps.shape[-2:])
    frequencies = resolve(count, block)
    apply = masking.asm if kind == "asm" else masking.apx
    made = apply(maps, function, block, frequencies)
    piece = function.piece(masking.approximation(maps, block, frequencies))
    slopes = masking.PiecewiseLinear(
        function.breakpoints, tuple((slope, 0.0) for slope, _ in function.pieces)
    )
    gradient = to_jpeg(slopes.apply(to_spatial(cotangent, block), piece), block)
    return made, keep_band(gradient, block, frequencies) if kind == "apx" else gradient


def fault_of(
    name: str, kind: str, domain: str, size: tuple[int, int], count: int,
    implementation: Implementation, dtype: torch.dtype, *, another: int = 0,
) -> float:  # fmt: skip
    """Return the error of values and gradients; `another` changes the reference's frequencies."""
    make, arguments, function = FUNCTIONS[name]
    module = make(*arguments, frequencies=count, masking=kind, domain=domain).to(dtype)
    generator = np.random.default_rng(4)
    maps, cotangent = generator.standard_normal((2, 2, 5, *size))
    made, gradient = expected_of(maps, function, kind, count + another, cotangent)
    given, last = (torch.from_numpy(part).to(dtype) for part in (maps, cotangent))
    if domain == "spatial":
        given, last = inverse_block_dct(given), inverse_block_dct(last)
    given.requires_grad_()
    with use_implementation(implementation):
        answer = module(given)
        answer.backward(last)
    assert given.grad is not None
    found: list[Tensor] = [answer.detach(), given.grad]
    if domain == "spatial":
        found = [block_dct(part) for part in found]
    # NumPy's maximum of numbers with a NaN is NaN, in contrast to Python's.
    pairs = zip(found, (made, gradient), strict=True)
    return float(np.max([np.abs(part.double().numpy() - meant).max() for part, meant in pairs]))


def check(*case: Any) -> None:
    assert fault_of(*case) < TOLERANCE[case[-1]]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_asm(name: str) -> None:
    check(name, "asm", "jpeg", (8, 16), 6, "native", torch.float32)


def test_another_number_of_frequencies_is_found() -> None:
    case = ("relu", "asm", "jpeg", (8, 16), 6, "native", torch.float32)
    assert fault_of(*case, another=1) > 1e-2  # type: ignore[arg-type]


@thorough
@pytest.mark.parametrize("implementation", ["native", "torch"])
@pytest.mark.parametrize("count", [1, 5, 8, 14, 15])
@pytest.mark.parametrize("size", [(16, 8), (4, 12), (2, 6), (3, 8)])
@pytest.mark.parametrize("domain", ["jpeg", "spatial"])
@pytest.mark.parametrize("kind", ["asm", "apx"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_mask(
    name: str, kind: str, domain: str, size: tuple[int, int], count: int,
    implementation: Implementation,
) -> None:  # fmt: skip
    dtype = torch.float32 if implementation == "native" else torch.float64
    check(name, kind, domain, size, count, implementation, dtype)


@thorough
@pytest.mark.parametrize("domain", ["jpeg", "spatial"])
@pytest.mark.parametrize("count", [1, 6, 15])
def test_max_pool(count: int, domain: Domain) -> None:
    pool = learning.JpegMaxPool2d(3, stride=2, padding=1, frequencies=count, domain=domain)
    maps = np.random.default_rng(5).standard_normal((2, 4, 16, 24))
    expected = masking.asm_max_pool(
        maps, kernel_shape=(3, 3), input_block=8, output_block=4, frequencies=count,
        strides=(2, 2), pads=(1, 1, 1, 1),
    )  # fmt: skip
    given = torch.from_numpy(maps)
    for layout in (torch.contiguous_format, torch.channels_last):
        leaf = (inverse_block_dct(given) if domain == "spatial" else given).contiguous(
            memory_format=layout
        )
        made = pool(leaf)
        assert made.is_contiguous(memory_format=layout)
        in_jpeg = block_dct(made) if domain == "spatial" else made
        assert np.abs(in_jpeg.numpy() - expected).max() < 1e-12


@thorough
@pytest.mark.parametrize("domain", ["jpeg", "spatial"])
@pytest.mark.parametrize("count", [1, 7, 15])
def test_truncate(count: int, domain: Domain) -> None:
    maps = np.random.default_rng(6).standard_normal((2, 3, 16, 8))
    given = torch.from_numpy(maps)
    module = learning.Truncate(count, domain)
    made = module(inverse_block_dct(given) if domain == "spatial" else given)
    found = block_dct(made) if domain == "spatial" else made
    assert np.abs(found.numpy() - keep_band(maps, 8, count)).max() < 1e-12


def test_slopes_without_a_batch_belong_to_the_second_dimension() -> None:
    maps = torch.randn(2, 8, 8, dtype=torch.float64)
    slopes = torch.linspace(0.1, 0.8, 8, dtype=torch.float64)
    module = learning.JpegPReLU(8, frequencies=6).double()
    module.weight.data.copy_(slopes)
    rough = inverse_block_dct(torch.from_numpy(keep_band(maps.numpy(), 8, 6)))
    pixels = inverse_block_dct(maps)
    wanted = torch.where(rough <= 0, slopes[:, None] * pixels, pixels)
    torch.testing.assert_close(inverse_block_dct(module(maps)), wanted)
