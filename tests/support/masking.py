"""ASM, APX and band-limited pixels by their definitions, and maps on which masks are certain.

Pixels are sums of cosines, one frequency at a time. ASM is discontinuous: a pixel whose
approximation is within rounding of a breakpoint, or of its window's runner-up in max pooling, may
fall on either side. Two implementations are therefore compared given equal masks: on maps of which
no approximation is that near, as `clear_map` and `clear_pool_map` choose them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support.maps import Doubles
from support.oracle import windows

from jpegcompile.dct.blocks import block_size

# Some of the frequencies of a tile at each block size; the last is all of them.
FREQUENCIES = {8: (8, 1, 2, 5, 12, 14, 15), 4: (3, 1, 6, 7), 2: (2, 1, 3), 1: (1,)}

Function = Callable[[Doubles], Doubles]
# What becomes of exact pixels, the second operand, by what their approximations say.
Masked = Callable[[Doubles, Doubles], Doubles]


def cosine(order: int, frequency: int) -> Doubles:
    """Basis function of the orthonormal DCT-II: [order]."""
    norm = math.sqrt((1 if frequency == 0 else 2) / order)
    angle = frequency * math.pi / (2 * order)
    return np.asarray([norm * math.cos((2 * i + 1) * angle) for i in range(order)])


def _waves(maps: Doubles, block: int, frequencies: int) -> list[tuple[int, int, Doubles]]:
    repeats = (maps.shape[-2] // block, maps.shape[-1] // block)
    return [
        (u, v, np.tile(np.outer(cosine(block, u), cosine(block, v)), repeats))
        for u in range(block)
        for v in range(block)
        if u + v < frequencies
    ]


def pixels_of(maps: Doubles, block: int, frequencies: int) -> Doubles:
    """Pixels of jpeg-domain maps by the frequencies u + v < `frequencies`."""
    pixels = np.zeros_like(maps)
    for u, v, wave in _waves(maps, block, frequencies):
        amounts = maps[..., u::block, v::block].repeat(block, -2).repeat(block, -1)
        pixels += amounts * wave
    return pixels


def coefficients_of(pixels: Doubles, block: int) -> Doubles:
    """Jpeg-domain maps of pixels."""
    *lead, height, width = pixels.shape
    tiles = (*lead, height // block, block, width // block, block)
    maps = np.zeros_like(pixels)
    for u, v, wave in _waves(pixels, block, 2 * block - 1):
        maps[..., u::block, v::block] = (pixels * wave).reshape(tiles).sum((-3, -1))
    return maps


def masked(maps: Doubles, block: int, frequencies: int, function: Masked) -> Doubles:
    """ASM: `function` of approximations and exact pixels."""
    approximation = pixels_of(maps, block, frequencies)
    return coefficients_of(function(approximation, pixels_of(maps, block, 2 * block - 1)), block)


def approximated(maps: Doubles, block: int, frequencies: int, function: Function) -> Doubles:
    """APX: `function` of approximations."""
    return coefficients_of(function(pixels_of(maps, block, frequencies)), block)


def masked_relu(approximation: Doubles, exact: Doubles) -> Doubles:
    return np.where(approximation > 0, exact, 0.0)


def masked_prelu(slope: float | Doubles) -> Masked:
    return lambda approximation, exact: np.where(approximation > 0, exact, slope * exact)


def masked_clip(low: float, high: float) -> Masked:
    return lambda approximation, exact: np.where(
        approximation > high, high, np.where(approximation > low, exact, low)
    )


def rounding(maps: Doubles, block: int, frequencies: int) -> Doubles:
    """How far float32 may take each pixel of an approximation.

    A pixel is a sum of at most b products, of sums of as many: n eps |A| |B| (Higham, section 3.5)
    with 2b terms, one more for each of two matrices rounded to float32, one for the band, and as
    many again because a runtime may add up in any order and precision.
    """
    chain = np.zeros_like(maps)
    for u, v, wave in _waves(maps, block, frequencies):
        amounts = np.abs(maps[..., u::block, v::block]).repeat(block, -2).repeat(block, -1)
        chain += amounts * np.abs(wave)
    return (2 * block + 3) * float(np.finfo(np.float32).eps) * chain


def clear_map(
    shape: tuple[int, ...], frequencies: int, breakpoints: Sequence[float] = (0.0,)
) -> Doubles:
    """Normal values, in float32, whose approximations keep clear of breakpoints."""
    block = block_size(*shape[-2:])

    def is_clear(maps: Doubles) -> bool:
        approximation, reach = (
            pixels_of(maps, block, frequencies),
            rounding(maps, block, frequencies),
        )
        return all((np.abs(approximation - point) > reach).all() for point in breakpoints)

    return _first(shape, is_clear)


def clear_pool_map(shape: tuple[int, ...], frequencies: int, window: dict[str, Any]) -> Doubles:
    """Normal values, in float32, whose approximations have one clear maximum in each window.

    Of one frequency all pixels of a tile are equal, in any arithmetic, since products with zero are
    exact: such ties are certain too, and go by the order of pixels.
    """
    block = block_size(*shape[-2:])

    def is_clear(maps: Doubles) -> bool:
        seen = _flat(windows(pixels_of(maps, block, frequencies), -np.inf, window))
        reach = _flat(windows(rounding(maps, block, frequencies), 0.0, window)).max(axis=-1)
        seen = np.sort(seen, axis=-1)
        largest, others = seen[..., -1:], seen[..., :-1]
        if frequencies == 1:
            others = np.where(others == largest, -np.inf, others)
        return bool((largest - others > 2 * reach[..., None]).all())

    return _first(shape, is_clear)


def _flat(seen: NDArray[Any]) -> Doubles:
    return np.asarray(seen.reshape(*seen.shape[:4], -1), np.float64)


def _first(shape: tuple[int, ...], is_clear: Callable[[Doubles], bool]) -> Doubles:
    for seed in range(20):
        values = np.random.default_rng((*shape, seed)).normal(size=shape)
        maps = values.astype(np.float32).astype(np.float64)
        if is_clear(maps):
            return maps
    raise AssertionError(f"no map of {shape} has certain masks")
