"""Networks of PyTorch in the JPEG domain equal themselves: outputs, gradients and buffers."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from support.codes import refused
from support.families import FAMILIES, SHALLOW
from support.lowered import TOLERANCE, assert_same, differences, with_random_statistics
from support.torch_dense import NETWORKS
from support.torch_published import PUBLISHED
from support.torch_zoo import Design, ResNet
from torch import nn

from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.learning import to_onnx, to_spatial_module
from jpegcompile.learning.torch_import import from_torch
from jpegcompile.messages import code_of

_SMALL = Design(stem="cifar", widths=(8, 16), depths=(1, 1), shortcut="pad")
_FAMILIES = {f.name: f for f in (*FAMILIES, *SHALLOW) if not f.is_deep}


def small(**changes: object) -> nn.Module:
    torch.manual_seed(0)
    return with_random_statistics(ResNet(replace(_SMALL, **changes)))  # type: ignore[arg-type]


def published(name: str) -> nn.Module:
    torch.manual_seed(0)
    return with_random_statistics(PUBLISHED[name]())


@pytest.mark.parametrize("training", [True, False])
def test_resnet_is_the_same(training: bool) -> None:
    lowered = assert_same(small(), 16, training)
    # The strided slice of option A and the channel padding behind it read pixels.
    assert {node.op for node in lowered.report.kept} == {"getitem", "pad"}


@pytest.mark.parametrize("name", ["in place", "functions", "a part that is not traced"])
def test_functions_are_lowered_like_modules(name: str) -> None:
    lowered = assert_same(published(name), 32, True)
    assert len(lowered.report.lowered) >= 5


def test_planted_fault_is_found() -> None:
    module = small().double().train()
    lowered = from_torch(copy.deepcopy(module), 16, input="spatial")
    with torch.no_grad():
        next(iter(lowered.parameters())).view(-1)[0] += 1e-6
    assert max(differences(module, lowered, 16).values()) > 100 * TOLERANCE


def test_auto_is_the_spatial_network() -> None:
    module = small().double()
    reference = copy.deepcopy(module)
    lowered = from_torch(module, 16, domain="auto", input="spatial")
    assert lowered.report.casts == 0
    assert lowered.input_block == 1
    assert {code_of(node.reason) for node in lowered.report} == {"learning-domain-auto"}
    assert set(differences(reference, lowered, 16).values()) == {0.0}


@pytest.mark.parametrize("domain", ["jpeg", "auto"])
def test_masks_and_truncation_are_the_same_in_both_domains(domain: str) -> None:
    module = small().double().eval()
    lowered = from_torch(module, 16, input="spatial", frequencies=7, truncate=9)
    other = from_torch(module, 16, domain=domain, input="spatial")  # type: ignore[arg-type]
    image = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    assert float((other(image) - module(image)).detach().abs().max()) < TOLERANCE
    other.set_frequencies(7, truncate=9)
    assert float((other(image) - lowered(image)).detach().abs().max()) < TOLERANCE
    assert float((lowered(image) - module(image)).detach().abs().max()) > 1e-3


def test_input_in_the_jpeg_domain() -> None:
    from jpegcompile.learning.transforms import block_dct

    module = small().double().eval()
    lowered = from_torch(module, 16)
    assert lowered.input_block == 8
    image = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    difference = lowered(block_dct(image)) - module(image)
    assert float(difference.detach().abs().max()) < TOLERANCE


def test_checkpoints_go_both_ways() -> None:
    module, other = small(), small(widths=(8, 16))
    lowered = from_torch(copy.deepcopy(module), 16)
    lowered.load_state_dict(other.state_dict())
    module.load_state_dict(lowered.state_dict())
    assert all(
        torch.equal(a, b) for a, b in zip(module.parameters(), other.parameters(), strict=True)
    )


def test_one_mode() -> None:
    module = published("auxiliary heads").eval()
    lowered = from_torch(module, 16, input="spatial").train()
    for made in (lowered, to_spatial_module(lowered)):
        with refused("learning-other-mode", UsageError):
            made(torch.zeros(2, 3, 16, 16))
    spatial = to_spatial_module(lowered.eval())
    assert torch.equal(spatial(torch.ones(2, 3, 16, 16)), module(torch.ones(2, 3, 16, 16)))
    with refused("learning-other-mode", UsageError):
        to_onnx(from_torch(module.train(), 16))
    assert_same(published("auxiliary heads"), 16, True)


def test_another_size_is_refused() -> None:
    lowered = from_torch(small(), (16, 24))
    with refused("learning-image-size", UsageError):
        lowered(torch.zeros(2, 3, 24, 16))


@pytest.mark.parametrize("size", [(8,), (2, 3, 8, 8, 8), (8, 0), (8.0, 8.0), 8.5, torch.ones(8)])
def test_sizes(size: Any) -> None:
    with refused("learning-size-form", UsageError):
        from_torch(nn.Conv2d(3, 4, 3), size)


@pytest.mark.parametrize("example", [torch.zeros(1, 3, 8, 8), (1, 3, 8, 8), (3, 8, 8), 8])
def test_one_image_is_an_example_for_training(example: Any) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 8), nn.BatchNorm2d(4)).train()
    assert from_torch(net, example).image_shape == (3, 8, 8)


@pytest.mark.parametrize("example", [(4, 8, 8), 2, torch.zeros(3, 8, 8, dtype=torch.uint8)[:2]])
def test_images_that_the_network_cannot_take(example: Any) -> None:
    with refused("learning-example-fails", UsageError):
        from_torch(nn.Conv2d(3, 4, 3), example)


def test_options_are_checked() -> None:
    with refused("learning-option-unknown", UsageError):
        from_torch(nn.Conv2d(3, 4, 3), 8, domain="spatial")  # type: ignore[arg-type]


class Branching(nn.Module):
    """A forward that looks at values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if float(x.sum()) > 0 else -x


def test_module_that_cannot_be_traced_is_refused() -> None:
    with refused("learning-not-traceable", UnsupportedModelError):
        from_torch(Branching(), 8)


@pytest.mark.thorough
@pytest.mark.parametrize("domain", ["jpeg", "auto"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(name: str, training: bool, domain: str) -> None:
    assert_same(published(name), 32, training, domain=domain)


@pytest.mark.thorough
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_other_networks(name: str, training: bool) -> None:
    network = NETWORKS[name]
    assert_same(with_random_statistics(network.make()), network.size, training)


@pytest.mark.thorough
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", _FAMILIES)
def test_families(name: str, training: bool) -> None:
    family = _FAMILIES[name]
    assert_same(family.build(), min(family.size, 64), training)
