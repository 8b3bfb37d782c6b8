"""Which tilings of a kernel are worth a measurement."""

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

# Limits of a program: float32 sums that a thread holds, and shared memory of an H100 in bytes. A
# tiling that exceeds those of another GPU fails to launch, and is dropped.
_MOST_SUMS = 128
_MOST_SHARED = 227 << 10
_ROWS, _CHANNELS, _DEPTHS = (64, 256), (16, 256), (16, 64)
_WARPS, _STAGES = (4, 8), (2, 3, 4)


def candidates(kernel: Kernel, precision: Precision) -> tuple[Tiling, ...]:
    """Tilings to measure: the default one first, each once.

    Of a convolution, the tilings that its default is chosen from, and those that differ from one of
    them in one number. A convolution in groups keeps the channels of its default, because its
    weights are packed for them.
    """
    default = kernel.default_tiling(precision)
    if isinstance(kernel, Convolution):
        return _distinct([default, *_of_convolution(kernel, precision)], kernel)
    if isinstance(kernel, Ingest):
        # Its programs make 16 x 16 pixels whatever the tiling says.
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
    default = conv.default_tiling(precision)
    most = _power(conv.y.channels)
    for base in tilings(conv, precision):
        for tiling in (base, *_neighbours(base)):
            is_packed = conv.group > 1 and tiling.channels != default.channels
            is_idle = tiling.channels > max(most, base.channels)
            if not is_packed and not is_idle and _fits(conv, precision, tiling):
                yield tiling


def _neighbours(base: Tiling) -> Iterator[Tiling]:
    """Tilings that differ in one number."""
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
    return [near for near in (number // 2, number * 2) if least <= near <= most]


def _power(channels: int) -> int:
    """The next power of 2 that holds all channels in memory."""
    return 1 << (padded(channels) - 1).bit_length()


def _fits(conv: Convolution, precision: Precision, tiling: Tiling) -> bool:
    size = 4 if precision.storage == "float32" else 2
    step = (tiling.rows + tiling.channels) * conv.depth(tiling) * size
    sums = tiling.rows * tiling.channels / (32 * tiling.warps)
    return sums <= _MOST_SUMS and tiling.stages * step <= _MOST_SHARED


def _distinct(found: Iterable[Tiling], conv: Convolution | None = None) -> tuple[Tiling, ...]:
    """Each tiling once; of a convolution, those that sum over the same depth are one."""
    kept: dict[Tiling, Tiling] = {}
    for tiling in found:
        same = tiling if conv is None else replace(tiling, depth=conv.depth(tiling))
        kept.setdefault(same, tiling)
    return tuple(kept.values())
