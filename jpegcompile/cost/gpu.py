"""What GPU kernels cost by a roofline: a prediction, which no measurement has entered.

    time = max(bytes / bandwidth, flops / peak, waves * flops of a program / peak of a processor)
           + overhead

Bytes are those of memory: every operand once, because programs that run together share rows and
weights in the cache. FLOPs are those of the kernel, with padding and transforms. A wave is one
program on each multiprocessor. Up to a few waves, the last one counts whole. Overhead is what
a kernel in a stream or a graph takes to start and to drain.

Traffic between the L2 cache and multiprocessors is not part of the time. How much the first-level
caches save of it is unknown; `Work.cached_time` assumes the least.
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
# Images at once, where a user does not say how many.
_BATCH = 32
# From so many waves on, programs of different waves overlap.
_WHOLE_WAVES = 4


@dataclass(frozen=True)
class Work:
    """What a kernel does.

    Attributes:
        bytes: that it reads from memory and writes.
        flops: of its products.
        programs: that share the FLOPs evenly.
        cached: bytes that programs read through the L2 cache, if a first-level cache only saves
            what the windows of one program read again.
    """

    bytes: float
    flops: float = 0.0
    programs: int = 1
    cached: float = 0.0

    def floor(self, precision: Precision, gpu: Gpu) -> float:
        """Seconds that no kernel of these bytes and FLOPs can fall short of."""
        return max(self.bytes / gpu.bandwidth, self.flops / gpu.peak(precision))

    def time(self, precision: Precision, gpu: Gpu) -> float:
        """Seconds that the kernel is predicted to take."""
        waves = self.programs / gpu.processors
        if waves <= _WHOLE_WAVES:
            waves = math.ceil(waves)
        of_program = self.flops / self.programs / (gpu.peak(precision) / gpu.processors)
        return max(self.floor(precision, gpu), waves * of_program) + OVERHEAD

    def cached_time(self, precision: Precision, gpu: Gpu) -> float:
        """Seconds that the kernel takes if traffic of the L2 cache limits it, too."""
        return max(self.time(precision, gpu), self.cached / gpu.cache_bandwidth + OVERHEAD)


def kernel_costs(module: Module) -> Callable[[Kernel], float]:
    """Seconds that a kernel takes, for the GPU, the precision and the batch of a module."""
    options = module.options
    gpu, batch = GPUS[options.gpu], options.batch or _BATCH
    return lambda kernel: kernel_time(kernel, batch, options.precision, gpu)


def kernel_time(kernel: Kernel, batch: int, precision: Precision, gpu: Gpu) -> float:
    """Seconds that any kernel is predicted to take for `batch` images."""
    if isinstance(kernel, Convolution):
        return conv_time(kernel, batch, precision, gpu)
    values = [getattr(kernel, entry.name) for entry in fields(kernel)]  # type: ignore[arg-type]
    maps = [value for value in values if isinstance(value, MapLayout)]
    work = elementwise_work(maps, batch, precision)
    # Each transform multiplies every 64 rows by a matrix.
    products = len(kernel.matrices) * TILE_ROWS * batch * kernel.y.elements
    return replace(work, flops=2.0 * products).time(precision, gpu)


def conv_work(convolution: Convolution, batch: int, precision: Precision) -> Work:
    """What the kernel of a convolution does for `batch` images, with its default tiling."""
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
    """Seconds that a convolution is predicted to take for `batch` images."""
    return conv_work(convolution, batch, precision).time(precision, gpu)


def ideal_work(convolution: Convolution, batch: int, precision: Precision) -> Work:
    """What an ideal spatial kernel does: pixels without padding, and no transforms.

    Its floor is its time but for the overhead; `ideal_time` adds that.
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
    """Seconds that an ideal spatial kernel takes, however many programs it has."""
    return ideal_work(convolution, batch, precision).floor(precision, gpu) + OVERHEAD


def elementwise_work(maps: Iterable[MapLayout], batch: int, precision: Precision) -> Work:
    """What a kernel that reads and writes maps once does; its arithmetic is not counted."""
    return Work(batch * _size(precision) * sum(m.elements for m in maps))


def elementwise_time(
    maps: Iterable[MapLayout], batch: int, precision: Precision, gpu: Gpu
) -> float:
    """Seconds that a kernel which reads and writes maps once is predicted to take."""
    return elementwise_work(maps, batch, precision).time(precision, gpu)


def _size(precision: Precision) -> int:
    """Bytes of a number in memory."""
    return 4 if precision.storage == "float32" else 2


def _share_read(convolution: Convolution) -> float:
    """Pixels of x that the windows reach, as a fraction."""
    sides = zip(convolution.kernel, convolution.strides, strict=True)
    return math.prod(min(1.0, kernel / stride) for kernel, stride in sides)


def _rows_loaded(convolution: Convolution) -> float:
    """Loads of a row and tap that leave the first-level cache, as a fraction."""
    x = convolution.x
    if x.is_rows:
        return x.kept / x.block**2  # no program loads dropped coefficients
    # The first of the windows that overlap in a pixel brings it to the cache.
    sides = zip(convolution.kernel, convolution.strides, strict=True)
    return 1 / math.prod(max(1, kernel // stride) for kernel, stride in sides)


def _moved(convolution: Convolution, batch: int, size: int) -> float:
    """Bytes of maps that a kernel reads and writes."""
    added = convolution.residual
    others = convolution.y.elements + (added.elements if added is not None else 0)
    return size * batch * (convolution.x.elements * _share_read(convolution) + others)


def _transforms(launch: Launch) -> int:
    """Products with a matrix of tiles that a kernel makes of each of its results."""
    constants = launch.constants
    is_rows = launch.kernel.endswith("conv_rows")
    return (
        (bool(constants["ACTIVATED"]) if is_rows else bool(constants["RESIDUAL_MIXED"]))
        + bool(constants["APPROXIMATE"])
        + bool(constants["Y_MIXED"])
    )
