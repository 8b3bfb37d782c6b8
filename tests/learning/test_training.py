"""Training in the JPEG domain follows training on pixels, step by step."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from support.learning import SPATIAL, ResNet, jpeg_modules, largest, twin_networks
from support.tiers import thorough
from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.learning import JpegBatchNorm2d
from jpegcompile.learning.transforms import block_dct, block_of, on_dc

STEPS = 20


def batches(count: int, size: int = 16) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(3)
    return [
        (
            torch.randn(8, 3, size, size, dtype=torch.float64, generator=generator),
            torch.randint(0, 10, (8,), generator=generator),
        )
        for _ in range(count)
    ]


def optimizer_of(network: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)


def train(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Iterable[tuple[Tensor, Tensor]],
    *,
    in_jpeg: bool,
) -> None:
    network.train()
    for pixels, labels in data:
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(block_dct(pixels) if in_jpeg else pixels), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def distance(one: nn.Module, other: nn.Module) -> float:
    """Return the largest difference in any weight or running statistic."""
    states = one.state_dict(), other.state_dict()
    return largest(*((states[0][name].double(), states[1][name].double()) for name in states[0]))


def test_gradients_end_to_end() -> None:
    spatial, jpeg = (network.double() for network in twin_networks(widths=(8, 12, 16)))
    ((pixels, labels),) = batches(1)
    inputs = pixels.clone().requires_grad_(), pixels.clone().requires_grad_()
    outputs = spatial(inputs[0]), jpeg(block_dct(inputs[1]))
    for output in outputs:
        functional.cross_entropy(output, labels).backward()  # type: ignore[no-untyped-call]
    pairs = [(p.grad, q.grad) for p, q in zip(jpeg.parameters(), spatial.parameters(), strict=True)]
    pairs.append((inputs[1].grad, inputs[0].grad))
    assert largest(*pairs) < 1e-8  # type: ignore[arg-type]


class _WrongNorm(JpegBatchNorm2d):
    """A planted fault: the mean is a constant of the gradient."""

    def forward(self, input: Tensor) -> Tensor:
        block = block_of(input)
        mean = (input[..., ::block, ::block].mean((0, 2, 3)) / block).detach().view(-1, 1, 1)
        centered = on_dc(input, -mean)
        factor = torch.rsqrt(centered.square().mean((0, 2, 3)) + self.eps).view(-1, 1, 1)
        return on_dc(centered * factor * self.weight.view(-1, 1, 1), self.bias.view(-1, 1, 1))


@thorough
@pytest.mark.parametrize("moved_at", [None, STEPS // 2])
def test_steps_of_momentum(moved_at: int | None) -> None:
    spatial, jpeg = (network.double() for network in twin_networks())
    data = batches(STEPS)
    straight = optimizer_of(spatial)
    train(spatial, straight, data, in_jpeg=False)
    if moved_at is None:
        train(jpeg, optimizer_of(jpeg), data, in_jpeg=True)
        assert distance(spatial, jpeg) < 1e-4
        return
    # A checkpoint moves to pixels in the middle, and another one back.
    state: dict[str, Any] = {}
    for start, stop, in_jpeg in ((0, 7, True), (7, 14, False), (14, STEPS, True)):
        network = ResNet(jpeg_modules(15) if in_jpeg else SPATIAL).double()
        network.load_state_dict(jpeg.state_dict())
        optimizer = optimizer_of(network)
        if start:
            optimizer.load_state_dict(state)
        train(network, optimizer, data[start:stop], in_jpeg=in_jpeg)
        state = copy.deepcopy(optimizer.state_dict())
        jpeg = network
    assert distance(spatial, jpeg) < 1e-4


@thorough
def test_a_lost_momentum_or_a_wrong_gradient_is_found() -> None:
    spatial, jpeg = (network.double() for network in twin_networks())
    data = batches(STEPS)
    train(spatial, optimizer_of(spatial), data, in_jpeg=False)
    forgetful = copy.deepcopy(jpeg)
    for part in (data[: STEPS // 2], data[STEPS // 2 :]):
        train(forgetful, optimizer_of(forgetful), part, in_jpeg=True)
    assert distance(spatial, forgetful) > 1e-3
    for module in jpeg.modules():
        if type(module) is JpegBatchNorm2d:
            module.__class__ = _WrongNorm
            module.track_running_stats = False
    train(jpeg, optimizer_of(jpeg), data, in_jpeg=True)
    assert distance(spatial, jpeg) > 1e-3
