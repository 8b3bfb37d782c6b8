"""The cost of GPU kernels by a roofline model, predicted from data sheets without measurements.

    time = max(bytes / bandwidth, flops / peak, waves * flops of a program / peak of a processor)
           + overhead

Bytes count every operand in memory once, because programs that run together share rows and weights
in the cache. FLOPs include padding and transforms. A wave is one program on each multiprocessor.
With few waves, a partial last wave counts as a whole one. Overhead is the time to start and to
drain a kernel in a stream or a graph.

The time does not include traffic between the L2 cache and the multiprocessors. It is unknown how
much of this traffic the first-level caches save; `Work.cached_time` assumes the least.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from jpegcompile.cost.gpus import GPUS, Gpu
from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.launch import Launch
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.matrices import TILE_ROWS
from jpegcompile.kernels.conv.launch import Convolution, default_tiling
from jpegcompile.precision import Precision

if TYPE_CHECKING:
    from jpegcompile.ir.module import Module

OVERHEAD = 2e-6
# Batch size if the user does not give one.
_BATCH = 32
# With more waves than this, programs of different waves overlap.
_WHOLE_WAVES = 4


@dataclass(frozen=True)
class Work:
    """The work of a kernel.

    Attributes:
        bytes: bytes read from memory and written to it.
        flops: FLOPs of the products.
        programs: number of programs, which share the FLOPs evenly.
        cached: bytes that programs read through the L2 cache, if a first-level cache saves only
            the repeated reads of the windows of one program.
    """

    bytes: float
    flops: float = 0.0
    programs: int = 1
    cached: float = 0.0

    def floor(self, precision: Precision, gpu: Gpu) -> float:
        """Return the seconds that any kernel with these bytes and FLOPs needs at least."""
        return max(self.bytes / gpu.bandwidth, self.flops / gpu.peak(precision))

    def time(self, precision: Precision, gpu: Gpu) -> float:
        """Return the predicted seconds of the kernel."""
        waves = self.programs / gpu.processors
        if waves <= _WHOLE_WAVES:
            waves = math.ceil(waves)
        of_program = self.flops / self.programs / (gpu.peak(precision) / gpu.processors)
        return max(self.floor(precision, gpu), waves * of_program) + OVERHEAD

    def cached_time(self, precision: Precision, gpu: Gpu) -> float:
        """Return the predicted seconds if traffic of the L2 cache limits the kernel, too."""
        return max(self.time(precision, gpu), self.cached / gpu.cache_bandwidth + OVERHEAD)


def kernel_costs(module: Module) -> Callable[[Kernel], float]:
    """Return a function from kernels to seconds, for the GPU, precision and batch of a module."""
    options = module.options
    gpu, batch = GPUS[options.gpu], options.batch or _BATCH
    return lambda kernel: kernel_time(kernel, batch, options.precision, gpu)


def kernel_time(kernel: Kernel, batch: int, precision: Precision, gpu: Gpu) -> float:
    """Return the predicted seconds of any kernel.

    Args:
        kernel: the kernel.
        batch: number of images.
        precision: precision of the computation.
        gpu: the GPU.
    """
    if isinstance(kernel, Convolution):
        return conv_time(kernel, batch, precision, gpu)
    values = [getattr(kernel, entry.name) for entry in fields(kernel)]  # type: ignore[arg-type]
    maps = [value for value in values if isinstance(value, MapLayout)]
    work = elementwise_work(maps, batch, precision)
    # Each transform multiplies every 64 rows by a matrix.
    products = len(kernel.matrices) * TILE_ROWS * batch * kernel.y.elements
    return replace(work, flops=2.0 * products).time(precision, gpu)


def conv_work(convolution: Convolution, batch: int, precision: Precision) -> Work:
    """Return the work of a convolution with its default tiling.

    Args:
        convolution: the convolution.
        batch: number of images.
        precision: precision of the computation.
    """
    tiling = default_tiling(convolution, precision, batch)
    launch = convolution.launch(batch, precision, tiling)
    channels, taps, span = convolution.weight_shape(tiling)
    depth = taps * span + TILE_ROWS * _transforms(launch)
    programs = math.prod(launch.grid)
    size = _size(precision)
    share = tiling.rows * _rows_loaded(convolution) + tiling.channels
    return Work(
        _moved(convolution, batch, size) + size * channels * taps * span,
        2.0 * programs * tiling.rows * tiling.channels * depth,
        programs,
        size * programs * share * taps * span,
    )


def conv_time(convolution: Convolution, batch: int, precision: Precision, gpu: Gpu) -> float:
    """Return the predicted seconds of a convolution; the arguments are as for `kernel_time`."""
    return conv_work(convolution, batch, precision).time(precision, gpu)


def ideal_work(convolution: Convolution, batch: int, precision: Precision) -> Work:
    """Return the work of an ideal spatial kernel, without padding of pixels and transforms.

    The arguments are as for `conv_work`. `ideal_time` adds the overhead to the floor of this work.
    """
    x, y = (MapLayout.whole(m.channels, m.height, m.width) for m in (convolution.x, convolution.y))
    taps = math.prod(convolution.kernel)
    inputs = x.channels // convolution.group
    outputs = batch * y.height * y.width * y.channels
    size = _size(precision)
    share = _share_read(convolution)
    maps = batch * x.channels * x.height * x.width * share
    maps += outputs * (1 if convolution.residual is None else 2)
    return Work(size * (maps + y.channels * taps * inputs), 2.0 * outputs * taps * inputs)


def ideal_time(convolution: Convolution, batch: int, precision: Precision, gpu: Gpu) -> float:
    """Return the seconds of an ideal spatial kernel, for any number of programs.

    The arguments are as for `kernel_time`.
    """
    return ideal_work(convolution, batch, precision).floor(precision, gpu) + OVERHEAD


def elementwise_work(maps: Iterable[MapLayout], batch: int, precision: Precision) -> Work:
    """Return the work of a kernel that reads and writes maps once, without its arithmetic.

    Args:
        maps: layouts of the maps.
        batch: number of images.
        precision: precision of the maps.
    """
    return Work(batch * _size(precision) * sum(m.elements for m in maps))


def elementwise_time(
    maps: Iterable[MapLayout], batch: int, precision: Precision, gpu: Gpu
) -> float:
    """Return the predicted seconds of the work of `elementwise_work` on a GPU."""
    return elementwise_work(maps, batch, precision).time(precision, gpu)


def _size(precision: Precision) -> int:
    """Return the bytes of a number in memory."""
    return 4 if precision.storage == "float32" else 2


def _share_read(convolution: Convolution) -> float:
    """Return the fraction of the pixels of x that the windows read."""
    sides = zip(convolution.kernel, convolution.strides, strict=True)
    return math.prod(min(1.0, kernel / stride) for kernel, stride in sides)


def _rows_loaded(convolution: Convolution) -> float:
    """Return the fraction of the loads of a row and tap that miss the first-level cache."""
    x = convolution.x
    if x.is_rows:
        return x.kept / x.block**2  # Programs never load truncated coefficients.
    # Of the windows that overlap in a pixel, only the first misses the cache.
    sides = zip(convolution.kernel, convolution.strides, strict=True)
    return 1 / math.prod(max(1, kernel // stride) for kernel, stride in sides)


def _moved(convolution: Convolution, batch: int, size: int) -> float:
    """Return the bytes of maps that a kernel reads and writes."""
    added = convolution.residual
    others = convolution.y.elements + (added.elements if added is not None else 0)
    return size * batch * (convolution.x.elements * _share_read(convolution) + others)


def _transforms(launch: Launch) -> int:
    """Return the number of matrix products of tiles for each result of a kernel."""
    constants = launch.constants
    is_rows = launch.kernel.endswith("conv_rows")
    return (
        (bool(constants["ACTIVATED"]) if is_rows else bool(constants["RESIDUAL_MIXED"]))
        + bool(constants["APPROXIMATE"])
        + bool(constants["Y_MIXED"])
    )
