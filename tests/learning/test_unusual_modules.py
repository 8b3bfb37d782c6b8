"""Modules that are written, called or patched in unusual ways."""

from __future__ import annotations

import copy
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
import torch
from support.codes import refused
from support.lowered import assert_same
from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.learning import JpegGroupNorm, from_torch, to_spatial_module
from jpegcompile.messages import code_of


class Net(nn.Module):
    """A convolution, and a function of its map and of named submodules."""

    def __init__(self, function: Callable[[Any, Tensor], Any], **parts: nn.Module) -> None:
        super().__init__()
        self.conv, self.function = nn.Conv2d(3, 4, 3, padding=1), function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Any:
        return self.function(self, self.conv(x))


class Doubled(nn.Conv2d):
    """A convolution whose weight is changed in a method that `forward` calls."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        made: Tensor = super()._conv_forward(input, weight * 2, bias)
        return made


class Frozen(nn.BatchNorm2d):
    """A normalization that is never trained."""

    def train(self, mode: bool = True) -> Frozen:
        super().train(False)
        return self


class Optional(nn.Module):
    """A forward with a second input and a flag."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor, skip: Tensor | None = None, *, activate: bool = True) -> Tensor:
        made: Tensor = self.conv(x)
        made = made.relu() if activate else made
        return made if skip is None else made + skip


def patched() -> nn.Module:
    part = nn.ReLU()
    part.forward = lambda input: torch.relu(input) + 1  # type: ignore[method-assign]
    return part


def aliased() -> nn.Module:
    net = Net(lambda net, x: net.other(net.norm(x)) + net.norm(x), norm=nn.BatchNorm2d(4))
    net.other = nn.Sequential(net.get_submodule("norm"), nn.Conv2d(4, 4, 3, padding=1))
    return net


SAME: dict[str, Callable[[], nn.Module]] = {
    "a method of forward": lambda: nn.Sequential(Doubled(3, 4, 3), nn.ReLU()),
    "a forward of its own": lambda: Net(lambda net, x: net.part(x), part=patched()),
    "never trained": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Frozen(4)),
    "optional arguments": Optional,
    "one module by two names": aliased,
    "shared by a comparison": lambda: Net(
        lambda net, x: net.norm(x) * 2 + net.norm(x * (net.norm(x + 1) > 0.1)),
        norm=nn.GroupNorm(2, 4),
    ),
    "clamp to one value": lambda: Net(lambda net, x: x.clamp(0.5, 0.2) * x.clamp(0.5, 0.5) + x),
    "joined chunks": lambda: Net(lambda net, x: torch.cat(x.chunk(2, 1)[::-1], 1)),
    "a keyword": lambda: Net(lambda net, x: net.part(input=x), part=nn.Conv2d(4, 4, 3)),
    "in place": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Hardswish(inplace=True)),
    "an empty container": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Sequential()),
    "synchronized": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.SyncBatchNorm(4), nn.ReLU()),
    "instances": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4, affine=True)),
    "one channel": lambda: nn.Sequential(nn.Conv2d(3, 1, 3), nn.BatchNorm2d(1), nn.ReLU()),
}


@pytest.mark.parametrize("name", SAME)
def test_unusual_modules_are_the_same(name: str) -> None:
    torch.manual_seed(0)
    assert_same(SAME[name](), 16, True)


def test_normalizations_are_lowered() -> None:
    parts = (nn.SyncBatchNorm(4), nn.InstanceNorm2d(4))
    lowered = from_torch(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *parts), 16)
    assert lowered.report.kept == ()
    back = to_spatial_module(lowered)
    assert [type(back.get_submodule(name)) for name in "12"] == [type(part) for part in parts]


def test_one_call_on_pixels_keeps_all_calls_there() -> None:
    net = Net(lambda net, x: net.slope(x) * (net.slope(x - 1) > 0), slope=nn.PReLU(4))
    lowered = from_torch(net, 16, input="spatial", frequencies=8)
    codes = [code_of(node.reason) for node in lowered.report if node.op == "PReLU"]
    assert codes == ["learning-shared-module"] * 2
    assert lowered.slots == ()


def test_structures_of_outputs() -> None:
    net = Net(lambda net, x: {"one": x.relu(), "more": [x, (x * 2, x.shape)]}).double()
    image = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    expected, made = net(image), from_torch(net, 16, input="spatial")(image)
    assert made["more"][1][1] == expected["more"][1][1]
    torch.testing.assert_close(made["one"], expected["one"])
    torch.testing.assert_close(made["more"][1][0], expected["more"][1][0])


def test_frozen_parts_stay_frozen() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.BatchNorm2d(4))
    net[1].eval()
    net[0].requires_grad_(False)
    lowered = from_torch(net, 16, input="spatial")
    assert [part.training for part in (lowered.get_submodule(n) for n in "12")] == [False, True]
    before = copy.deepcopy(lowered.state_dict())
    lowered(torch.randn(2, 3, 16, 16)).sum().backward()
    assert torch.equal(lowered.state_dict()["1.running_mean"], before["1.running_mean"])
    assert not torch.equal(lowered.state_dict()["2.running_mean"], before["2.running_mean"])
    assert lowered.get_parameter("0.weight").grad is None


def test_refusals() -> None:
    with refused("learning-forward-replaced", UnsupportedModelError):
        from_torch(patched(), 16)
    with refused("learning-several-inputs", UnsupportedModelError):
        from_torch(nn.Bilinear(3, 3, 3), 16)
    for name in ("graph", "report"):
        with refused("learning-name-taken", UnsupportedModelError):
            from_torch(Net(lambda net, x: x.relu(), **{name: nn.ReLU()}), 16)


def test_no_images() -> None:
    assert JpegGroupNorm(2, 4)(torch.zeros(0, 4, 8, 8)).shape == (0, 4, 8, 8)


def test_functions_of_single_pixels_have_a_reason() -> None:
    net = Net(lambda net, x: functional.prelu(net.part(x), x.new_ones(4)), part=nn.GELU())
    codes = {node.op: code_of(node.reason) for node in from_torch(net, 16).report.kept}
    assert codes["GELU"] == codes["prelu"] == "learning-pixelwise"


@pytest.mark.thorough
def test_threads_that_lower_and_run() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()).eval()
    image = torch.randn(4, 3, 16, 16)
    running = [net, from_torch(net, 16, input="spatial")]
    expected = net(image)
    faults: list[str] = []
    is_done = False

    def lower() -> None:
        for _ in range(10):
            from_torch(copy.deepcopy(net), 16)

    def run(module: nn.Module) -> None:
        while not is_done:
            try:
                torch.testing.assert_close(module(image), expected, atol=1e-4, rtol=0)
            except Exception as error:
                faults.append(repr(error))
                return

    lowering = [Thread(target=lower) for _ in range(2)]
    others = [Thread(target=run, args=(module,)) for module in running]
    for thread in (*others, *lowering):
        thread.start()
    for thread in lowering:
        thread.join()
    is_done = True
    for thread in others:
        thread.join()
    assert faults == []
