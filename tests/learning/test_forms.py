"""Types, memory formats, `torch.compile`, `torch.func` and autocast of whole networks."""

from __future__ import annotations

import pytest
import torch
from support.learning import JPEG, SPATIAL, ResNet, jpeg_modules, largest
from support.tiers import thorough
from torch import Tensor, nn

import jpegcompile.learning as learning
from jpegcompile.learning.transforms import block_dct

LAYOUTS = (torch.contiguous_format, torch.channels_last)
EVERY: dict[str, nn.Module] = {
    "conv": learning.JpegConv2d(4, 6, 3, padding=1),
    "pointwise": learning.JpegConv2d(4, 6, 1),
    "batch norm": learning.JpegBatchNorm2d(4),
    "group norm": learning.JpegGroupNorm(2, 4),
    "instance norm": learning.JpegInstanceNorm2d(4),
    "relu": learning.JpegReLU(frequencies=6),
    "leaky relu": learning.JpegLeakyReLU(frequencies=6),
    "prelu": learning.JpegPReLU(frequencies=6),
    "clip": learning.JpegClip(frequencies=6),
    "max pool": learning.JpegMaxPool2d(2, frequencies=6),
    "exact max pool": learning.JpegMaxPool2d(2),
    "average pool": learning.JpegAvgPool2d(2),
    "adaptive pool": learning.JpegAdaptiveAvgPool2d(4),
    "to jpeg": learning.ToJpeg(),
    "to spatial": learning.ToSpatial(),
    "truncate": learning.Truncate(6),
    "truncate pixels": learning.Truncate(6, "spatial"),
}


def maps_of(batch: int = 2) -> Tensor:
    torch.manual_seed(2)
    return torch.randn(batch, 4, 16, 16)


@pytest.mark.parametrize("name", EVERY)
def test_memory_format(name: str) -> None:
    for layout in LAYOUTS:
        module = EVERY[name].to(memory_format=layout)  # type: ignore[call-overload]
        leaf = maps_of().contiguous(memory_format=layout).requires_grad_()
        made = module(leaf)
        assert made.is_contiguous(memory_format=layout)
        (gradient,) = torch.autograd.grad(made.square().sum(), leaf)
        assert gradient.is_contiguous(memory_format=layout)


@thorough
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", EVERY)
def test_autocast(name: str, kind: torch.dtype) -> None:
    module = EVERY[name]
    with torch.autocast("cpu", dtype=kind):
        made = module(maps_of())
    if name not in ("conv", "pointwise"):
        assert made.dtype == torch.float32
        assert largest((made, module(maps_of()))) < 1e-5
    else:
        assert made.dtype == kind


@thorough
def test_a_compiled_network_has_one_graph() -> None:
    frequencies = 6
    torch.manual_seed(0)
    network = ResNet(jpeg_modules(frequencies), widths=(8,))
    copy = ResNet(jpeg_modules(frequencies), widths=(8,))
    copy.load_state_dict(network.state_dict())
    compiled = torch.compile(network, fullgraph=True, dynamic=True, backend="aot_eager")
    for batch in (2, 3):
        maps = block_dct(torch.randn(batch, 3, 16, 16))
        expected, made = copy(maps), compiled(maps)
        assert largest((made, expected)) < 1e-4
        expected.square().sum().backward()
        made.square().sum().backward()
    pairs = zip(network.parameters(), copy.parameters(), strict=True)
    assert largest(*((p.grad, q.grad) for p, q in pairs)) < 1e-2  # type: ignore[arg-type]
    assert largest(*zip(network.buffers(), copy.buffers(), strict=True)) < 1e-4


class Together(nn.Module):
    """Applies every module to the same maps."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([*EVERY.values(), learning.JpegReLU()])

    def forward(self, maps: Tensor) -> list[Tensor]:
        return [part(maps) for part in self.parts]


@thorough
def test_each_module_compiles() -> None:
    # One compilation of all takes less time than one for each.
    together = Together().train()
    compiled = torch.compile(together, fullgraph=True, dynamic=True, backend="aot_eager")
    for batch in (2, 3):
        pairs = zip(compiled(maps_of(batch)), together(maps_of(batch)), strict=True)
        assert largest(*pairs) < 1e-4


@thorough
def test_cumulative_statistics_compile() -> None:
    norm = learning.JpegBatchNorm2d(4, momentum=None)
    compiled = torch.compile(norm, fullgraph=True, backend="aot_eager")
    spatial = nn.BatchNorm2d(4, momentum=None)
    for batch in (2, 3, 4):
        compiled(block_dct(maps_of(batch)))
        spatial(maps_of(batch))
    assert largest(*zip(norm.buffers(), spatial.buffers(), strict=True)) < 1e-5


@thorough
# PyTorch compiles decompositions for derivatives forward, by a way that it deprecates.
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
def test_transforms_of_functions(kind: torch.dtype) -> None:
    """Gradients for each example, with `vmap` and `grad`, equal those of single examples."""
    torch.manual_seed(0)
    networks = [ResNet(use, widths=(4, 6)).to(kind).eval() for use in (SPATIAL, JPEG)]
    networks[1].load_state_dict(networks[0].state_dict())
    pixels = torch.randn(3, 3, 8, 8, dtype=kind)
    found = []
    for network, maps in zip(networks, (pixels, block_dct(pixels)), strict=True):
        parameters = {name: p.detach() for name, p in network.named_parameters()}
        buffers = {name: b.detach() for name, b in network.named_buffers()}

        def loss(
            weights: dict[str, Tensor], one: Tensor, network: nn.Module = network,
            buffers: dict[str, Tensor] = buffers,
        ) -> Tensor:  # fmt: skip
            made = torch.func.functional_call(network, (weights, buffers), (one[None],))
            return torch.sum(made.square())

        found.append(torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, maps))
        direction = torch.func.jvp(lambda x, f=loss, p=parameters: f(p, x), (maps[0],), (maps[1],))
        found[-1]["direction"] = direction[1]
    tolerance = 1e-10 if kind == torch.float64 else 2e-3
    assert largest(*((found[0][name], found[1][name]) for name in found[0])) < tolerance


@thorough
def test_batched_gradients() -> None:
    leaf = maps_of().requires_grad_()
    for module in (
        learning.JpegReLU(frequencies=6),
        learning.ToJpeg(),
        learning.JpegConv2d(4, 4, 3),
    ):
        made = module(leaf)
        cotangents = torch.randn(3, *made.shape)
        (batched,) = torch.autograd.grad(
            made, leaf, cotangents, is_grads_batched=True, retain_graph=True
        )
        for index, cotangent in enumerate(cotangents):
            (one,) = torch.autograd.grad(made, leaf, cotangent, retain_graph=True)
            assert largest((batched[index], one)) < 1e-4
