"""Steps on tiles by C++, Triton and operators of PyTorch, against float64."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from support.learning import largest
from support.tiers import thorough
from torch import Tensor, nn

from jpegcompile import _core
from jpegcompile.learning import JpegLeakyReLU, JpegReLU, ToJpeg, ToSpatial, Truncate, native
from jpegcompile.learning.threads import torch_team
from jpegcompile.learning.tiles import (
    Implementation,
    has_32_bit_places,
    implementation_of,
    use_implementation,
)

MODULES = {
    "forward": ToJpeg(),
    "inverse": ToSpatial(),
    "project": Truncate(5, "spatial"),
    "relu": JpegReLU(),
    "asm": JpegReLU(frequencies=6),
    "leaky": JpegLeakyReLU(0.3, frequencies=9),
}
# Blocks of 8, 4, 2 and 1; fewer channels than lanes, as many, and more.
SHAPES = [(2, 5, 8, 16), (1, 16, 12, 4), (3, 19, 6, 2), (1, 33, 16, 8), (2, 4, 3, 5), (4, 8, 8)]
LAYOUTS = (torch.contiguous_format, torch.channels_last)
# Sixteen products of float32 numbers of about 1, twice.
TOLERANCE = 4e-6


def results(
    module: nn.Module, maps: Tensor, cotangent: Tensor, implementation: Implementation
) -> list[Tensor]:
    leaf = maps.clone().requires_grad_()
    with use_implementation(implementation):
        made = module(leaf)
        made.backward(cotangent)
    assert leaf.grad is not None
    assert made.stride() == maps.stride()
    assert made.dtype == maps.dtype
    return [made.detach().double(), leaf.grad.double()]


def fault_of(
    name: str, shape: tuple[int, ...], layout: torch.memory_format, implementation: Implementation,
    kind: torch.dtype = torch.float32, other: str = "",
) -> float:  # fmt: skip
    torch.manual_seed(0)
    maps, cotangent = torch.randn(2, *shape).to(kind)
    if maps.dim() == 4:
        maps = maps.contiguous(memory_format=layout)
    found = results(MODULES[name], maps, cotangent, implementation)
    expected = results(MODULES[other or name], maps.double(), cotangent.double(), "torch")
    return largest(*zip(found, expected, strict=True))


@pytest.mark.parametrize("implementation", ["native", "triton"])
@pytest.mark.parametrize("name", MODULES)
def test_steps(name: str, implementation: Implementation) -> None:
    for layout in LAYOUTS:
        assert fault_of(name, (2, 5, 8, 16), layout, implementation) < TOLERANCE


@pytest.mark.parametrize("implementation", ["native", "triton"])
def test_another_step_is_found(implementation: Implementation) -> None:
    assert fault_of("asm", SHAPES[0], LAYOUTS[0], implementation, other="relu") > 1e-2


@pytest.mark.parametrize("implementation", ["native", "triton", "torch"])
def test_infinite_pixels_become_zeros(implementation: Implementation) -> None:
    maps = torch.zeros(1, 1, 8, 8)
    maps[..., 0, 0] = -torch.inf
    with use_implementation(implementation):
        assert torch.equal(JpegReLU()(maps), torch.zeros_like(maps))


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MODULES)
def test_results_change_in_place(name: str, kind: torch.dtype) -> None:
    for layout in LAYOUTS:
        leaf = torch.randn(2, 3, 8, 8, dtype=kind).contiguous(memory_format=layout)
        made = MODULES[name](leaf.requires_grad_())
        expected = made.detach() * 2
        assert torch.equal(made.mul_(2), expected)
        made.sum().backward()


def test_modules_run_without_memory() -> None:
    """On the device "meta", which shows the shapes of a network."""
    for module in (MODULES["project"], MODULES["asm"]):
        maps = torch.zeros(2, 3, 16, 8, device="meta", requires_grad=True)
        made = module(maps)
        made.sum().backward()
        assert made.shape == maps.shape
        assert maps.grad is not None


def test_the_choice() -> None:
    maps = torch.zeros(1, 1, 8, 8)
    assert implementation_of(maps) == "native"
    assert implementation_of(maps.bfloat16()) == "native"
    assert implementation_of(maps.double()) == "torch"
    assert implementation_of(maps.to("meta")) == "torch"
    assert implementation_of(torch._neg_view(maps)) == "torch"
    assert has_32_bit_places(maps.expand(1, 2**25 - 1, 8, 8))
    assert not has_32_bit_places(maps.expand(1, 2**25, 8, 8))
    with use_implementation("triton"):
        assert implementation_of(maps) == "triton"
    address = maps.data_ptr()
    with pytest.raises(ValueError, match="unknown step"):
        _core.run_tiles("no", address, address, 0, (1, 1, 8, 8), False, 8, 15, 0.0, 1, 0)  # type: ignore[arg-type]


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = torch.randn(4, 16, 128, 128)  # enough for several threads
    alone = _with_threads(1, maps)
    if "OpenMP" in torch.__config__.parallel_info() and sys.platform == "linux":
        assert torch_team()
    assert torch.equal(_with_threads(3, maps), alone)
    monkeypatch.setattr(native, "torch_team", lambda: 0)
    assert torch.equal(_with_threads(3, maps), alone)


def _with_threads(count: int, maps: Tensor) -> Tensor:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        return native.transform(maps, "forward", 15)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", MODULES)
def test_gradients_are_computed_as_the_results_are(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaf = torch.randn(1, 2, 8, 8, requires_grad=True)
    with use_implementation("torch"):
        made = MODULES[name](leaf)
        (gradient,) = torch.autograd.grad(made.square().sum(), leaf, create_graph=True)
    # Contexts do not reach the threads in which PyTorch computes gradients on CUDA.
    monkeypatch.setattr(native, "_run", lambda *_: pytest.fail("native"))
    with ThreadPoolExecutor(1) as pool:
        for output in (made.sum(), gradient.square().sum()):
            pool.submit(output.backward, retain_graph=True).result()
        with pytest.raises(pytest.fail.Exception, match="native"):
            pool.submit(MODULES[name], leaf).result()


@thorough
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("implementation", ["native", "triton"])
@pytest.mark.parametrize("name", MODULES)
def test_every_step(
    name: str, implementation: Implementation, shape: tuple[int, ...],
    layout: torch.memory_format, kind: torch.dtype,
) -> None:  # fmt: skip
    # The result and the gradient are rounded once, to 8 or 11 bits; they are below 8.
    rounding = {torch.bfloat16: 2.0**-6, torch.float16: 2.0**-9}.get(kind, 0.0)
    if implementation == "triton":
        rounding *= 2  # Its interpreter cuts bits off.
    assert fault_of(name, shape, layout, implementation, kind) < TOLERANCE + rounding


@thorough
def test_threads_and_strides() -> None:
    torch.manual_seed(0)
    before = torch.get_num_threads()
    wide = torch.randn(16, 40, 32, 32)
    last = wide.contiguous(memory_format=LAYOUTS[1])
    views = [wide, wide[:, ::2], wide[..., 8:24], last[:, :16], last[:, :1], wide.transpose(2, 3)]
    views += [wide.permute(3, 2, 1, 0), wide[:, :1].expand(16, 5, 32, 32), last[..., ::2, :]]
    # Strides of a dimension of one element are arbitrary.
    views += [torch.randn(999).as_strided((1, 3, 8, 8), (7, *s)) for s in ((64, 8, 1), (1, 24, 3))]
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            for maps in views:
                for module in MODULES.values():
                    with use_implementation("torch"):
                        expected = module(maps)
                    assert largest((module(maps), expected)) < TOLERANCE
    finally:
        torch.set_num_threads(before)


@thorough
@pytest.mark.parametrize("isa", ["plain", "avx2", "avx512"])
def test_instruction_sets(isa: str) -> None:
    environment = {**os.environ, "JPEGCOMPILE_ISA": isa}
    name = "test_every_step and native or test_threads"
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-m", "thorough", "-k", name, __file__]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
