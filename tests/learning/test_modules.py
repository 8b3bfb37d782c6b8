"""Modules in the JPEG domain compute what their spatial twins do, and have their gradients."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from support.codes import refused
from support.learning import largest
from support.tiers import thorough
from torch import Tensor, nn

import jpegcompile.learning as learning
from jpegcompile.errors import UsageError
from jpegcompile.learning.transforms import block_dct, inverse_block_dct


@dataclass(frozen=True)
class Twins:
    """A spatial module and its twin, made by the same arguments."""

    spatial: Callable[..., nn.Module]
    jpeg: Callable[..., nn.Module]
    arguments: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    def make(self, kind: torch.dtype = torch.float64) -> tuple[nn.Module, nn.Module]:
        torch.manual_seed(1)
        spatial = self.spatial(*self.arguments, **dict(self.options)).to(kind)
        jpeg = self.jpeg(*self.arguments, **dict(self.options)).to(kind)
        for parameter in spatial.parameters():
            nn.init.normal_(parameter)
        jpeg.load_state_dict(spatial.state_dict())
        return spatial, jpeg


def of(spatial: Any, jpeg: Any, *arguments: Any, **options: Any) -> Twins:
    return Twins(spatial, jpeg, arguments, tuple(options.items()))


CONV = (nn.Conv2d, learning.JpegConv2d, 4, 6)
QUICK = {
    "conv": of(*CONV, 3, padding=1),
    "pointwise": of(*CONV, 1),
    "batch norm": of(nn.BatchNorm2d, learning.JpegBatchNorm2d, 4),
    "group norm": of(nn.GroupNorm, learning.JpegGroupNorm, 2, 4),
    "instance norm": of(nn.InstanceNorm2d, learning.JpegInstanceNorm2d, 4, affine=True),
    "relu": of(nn.ReLU, learning.JpegReLU),
    "leaky relu": of(nn.LeakyReLU, learning.JpegLeakyReLU, 0.2),
    "prelu": of(nn.PReLU, learning.JpegPReLU, 4),
    "clip": of(nn.Hardtanh, learning.JpegClip, -0.5, 0.75),
    "relu6": of(nn.ReLU6, learning.JpegReLU6),
    "max pool": of(nn.MaxPool2d, learning.JpegMaxPool2d, 2),
    "average pool": of(nn.AvgPool2d, learning.JpegAvgPool2d, 2),
    "global pool": of(nn.AdaptiveAvgPool2d, learning.JpegAdaptiveAvgPool2d, 1),
}
MORE = {
    **{
        f"conv, {mode}": of(*CONV, 3, padding=2, padding_mode=mode)
        for mode in ("reflect", "replicate", "circular")
    },
    "conv, same": of(*CONV, (3, 5), padding="same", dilation=2),
    "conv, valid": of(*CONV, 3, padding="valid", bias=False),
    "conv, stride": of(*CONV, 3, stride=2, padding=1, groups=2),
    "pointwise, groups": of(*CONV, 1, groups=2, padding="same"),
    "pointwise, padded": of(*CONV, 1, padding=1),
    "pointwise, stride": of(*CONV, 1, stride=2, bias=False),
    "batch norm, cumulative": of(nn.BatchNorm2d, learning.JpegBatchNorm2d, 4, momentum=None),
    "batch norm, plain": of(nn.BatchNorm2d, learning.JpegBatchNorm2d, 4, affine=False),
    "batch norm, no statistics": of(
        nn.BatchNorm2d, learning.JpegBatchNorm2d, 4, track_running_stats=False
    ),
    "group norm, plain": of(nn.GroupNorm, learning.JpegGroupNorm, 4, 4, affine=False),
    "instance norm, tracked": of(
        nn.InstanceNorm2d, learning.JpegInstanceNorm2d, 4, track_running_stats=True
    ),
    "relu, inplace": of(nn.ReLU, learning.JpegReLU, inplace=True),
    "prelu, one": of(nn.PReLU, learning.JpegPReLU),
    "max pool, ceil": of(
        nn.MaxPool2d, learning.JpegMaxPool2d, 3, stride=2, padding=1, ceil_mode=True
    ),
    "max pool, dilation": of(nn.MaxPool2d, learning.JpegMaxPool2d, 2, stride=1, dilation=2),
    "average pool, ceil": of(
        nn.AvgPool2d, learning.JpegAvgPool2d, 3, stride=2, padding=1, ceil_mode=True
    ),
    "average pool, uncounted": of(
        nn.AvgPool2d, learning.JpegAvgPool2d, 3, padding=1, count_include_pad=False
    ),
    "average pool, divisor": of(nn.AvgPool2d, learning.JpegAvgPool2d, 2, divisor_override=3),
    "adaptive pool": of(nn.AdaptiveAvgPool2d, learning.JpegAdaptiveAvgPool2d, (3, 2)),
    "adaptive pool, half": of(nn.AdaptiveAvgPool2d, learning.JpegAdaptiveAvgPool2d, (None, 4)),
}
EVERY = {**QUICK, **MORE}
SIZES = [(8, 16), (12, 4), (6, 6), (7, 5)]
# PyTorch's PReLU takes the second dimension for the channels.
UNBATCHED = [name for name in EVERY if "norm" not in name and name != "prelu"]


def check(twins: Twins, pixels: Tensor, tolerance: float, fault: float = 0.0) -> None:
    """Compare outputs, gradients, buffers and second outputs of both modules."""
    spatial, jpeg = twins.make(pixels.dtype)
    inputs = [pixels.clone().requires_grad_() for _ in range(2)]
    # A clone, since a module may work in place.
    expected = spatial(inputs[0].clone())
    made = inverse_block_dct(jpeg(block_dct(inputs[1])))
    assert made.shape == expected.shape
    cotangent = torch.randn(expected.shape, dtype=pixels.dtype)
    expected.backward(cotangent)
    made.backward(cotangent * (1 + fault))  # type: ignore[no-untyped-call]
    pairs = [(made, expected), (inputs[1].grad, inputs[0].grad)]
    pairs += [
        (p.grad, q.grad) for p, q in zip(jpeg.parameters(), spatial.parameters(), strict=True)
    ]
    pairs += list(zip(jpeg.buffers(), spatial.buffers(), strict=True))
    if pixels.numel():
        assert largest(*pairs) < tolerance  # type: ignore[arg-type]
    spatial.eval()
    jpeg.eval()
    if pixels.numel():
        again = inverse_block_dct(jpeg(block_dct(pixels)))
        assert largest((again, spatial(pixels.clone()))) < tolerance


@pytest.mark.parametrize("name", QUICK)
def test_twins(name: str) -> None:
    torch.manual_seed(0)
    check(QUICK[name], torch.randn(3, 4, 8, 16, dtype=torch.float64), 1e-10)


@pytest.mark.parametrize("fault", [1e-6, torch.nan])
def test_a_wrong_gradient_is_found(fault: float) -> None:
    with pytest.raises(AssertionError):
        check(QUICK["conv"], torch.randn(3, 4, 8, 16, dtype=torch.float64), 1e-10, fault)


@thorough
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", EVERY)
def test_twins_at_every_size(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    check(EVERY[name], torch.randn(3, 4, *size, dtype=torch.float64), 1e-10)


@thorough
@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("name", EVERY)
def test_small_batches(name: str, batch: int) -> None:
    torch.manual_seed(0)
    if batch == 0 and "norm" in name:
        pytest.skip("PyTorch's normalizations of nothing differ by device and version")
    check(EVERY[name], torch.randn(batch, 4, 8, 8, dtype=torch.float64), 1e-10)


@thorough
@pytest.mark.parametrize("name", UNBATCHED)
def test_maps_without_a_batch(name: str) -> None:
    torch.manual_seed(0)
    check(EVERY[name], torch.randn(4, 8, 8, dtype=torch.float64), 1e-10)


@thorough
@pytest.mark.parametrize("name", ["relu", "leaky relu", "clip", "relu6", "prelu"])
def test_vectors_have_no_tiles(name: str) -> None:
    spatial, jpeg = EVERY[name].make()
    vectors = torch.randn(8, 4, dtype=torch.float64)
    assert torch.equal(jpeg(vectors), spatial(vectors))


@thorough
# PyTorch compiles decompositions for derivatives forward, by a way that it deprecates.
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("name", EVERY)
def test_gradcheck(name: str) -> None:
    torch.manual_seed(0)
    _, jpeg = EVERY[name].make()
    jpeg.eval()
    if "cumulative" not in name:
        jpeg.train()
        # Statistics that change with every call are no function of the input.
        for module in jpeg.modules():
            if isinstance(module, nn.modules.batchnorm._NormBase):
                module.momentum = 0.0
    maps = torch.randn(2, 4, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(jpeg, (maps,), check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(jpeg, (maps,), check_fwd_over_rev=True, fast_mode=True)


@thorough
@pytest.mark.parametrize("name", EVERY)
def test_names_representation_and_copies(name: str) -> None:
    spatial, jpeg = EVERY[name].make()
    assert list(jpeg.state_dict()) == list(spatial.state_dict())
    spatial.load_state_dict(jpeg.state_dict())
    own = repr(jpeg).partition("(")[2].removesuffix(")")
    assert own.startswith(repr(spatial).partition("(")[2].removesuffix(")"))
    maps = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    for other in (copy.deepcopy(jpeg), pickle.loads(pickle.dumps(jpeg))):
        assert torch.equal(other(maps), copy.deepcopy(jpeg)(maps))


@thorough
def test_errors_of_batch_norm_are_those_of_the_twin() -> None:
    spatial, jpeg = QUICK["batch norm"].make()
    for maps in (torch.randn(4, 8, 8), torch.randn(1, 4, 1, 1)):
        with pytest.raises(ValueError, match="xpected") as expected:
            spatial(maps.double())
        with pytest.raises(ValueError, match="xpected") as found:
            jpeg(maps.double())
        assert str(found.value) == str(expected.value)


def test_refusals() -> None:
    with refused("learning-pool-indices", UsageError):
        learning.JpegMaxPool2d(2, return_indices=True)
    for wrong in (0, 16, 2.0, True):
        with refused("learning-frequencies-range", UsageError):
            learning.Truncate(wrong)  # type: ignore[arg-type]
    with refused("learning-masking-unknown", UsageError):
        learning.JpegReLU(masking="exact")
