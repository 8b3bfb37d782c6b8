"""Lowered modules with the tools of PyTorch: compile, functions, copies, pickles, formats."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from jpegcompile.learning.lowering import JpegModule
from jpegcompile.learning.torch_import import from_torch


def lowered(**options: object) -> JpegModule:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Dropout(0.2),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 1),
        nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )
    return from_torch(net, 16, frequencies=8, truncate=10, **options)  # type: ignore[arg-type]


def images() -> torch.Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_copies_and_pickles(tmp_path: Path) -> None:
    module = lowered().eval()
    torch.save(module, tmp_path / "module.pt")
    loaded = torch.load(tmp_path / "module.pt", weights_only=False)
    expected = module(images())
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), loaded):
        assert isinstance(other, JpegModule)
        assert torch.equal(other(images()), expected)
        assert other.report == module.report
        other.set_frequencies(3)
        assert not torch.equal(other(images()), expected)
    assert torch.equal(module(images()), expected)


@pytest.mark.thorough
def test_functional_call() -> None:
    module = lowered().eval()
    parameters: dict[str, torch.Tensor] = dict(module.named_parameters())
    buffers = dict(module.named_buffers())

    def loss(values: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = functional_call(module, (values, buffers), (image[None],))
        return made.sum()

    each = vmap(grad(loss), (None, 0))(parameters, images())
    module(images()).sum().backward()
    for name, parameter in parameters.items():
        assert parameter.grad is not None
        torch.testing.assert_close(each[name].sum(0), parameter.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("domain", ["jpeg", "auto"])
def test_formats(domain: str) -> None:
    module = lowered(domain=domain).eval()
    expected = module(images())
    last = module(images().contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(last, expected, rtol=1e-5, atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        half = module(images())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), expected, rtol=0.1, atol=0.05)


def test_parameters_are_shared_and_modes_are_not() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    module = from_torch(net, 18)
    assert all(a is b for a, b in zip(net.parameters(), module.parameters(), strict=True))
    module.double()
    module.train()(images()[..., :16, :16].double().repeat(1, 1, 2, 2)[..., :18, :18])
    assert not net.training
    assert {b.dtype for b in net.buffers()} == {torch.float64, torch.int64}
    assert dict(net.named_buffers())["1.num_batches_tracked"] == 1


@pytest.mark.thorough
@pytest.mark.parametrize("domain", ["jpeg", "auto"])
def test_compile_without_breaks(domain: str) -> None:
    module = lowered(domain=domain)
    other = copy.deepcopy(module)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    torch.manual_seed(0)
    made = compiled(images())
    torch.manual_seed(0)
    torch.testing.assert_close(made, other(images()))
    made.sum().backward()
