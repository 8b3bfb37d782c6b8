"""Idioms of published networks: own normalizations, padded pools, softmax at the end."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.learning import from_torch


class NormAct(nn.BatchNorm2d):
    """A normalization with an activation, which counts batches in its own forward."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        made = functional.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum or 0.0,
            self.eps,
        )
        return functional.relu(made)


class Net(nn.Module):
    """A convolution, and further modules."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.conv, self.parts = nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.parts(self.conv(x))
        return made


def seeded(*parts: nn.Module) -> Net:
    torch.manual_seed(0)
    return Net(*parts)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_an_own_normalization_computes_float32(kind: torch.dtype) -> None:
    image = torch.randn(8, 3, 16, 16) + 20
    own, plain = seeded(NormAct(4)), seeded(nn.BatchNorm2d(4), nn.ReLU())
    lowered = [from_torch(net, 16, input="spatial") for net in (own, plain)]
    with torch.autocast("cpu", dtype=kind):
        made, expected = (module(image) for module in lowered)
    assert torch.equal(made, expected)
    buffers = zip(lowered[0].buffers(), lowered[1].buffers(), strict=True)
    assert all(torch.equal(one, other) for one, other in buffers)


def test_one_value_for_each_channel_is_refused() -> None:
    lowered = from_torch(seeded(nn.AdaptiveAvgPool2d(1), NormAct(4)), 16, input="spatial")
    for module in (lowered, from_torch(Net(NormAct(4)), 1, input="spatial")):
        with pytest.raises(ValueError, match="more than 1 value"):
            module(torch.zeros(1, *module.image_shape))
