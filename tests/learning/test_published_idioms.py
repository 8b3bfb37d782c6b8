"""Idioms of published networks: own normalizations, padded pools, softmax at the end."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from support.codes import refused
from support.lowered import TOLERANCE, assert_same
from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.learning import from_torch, logits_of, to_spatial_module
from jpegcompile.learning.lowering import JpegModule
from jpegcompile.learning.torch_export import write_torch_onnx
from jpegcompile.messages import code_of


class NormAct(nn.BatchNorm2d):
    """A normalization with an activation, which counts batches in its own forward."""

    def forward(self, input: Tensor) -> Tensor:
        torch._assert(  # type: ignore[no-untyped-call]
            input.ndim == 4, f"a map has no {input.ndim} dimensions"
        )
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


@torch.fx.wrap
def stochastic_depth(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Drop images, as torchvision does in a function that is not traced."""
    if not training:
        return x
    return x * torch.empty(len(x), 1, 1, 1, dtype=x.dtype).bernoulli_(1 - p)


class Drops(nn.Module):
    """Stochastic depth that follows the mode."""

    def forward(self, x: Tensor) -> Tensor:
        return x + stochastic_depth(x, 0.5, self.training)


class Net(nn.Module):
    """A convolution, and further modules."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.conv, self.parts = nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.parts(self.conv(x))
        return made


class Same(nn.Module):
    """A max pool with a window of TensorFlow: more padding at the end."""

    def __init__(self, edges: tuple[int, ...], padding: int = 0) -> None:
        super().__init__()
        self.edges, self.pool = edges, nn.MaxPool2d(3, 2, padding)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.pool(functional.pad(x, self.edges, value=-math.inf))
        return made


class Row(nn.Module):
    """A module whose operators depend on the mode, and which creates nodes."""

    def forward(self, x: Tensor) -> Tensor:
        return x / x.norm(dim=1, keepdim=True) if self.training else x


class Table(nn.Module):
    """Factors of channels by a buffer of indices."""

    order: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.rand(4))
        self.register_buffer("order", torch.tensor([3, 1, 2, 0]))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factors[self.order].view(-1, 1, 1)


def seeded(*parts: nn.Module) -> Net:
    torch.manual_seed(0)
    return Net(*parts)


@pytest.mark.parametrize("training", [True, False])
def test_parts_behind_one_that_depends_on_the_mode(training: bool) -> None:
    lowered = assert_same(seeded(Row(), NormAct(4)), 16, training)
    assert [code_of(node.reason) for node in lowered.report.kept] == ["learning-follows-mode"]


@pytest.mark.parametrize("training", [True, False])
def test_a_normalization_that_counts(training: bool) -> None:
    net = seeded(NormAct(4))
    lowered = assert_same(net, 16, training)
    assert lowered.report.kept == ()
    count = lowered.get_buffer("parts.0.num_batches_tracked")
    for module in (lowered, to_spatial_module(lowered)):
        for mode in (False, True):
            before = int(count)
            module.train(mode)(torch.zeros(2, 3, 16, 16, dtype=torch.float64))
            assert int(count) - before == mode
    assert int(from_torch(seeded(NormAct(4)), 16).get_buffer("parts.0.num_batches_tracked")) == 0
    assert "BatchNormalization" in {node.op_type for node in write_torch_onnx(lowered).graph.node}


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


def test_buffers_are_read_when_the_network_runs() -> None:
    net = seeded(Table()).double()
    lowered = from_torch(net, 16, input="spatial")
    with torch.no_grad():
        net.get_buffer("parts.0.order").copy_(torch.arange(4))
    image = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(lowered(image), net(image))


@pytest.mark.parametrize(("edges", "padding"), [((0, 1, 0, 1), 0), ((1, 1, 0, 1), 1)])
def test_padded_pools(edges: tuple[int, ...], padding: int) -> None:
    net = seeded(Same(edges, padding))
    lowered = assert_same(net, 16, True)
    assert lowered.report.kept == ()
    image = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    few = [from_torch(net, 16, domain=d, input="spatial", frequencies=6) for d in ("jpeg", "auto")]
    made = [module(image) for module in few]
    assert float((made[0] - made[1]).detach().abs().max()) < TOLERANCE
    assert float((made[0] - net(image)).detach().abs().max()) > 1e-2
    torch.testing.assert_close(to_spatial_module(few[0])(image), net(image))
    assert "MaxPool" in {node.op_type for node in write_torch_onnx(few[0].float()).graph.node}


@pytest.mark.parametrize("training", [True, False])
def test_stochastic_depth_by_a_function(training: bool) -> None:
    lowered = assert_same(seeded(Drops()), 16, training)
    assert [(node.op, node.domain) for node in lowered.report] == [
        ("Conv2d", "jpeg"), ("stochastic_depth", "jpeg"), ("add", "jpeg")
    ]  # fmt: skip


def test_operators_that_only_the_compiled_file_lowers_say_so() -> None:
    net = seeded(nn.ConvTranspose2d(4, 4, 2, 2), nn.Upsample(scale_factor=2.0))
    reasons = {node.op: node.reason for node in from_torch(net, 16).report.kept}
    assert reasons.keys() == {"ConvTranspose2d", "Upsample"}
    assert all("compiled file" in reason for reason in reasons.values())


def test_windows_of_padding_alone_stay_on_pixels() -> None:
    net = seeded(Same((0, 4, 0, 0)))
    lowered = from_torch(net, 16, input="spatial", frequencies=6)
    codes = [code_of(node.reason) for node in lowered.report.kept]
    assert codes == ["learning-moves-pixels", "learning-infinite-values"]
    image = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(lowered(image), net(image), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "last",
    [nn.Softmax(1), nn.LogSoftmax(1), lambda x: x.softmax(1), lambda x: functional.softmax(x, 1)],
)
def test_logits(last: Any) -> None:
    class Scores(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), last

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.last(self.relu(self.conv(x)).mean((2, 3)))
            return made

    torch.manual_seed(0)
    module = from_torch(Scores(), 16)
    logits = logits_of(module)
    image = torch.randn(2, 3, 16, 16)
    assert isinstance(logits, JpegModule)
    torch.testing.assert_close(last(logits(image)), module(image))
    before = logits(image)
    module.set_frequencies(3)
    torch.testing.assert_close(last(logits(image)), module(image))
    assert not torch.equal(logits(image), before)
    assert list(logits.state_dict()) == list(module.state_dict())
    assert torch.equal(copy.deepcopy(logits)(image), logits(image))
    assert logits_of(logits) is logits


class Hides(nn.Module):
    """Pixels that a max pool must not choose."""

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.eye(x.shape[-1], dtype=torch.bool)
        return functional.max_pool2d(x.masked_fill(hidden, -math.inf), 2)


def test_infinite_values_stay_on_pixels() -> None:
    lowered = assert_same(seeded(Hides()), 16, True)
    assert code_of(lowered.report.kept[-1].reason) == "learning-infinite-values"


class Noise(nn.Module):
    """Random numbers of a size that the input does not say."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rand(1, 4, 1, 1, dtype=torch.float64)


def test_random_numbers_are_drawn_in_each_step() -> None:
    lowered = assert_same(seeded(Noise()), 16, True)
    assert [code_of(node.reason) for node in lowered.report.kept] == ["learning-not-traced"]
    image = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    assert not torch.equal(lowered(image), lowered(image))
    with refused("learning-not-traceable", UnsupportedModelError) as caught:
        from_torch(Noise(), 16)
    assert "rand_like" in str(caught.value)


class Asserts(nn.Module):
    """A module for images of another size."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != 32:
            raise AssertionError
        return x


def test_an_error_without_a_text_is_named() -> None:
    with refused("learning-example-fails", UsageError) as caught:
        from_torch(seeded(Asserts()), 16)
    assert "AssertionError" in str(caught.value)
