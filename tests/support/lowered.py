"""Comparison of modules in the JPEG domain with the spatial modules that they come from."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from jpegcompile.learning.lowering import JpegModule
from jpegcompile.learning.torch_import import from_torch

# float64 arithmetic of some tens of layers, with two transforms of 16 products each around them.
TOLERANCE = 1e-9


def differences(reference: nn.Module, module: nn.Module, size: int) -> dict[str, float]:
    """Largest relative differences of outputs, gradients and buffers, from one step of both.

    Both draw the same random numbers. Gradients of parameters are compared to the largest one.
    """
    generator = torch.Generator().manual_seed(3)
    image = torch.randn(2, 3, size, size, dtype=torch.float64, generator=generator)
    images = [image.clone().requires_grad_() for _ in range(2)]
    made = [_step(m, x) for m, x in zip((reference, module), images, strict=True)]
    pairs: dict[str, tuple[Any, Any]] = {"input.grad": (images[0].grad, images[1].grad)}
    pairs |= {f"output {i}": pair for i, pair in enumerate(zip(*made, strict=True))}
    others = dict(module.named_buffers())
    pairs |= {name: (one, others[name]) for name, one in reference.named_buffers()}
    learned = dict(module.named_parameters())
    found = {name: _relative(*pair) for name, pair in pairs.items()}
    gradients = {n: p.grad for n, p in reference.named_parameters() if p.grad is not None}
    largest = max([float(g.abs().max()) for g in gradients.values()], default=1.0)
    for name, gradient in gradients.items():
        other = learned[name].grad
        assert other is not None, name
        found[f"{name}.grad"] = float((gradient - other).abs().max()) / largest
    return found


def _step(module: nn.Module, image: Tensor) -> list[Tensor]:
    torch.manual_seed(0)
    made = module(image)
    outputs = list(made) if isinstance(made, list | tuple) else [made]
    torch.manual_seed(1)
    learned = [output for output in outputs if output.requires_grad]
    torch.autograd.backward(learned, [torch.randn_like(output) for output in learned])
    return [output.detach() for output in outputs]


def _relative(one: Tensor, other: Tensor) -> float:
    # The mean of normalized values is rounding alone.
    scale = max(float(one.abs().max()), 1e-3)
    return float((one.to(torch.float64) - other).abs().max()) / scale


def assert_same(module: nn.Module, size: int, training: bool, **options: Any) -> JpegModule:
    """Lower a module, and compare it with itself; returns the lowered module."""
    module = module.double().train(training)
    module.zero_grad()
    reference, keys = copy.deepcopy(module), list(module.state_dict())
    lowered = from_torch(module, size, input="spatial", **options)
    assert list(lowered.state_dict()) == keys
    assert list(module.state_dict()) == keys
    found = differences(reference, lowered, size)
    # NaN is not below a tolerance either.
    worst = {name: value for name, value in found.items() if not value <= TOLERANCE}
    assert worst == {}
    return lowered


def with_random_statistics(module: nn.Module) -> nn.Module:
    """Give normalizations random statistics and biases, so that no pixel is at a threshold."""
    generator = torch.Generator().manual_seed(7)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            with torch.no_grad():
                part.bias.normal_(0, 0.5, generator=generator)
                assert part.running_mean is not None
                assert part.running_var is not None
                part.running_mean.normal_(0, 0.1, generator=generator)
                part.running_var.uniform_(0.5, 1.5, generator=generator)
    return module
