"""Every reason for which a call stays on pixels."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from support.codes import refused
from support.lowered import assert_same
from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.learning.lowering import LoweringReport, lower_graph
from jpegcompile.learning.torch_import import from_torch
from jpegcompile.learning.tracing import trace
from jpegcompile.messages import Message, code_of


class Net(nn.Module):
    """A convolution, and a function of its map and of the module."""

    def __init__(self, function: Callable[[Net, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.LocalResponseNorm(2)
        self.slope, self.linear = nn.PReLU(4), nn.Linear(4, 4)
        self.pool, self.count = nn.MaxPool2d(2, return_indices=True), 2
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, self.conv(x))


class Follows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if self.training else x


class Looks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if float(x.detach().sum()) > 1e9 else x


REASONS: dict[str, Callable[[Net, Tensor], Tensor]] = {
    "learning-no-twin": lambda net, x: net.norm(x),
    "learning-pixelwise": lambda net, x: functional.silu(x),
    "learning-moves-pixels": lambda net, x: x.flip(-1),
    "learning-mixes-pixels": lambda net, x: x * x.sigmoid(),
    "learning-inputs-spatial": lambda net, x: x.sigmoid() * 2,
    "learning-discontinuous": lambda net, x: x * (functional.max_pool2d(x, 3, 1, 1) == x),
    "learning-pool-positions": lambda net, x: net.pool(x)[0],
    "learning-infinite-values": lambda net, x: functional.avg_pool2d(
        functional.pad(x, (2, 2, 2, 2), value=-math.inf), 2
    )[..., 2:-2, 2:-2],
    "learning-not-a-map": lambda net, x: functional.relu(x.unsqueeze(1)).squeeze(1),
    "learning-shared-module": lambda net, x: net.slope(x) + net.slope(x.mean((2, 3), True)),
    "learning-options-computed": lambda net, x: functional.group_norm(x, x.size(1)),
}


def codes(report: LoweringReport) -> set[str]:
    return {code_of(node.reason) for node in report.kept}


@pytest.mark.parametrize("code", REASONS)
def test_reason(code: str) -> None:
    torch.manual_seed(0)
    lowered = assert_same(Net(REASONS[code]), 16, True)
    assert code in codes(lowered.report)
    assert any(code_of(node["reason"]) == code for node in lowered.report.to_json()["nodes"])
    assert "casts" in lowered.report.table()


def hooked() -> nn.Module:
    part = nn.ReLU()
    part.register_forward_hook(lambda module, inputs, output: output + 1)
    return part


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("learning-follows-mode", Follows()),
        ("learning-not-traced", Looks()),
        ("learning-has-hooks", hooked()),
        (
            "learning-parametrized",
            nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3, padding=1)),
        ),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_parts_that_stay_whole(code: str, part: nn.Module, training: bool) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), part, nn.BatchNorm2d(4))
    lowered = assert_same(net, 16, training)
    assert codes(lowered.report) == {code}
    assert lowered.report.casts == 4


def test_nodes_that_the_caller_keeps() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    reason = Message("learning-no-twin", "because")
    lowered = lower_graph(trace(net).graph_module, (2, 3, 18, 18), kept={"1": reason})
    assert [(node.name, node.reason) for node in lowered.report.kept] == [("1", reason)]


def test_change_of_a_view_is_refused() -> None:
    net = Net(lambda net, x: (x[:, :2].relu_(), x)[1])
    with refused("learning-in-place-view", UnsupportedModelError):
        from_torch(net, 16)


def test_block_sizes() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2), nn.ReLU())
    report = from_torch(net, (8, 24)).report
    assert [(node.name, node.block) for node in report] == [("0", 8), ("1", 4), ("2", 4)]


def test_decisions_name_modules() -> None:
    from jpegcompile.frequency_plan import NodeFrequencies

    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.ReLU6())
    lowered = from_torch(net, 16, decisions={"2": NodeFrequencies(7, 9)})
    found = [lowered.get_submodule(slot.mask).frequencies for slot in lowered.slots]
    assert found == [15, 7]
    assert [lowered.get_submodule(slot.truncate).frequencies for slot in lowered.slots] == [15, 9]
