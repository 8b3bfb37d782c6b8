"""Transforms and masks of tiles with their gradients, and the choice of what computes them.

| implementation | runs |
|---|---|
| "native" | C++ on processors: float32, float16, bfloat16 |
| "triton" | Triton kernels on GPUs: float32, float16, bfloat16 |
| "torch" | operators of PyTorch: other devices and types, and all graphs of `torch.compile` |

All three compute float32 for half precision. The transforms are orthonormal and the masks are
constants of the gradient, so every gradient is a step of the same kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from jpegcompile.learning import composed, native
from jpegcompile.learning.maps import HALVES

Implementation = Literal["native", "triton", "torch"]
Step = Literal["forward", "inverse", "project"]

_ADJOINT: dict[Step, Step] = {"forward": "inverse", "inverse": "forward", "project": "project"}
_forced: ContextVar[Implementation | None] = ContextVar("implementation", default=None)


@contextmanager
def use_implementation(name: Implementation) -> Iterator[None]:
    """Use one implementation within the block, whatever the device and the type of maps are.

    Derivatives use the implementation of the step that they belong to, in any thread.
    """
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def implementation_of(maps: Tensor) -> Implementation:
    """Return what computes steps of maps, outside of graphs of `torch.compile`."""
    return _forced.get() or _automatic(maps)


def _automatic(maps: Tensor) -> Implementation:
    # Fake tensors, and others whose memory does not have their values, only have operators.
    is_plain = type(maps) in (Tensor, nn.Parameter) and torch._C._has_storage(maps)
    if not is_plain or maps.is_neg():
        return "torch"
    if native.can_run(maps):
        return "native"
    is_known = maps.is_cuda and maps.dtype in (torch.float32, *HALVES)
    return "triton" if is_known and has_32_bit_places(maps) and _has_triton() else "torch"


def has_32_bit_places(maps: Tensor) -> bool:
    """Return whether 32 bits count the elements of maps, as the Triton kernels do by 64 rows."""
    return maps.numel() <= 2**31 - 64


def transform(maps: Tensor, step: Step, frequencies: int) -> Tensor:
    """Transform the tiles of maps.

    Args:
        maps: floating point [..., H, W].
        step: "forward" computes the coefficients of the band of pixels, "inverse" the pixels of the
            band of coefficients, and "project" the pixels of the band of pixels.
        frequencies: the band u + v < `frequencies`, from 1 to 2b - 1 for b x b tiles.

    Returns:
        Maps of the same shape, type and memory format.
    """
    if torch.compiler.is_compiling():
        return composed.transform(maps, step, frequencies)
    made: Tensor = applied(_Transform, maps, step, frequencies, _forced.get())
    return made


def relu(maps: Tensor, frequencies: int, slope: float = 0.0) -> Tensor:
    """Apply ReLU by ASM to maps in the JPEG domain; with a slope, LeakyReLU.

    Args:
        maps: floating point [..., H, W].
        frequencies: the band that computes the mask, from 1 to 2b - 1 for b x b tiles.
        slope: factor of pixels whose approximation is not positive.
    """
    if torch.compiler.is_compiling():
        return composed.relu(maps, frequencies, slope)[0]
    made: Tensor = applied(_Relu, maps, frequencies, slope, _forced.get())[0]
    return made


def applied(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Return the result of a function with a gradient of its own; PyTorch does not type it."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def _module_of(maps: Tensor, forced: Implementation | None) -> ModuleType:
    """Return what computes a step of maps; backward threads do not know `use_implementation`."""
    name = forced or _automatic(maps)
    if name == "triton":
        # Triton is an optional dependency, and its import takes time.
        from jpegcompile.learning import gpu

        return gpu
    return native if name == "native" else composed


def _merged(value: Tensor, dim: int | None, size: int) -> Tensor:
    """Return a batched tensor with the batch in front of, or merged into, the first dimension."""
    moved = value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)
    return moved.flatten(0, 1) if moved.dim() > 4 else moved


def _split(merged: Tensor, size: int) -> Tensor:
    """Undo `_merged`."""
    return merged.view(size, merged.shape[0] // size, *merged.shape[1:])


def _owned(made: Tensor) -> Tensor:
    """Return a tensor that callers may change in place; PyTorch forbids it for views."""
    return made.clone() if made._is_view() else made


class _Transform(torch.autograd.Function):
    @staticmethod
    def forward(
        maps: Tensor, step: Step, frequencies: int, forced: Implementation | None
    ) -> Tensor:
        made: Tensor = _module_of(maps, forced).transform(maps, step, frequencies)
        return _owned(made)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Step, int, Implementation | None], output: Tensor
    ) -> None:
        _, step, *ctx.options = inputs
        ctx.adjoint, ctx.step = _ADJOINT[step], step

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return applied(_Transform, gradient, ctx.adjoint, *ctx.options), None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        made: Tensor = applied(_Transform, tangent, ctx.step, *ctx.options)
        return made

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], maps: Tensor, *options: Any
    ) -> tuple[Tensor, int]:
        merged = _merged(maps, in_dims[0], info.batch_size)
        made: Tensor = applied(_Transform, merged, *options)
        return _split(made, info.batch_size) if maps.dim() > 4 else made, 0


class _Relu(torch.autograd.Function):
    @staticmethod
    def forward(
        maps: Tensor, frequencies: int, slope: float, forced: Implementation | None
    ) -> tuple[Tensor, Tensor]:
        made, mask = _module_of(maps, forced).relu(maps, frequencies, slope)
        return _owned(made), mask

    @staticmethod
    def setup_context(
        ctx: Any,
        inputs: tuple[Tensor, int, float, Implementation | None],
        output: tuple[Tensor, Tensor],
    ) -> None:
        mask = output[1]
        _, _, *ctx.options = inputs
        ctx.mark_non_differentiable(mask)
        ctx.save_for_backward(mask)
        ctx.save_for_forward(mask)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        (mask,) = ctx.saved_tensors
        return applied(_Masked, gradient, mask, *ctx.options), None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> tuple[Tensor, None]:
        (mask,) = ctx.saved_tensors
        return applied(_Masked, tangent, mask, *ctx.options), None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], maps: Tensor, *options: Any
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        merged = _merged(maps, in_dims[0], info.batch_size)
        made = applied(_Relu, merged, *options)
        if maps.dim() > 4:
            made = tuple(_split(part, info.batch_size) for part in made)
        return (made[0], made[1]), (0, 0)


class _Masked(torch.autograd.Function):
    @staticmethod
    def forward(maps: Tensor, mask: Tensor, slope: float, forced: Implementation | None) -> Tensor:
        made: Tensor = _module_of(maps, forced).masked(maps, mask, slope)
        return _owned(made)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor, float, Implementation | None], output: Tensor
    ) -> None:
        _, mask, *ctx.options = inputs
        ctx.save_for_backward(mask)
        ctx.save_for_forward(mask)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (mask,) = ctx.saved_tensors
        return applied(_Masked, gradient, mask, *ctx.options), None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        (mask,) = ctx.saved_tensors
        made: Tensor = applied(_Masked, tangent, mask, *ctx.options)
        return made

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], maps: Tensor, mask: Tensor, *options: Any
    ) -> tuple[Tensor, int]:
        merged = [
            _merged(value, dim, info.batch_size)
            for value, dim in ((maps, in_dims[0]), (mask, in_dims[1]))
        ]
        made: Tensor = applied(_Masked, *merged, *options)
        logical = maps.dim() - (in_dims[0] is not None)
        return _split(made, info.batch_size) if logical > 3 else made, 0
