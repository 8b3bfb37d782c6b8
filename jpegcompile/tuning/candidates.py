"""Selection of the tilings of a kernel to measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import padded
from jpegcompile.kernels.conv.launch import Convolution, tilings
from jpegcompile.kernels.ingest.launch import Ingest
from jpegcompile.kernels.reduce.launch import ReduceChannels
from jpegcompile.precision import Precision

# Limits of a program: float32 sums of a thread, and bytes of shared memory of an H100. If a tiling
# exceeds the limits of another GPU, it fails to launch and is dropped.
_MOST_SUMS = 128
_MOST_SHARED = 227 << 10
_ROWS, _CHANNELS, _DEPTHS = (64, 256), (16, 256), (16, 64)
_WARPS, _STAGES = (4, 8), (2, 3, 4)


def candidates(kernel: Kernel, precision: Precision) -> tuple[Tiling, ...]:
    """Return the distinct tilings to measure; the default tiling comes first.

    For a convolution, these are the tilings from which the default is chosen, and tilings that
    differ from one of them in one number. Grouped convolutions keep the channels of the default
    tiling, because their weights are packed for them.
    """
    default = kernel.default_tiling(precision)
    if isinstance(kernel, Convolution):
        return _distinct([default, *_of_convolution(kernel, precision)], kernel)
    if isinstance(kernel, Ingest):
        # Programs of the ingest always compute 16 x 16 pixels, so only warps can change.
        return _distinct(replace(default, warps=warps) for warps in (default.warps, 2, 4, 8))
    read = kernel.x if isinstance(kernel, ReduceChannels) else kernel.y
    most = _power(read.channels)
    others = (
        replace(default, rows=rows, channels=channels, warps=warps)
        for rows in (64, 128)
        for channels in (16, 32, 64)
        for warps in _WARPS
        if channels <= most
    )
    return _distinct([default, *others])


def _of_convolution(conv: Convolution, precision: Precision) -> Iterator[Tiling]:
    """Yield tilings of a convolution that fit the limits of a program; some are repeated."""
    default = conv.default_tiling(precision)
    most = _power(conv.y.channels)
    for base in tilings(conv, precision):
        for tiling in (base, *_neighbors(base)):
            is_packed = conv.group > 1 and tiling.channels != default.channels
            is_idle = tiling.channels > max(most, base.channels)
            if not is_packed and not is_idle and _fits(conv, precision, tiling):
                yield tiling


def _neighbors(base: Tiling) -> Iterator[Tiling]:
    """Yield tilings that differ in one number."""
    for rows in _around(base.rows, *_ROWS):
        yield replace(base, rows=rows)
    for channels in _around(base.channels, *_CHANNELS):
        yield replace(base, channels=channels)
    for depth in _around(base.depth, *_DEPTHS):
        yield replace(base, depth=depth)
    for warps in _WARPS:
        yield replace(base, warps=warps)
    for stages in _STAGES:
        yield replace(base, stages=stages)


def _around(number: int, least: int, most: int) -> list[int]:
    """Return half and twice a number, if they are within limits."""
    return [near for near in (number // 2, number * 2) if least <= near <= most]


def _power(channels: int) -> int:
    """Return the smallest power of 2 that is not below the padded channels."""
    return 1 << (padded(channels) - 1).bit_length()


def _fits(conv: Convolution, precision: Precision, tiling: Tiling) -> bool:
    """Return whether a tiling fits the limits of a program."""
    size = 4 if precision.storage == "float32" else 2
    step = (tiling.rows + tiling.channels) * conv.depth(tiling) * size
    sums = tiling.rows * tiling.channels / (32 * tiling.warps)
    return sums <= _MOST_SUMS and tiling.stages * step <= _MOST_SHARED


def _distinct(found: Iterable[Tiling], conv: Convolution | None = None) -> tuple[Tiling, ...]:
    """Return distinct tilings; for a convolution, an equal effective depth makes them equal."""
    kept: dict[Tiling, Tiling] = {}
    for tiling in found:
        same = tiling if conv is None else replace(tiling, depth=conv.depth(tiling))
        kept.setdefault(same, tiling)
    return tuple(kept.values())
