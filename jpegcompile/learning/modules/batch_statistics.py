"""Statistics of a batch of maps in the JPEG domain, and maps normalized by them.

    m = E[DC] / b,   c = x - m e,   v = E[c^2],   r = 1 / sqrt(v + eps),   y = w r c + bias e

e is the block DCT of a map of ones, b the block size, and E the mean over a channel. The
derivative of n = r c in the direction t is r (t - E[t_DC] / b e - n E[n t]); it is symmetric, so
the gradient is the same function.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from jpegcompile.learning.maps import block_of, widened
from jpegcompile.learning.tiles import applied
from jpegcompile.learning.transforms import on_dc, ones_map

_CHANNEL = (0, 2, 3)


class Normalized(NamedTuple):
    """Normalized maps, with the statistics of their pixels.

    Attributes:
        maps: [N, C, H, W] in the JPEG domain, of the type of the input.
        mean: means of channels [C].
        variance: biased variances of channels [C].
        values: number of values of a channel; a tensor if other processes have a part of them.
    """

    maps: Tensor
    mean: Tensor
    variance: Tensor
    values: int | Tensor


def normalize(maps: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Normalized:
    """Normalize maps [N, C, H, W] by the statistics of the batch.

    Only the maps are kept for the gradient. Half precision is computed as float32.
    """
    if torch.compiler.is_compiling():
        made, mean, variance = _composed(maps, weight, bias, eps)
    else:
        made, mean, variance = applied(_BatchNorm, maps, weight, bias, eps)
    return Normalized(made, mean, variance, _count(maps))


def on_channels(values: Tensor, maps: Tensor) -> Tensor:
    """Return values [C] as [C, 1, 1] of the type of maps [N, C, H, W]."""
    return values.to(maps.dtype).view(-1, 1, 1)


def affine(
    centered: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Return maps without their mean, scaled by the variance [C] and by the parameters [C]."""
    factor = torch.rsqrt(variance + eps)
    made = centered * on_channels(factor if weight is None else factor * weight, centered)
    return made if bias is None else on_dc(made, on_channels(bias, centered))


def _count(maps: Tensor) -> int:
    """Return the number of values of a channel."""
    return maps.numel() // max(1, maps.shape[1])


def _mean(maps: Tensor) -> Tensor:
    block = block_of(maps)
    return maps[..., ::block, ::block].mean(_CHANNEL) / block


def _centered(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean [C] of maps, and the maps without it."""
    mean = _mean(maps)
    return mean, on_dc(maps, -on_channels(mean, maps))


def _centered_in_place(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Return what `_centered` returns; gradients must not be needed.

    DCs are few elements, so changing them takes less time than a pass over the maps.
    """
    block, mean = block_of(maps), _mean(maps)
    made = maps.clone()
    made[..., ::block, ::block] -= block * on_channels(mean, maps)
    return mean, made


def _composed(
    maps: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    mean, centered = _centered(widened(maps))
    variance = centered.square().mean(_CHANNEL)
    return affine(centered, variance, weight, bias, eps).to(maps.dtype), mean, variance


def _derivative(direction: Tensor, normal: Tensor, along: Tensor, scale: Tensor) -> Tensor:
    """Return scale (t - E[t_DC] / b e - n along), t being `direction` and n `normal`."""
    block = block_of(normal)
    flat = on_channels(_mean(direction), normal)
    if torch.is_grad_enabled():
        rest = direction - flat * ones_map(normal, block) - normal * on_channels(along, normal)
        return rest * on_channels(scale, normal)
    made = torch.addcmul(direction, normal, on_channels(along, normal), value=-1)
    made[..., ::block, ::block] -= block * flat
    made *= on_channels(scale, normal)
    return made


def _normal(maps: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Return maps that are normalized without parameters, and their factor [C]."""
    if torch.is_grad_enabled():
        _, centered = _centered(widened(maps))
        factor = torch.rsqrt(centered.square().mean(_CHANNEL) + eps)
        return centered * on_channels(factor, centered), factor
    _, centered = _centered_in_place(widened(maps))
    factor = torch.rsqrt(centered.square().mean(_CHANNEL) + eps)
    centered *= on_channels(factor, centered)
    return centered, factor


class _BatchNorm(torch.autograd.Function):
    """Normalization that keeps only the maps, and computes the rest again for the gradient."""

    @staticmethod
    def forward(
        maps: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, made = _centered_in_place(widened(maps))
        variance = made.square().mean(_CHANNEL)
        factor = torch.rsqrt(variance + eps)
        made *= on_channels(factor if weight is None else factor * weight, made)
        if bias is not None:
            block = block_of(maps)
            made[..., ::block, ::block] += block * on_channels(bias, made)
        return made.to(maps.dtype), mean, variance

    @staticmethod
    def setup_context(
        ctx: Any,
        inputs: tuple[Tensor, Tensor | None, Tensor | None, float],
        output: tuple[Tensor, Tensor, Tensor],
    ) -> None:
        maps, weight, bias, ctx.eps = inputs
        _, mean, variance = output
        ctx.bias_dtype = None if bias is None else bias.dtype
        ctx.mark_non_differentiable(mean, variance)
        ctx.save_for_backward(maps, weight)
        ctx.save_for_forward(maps, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        normal, factor = _normal(maps, ctx.eps)
        wide = gradient.to(normal.dtype)
        along = (normal * wide).mean(_CHANNEL)
        of_maps = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            scale = factor if weight is None else factor * weight
            of_maps = _derivative(wide, normal, along, scale).to(maps.dtype)
        if weight is not None and ctx.needs_input_grad[1]:
            of_weight = (along * _count(maps)).to(weight.dtype)
        if ctx.bias_dtype is not None and ctx.needs_input_grad[2]:
            of_bias = (_mean(wide) * _count(maps)).to(ctx.bias_dtype)
        return of_maps, of_weight, of_bias, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> tuple[Tensor, None, None]:
        maps, weight = ctx.saved_tensors
        of_maps, of_weight, of_bias, _ = tangents
        normal, factor = _normal(maps, ctx.eps)
        made = torch.zeros_like(normal)
        if of_maps is not None:
            wide = of_maps.to(normal.dtype)
            along = (normal * wide).mean(_CHANNEL)
            scale = factor if weight is None else factor * weight
            made = made + _derivative(wide, normal, along, scale)
        if of_weight is not None:
            made = made + normal * on_channels(of_weight, normal)
        if of_bias is not None:
            made = on_dc(made, on_channels(of_bias, normal))
        return made.to(maps.dtype), None, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *given: Any
    ) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[int, int, int]]:
        made = torch.vmap(_composed, in_dims, randomness=info.randomness)(*given)
        return made, (0, 0, 0)
