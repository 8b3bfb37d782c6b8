"""What GPU kernels cost, by a roofline: the slowest of memory and arithmetic, and a launch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING

from jpegcompile.cost.gpus import GPUS, Gpu
from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.gpu.matrices import TILE_ROWS
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.precision import Precision

if TYPE_CHECKING:
    from jpegcompile.ir.module import Module

# Seconds of a launch, its ramp-up and its end, in a stream or a graph.
_LAUNCH = 2e-6
_BATCH = 32
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


def kernel_costs(module: Module) -> Callable[[Kernel], float]:
    """Seconds that a kernel takes, for the GPU, precision and batch of a module's options."""
    options = module.options
    gpu, batch = GPUS[options.gpu], options.batch or _BATCH
    return lambda kernel: seconds(kernel, batch, options.precision, gpu)


def seconds(kernel: Kernel, batch: int, precision: Precision, gpu: Gpu) -> float:
    """The time of one launch, predicted."""
    maps = [
        value
        for entry in fields(kernel)  # type: ignore[arg-type]
        if isinstance(value := getattr(kernel, entry.name), MapLayout)
    ]
    moved = batch * sum(layout.elements for layout in maps) * _BYTES[precision.storage]
    # Each transform multiplies every 64 rows by a 64 x 64 matrix.
    pixels = batch * kernel.y.height * kernel.y.width * padded(kernel.y.channels)
    products = len(kernel.matrices) * TILE_ROWS * pixels
    if isinstance(kernel, Convolution):
        taps = kernel.kernel[0] * kernel.kernel[1]
        products += pixels * taps * kernel.x.stored_channels // kernel.group
    return max(moved / gpu.bandwidth, 2 * products / gpu.flops[precision.name]) + _LAUNCH
