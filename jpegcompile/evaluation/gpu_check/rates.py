"""Rates of kernels on the current GPU, and its ceilings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from jpegcompile.cost.gpu import ideal_work
from jpegcompile.evaluation.gpu_check.records import Rate
from jpegcompile.gpu.layout import padded
from jpegcompile.gpu.resnets import Layer
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.precision import Precision
from jpegcompile.runtime.triton.kernel import KernelModule
from jpegcompile.runtime.triton.launching import DTYPES
from jpegcompile.runtime.triton.random_maps import random_maps
from jpegcompile.runtime.triton.timer import Timer, medians

# Rounds of each measurement.
_ROUNDS = 5


def copy_ceiling(elements: int, timer: Timer, device: torch.device) -> Rate:
    """Measure a copy of `elements` float32 numbers in memory; bytes include reads and writes."""
    source = torch.zeros(elements, device=device)
    target = torch.empty_like(source)
    (seconds,) = medians([timer.prepared(lambda: target.copy_(source))], _ROUNDS)
    return Rate("copy", "float32", 1, seconds, 2.0 * 4 * elements, 0.0)


def product_ceiling(side: int, precision: Precision, timer: Timer, device: torch.device) -> Rate:
    """Measure the product of two matrices [side, side] by cuBLAS.

    TF32x3 computes three TF32 products for each product, so its ceiling is a third of TF32's.
    """
    kind = DTYPES[precision.storage]
    a, b = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
    is_split = precision.product == "tf32x3"
    with _float32_products("tf32" if is_split else "ieee"):
        (seconds,) = medians([timer.prepared(partial(torch.matmul, a, b))], _ROUNDS)
    size = a.element_size()
    return Rate(
        "matrix product" + (" / 3" if is_split else ""),
        precision.name,
        1,
        seconds * (3 if is_split else 1),
        3.0 * size * side**2,
        2.0 * side**3,
    )


@contextmanager
def _float32_products(kind: str) -> Iterator[None]:
    """Set the precision of float32 products in cuBLAS for a context."""
    settings = torch.backends.cuda.matmul
    before = settings.fp32_precision
    settings.fp32_precision = kind
    try:
        yield
    finally:
        settings.fp32_precision = before


def layer_rates(
    layers: Sequence[Layer], batch: int, precision: Precision, timer: Timer, device: torch.device
) -> list[Rate]:
    """Measure each distinct convolution; bytes and FLOPs do not include padding."""
    counts: dict[Convolution, int] = {}
    names: dict[Convolution, str] = {}
    for layer in layers:
        counts[layer.convolution] = counts.get(layer.convolution, 0) + 1
        names.setdefault(layer.convolution, layer.name)
    rates = []
    for conv, count in counts.items():
        module = _with_weights(conv, precision, device)
        layouts = {"x": conv.x} | ({"residual": conv.residual} if conv.residual else {})
        maps = random_maps(conv, layouts, batch, precision, device)
        with torch.inference_mode():
            (seconds,) = medians([timer.prepared(partial(module, **maps))], _ROUNDS)
        work = ideal_work(conv, batch, precision)
        rates.append(Rate(names[conv], precision.name, count, seconds, work.bytes, work.flops))
    return rates


def _with_weights(conv: Convolution, precision: Precision, device: torch.device) -> KernelModule:
    """Return a convolution with random weights."""
    module = KernelModule(conv, precision)
    shape = conv.weight_shape(module.tiling)
    channels = padded(conv.y.channels)
    weights: dict[str, Tensor] = {
        "weight": 0.1 * torch.randn(shape).to(DTYPES[precision.storage]),
        "bias": torch.randn(channels),
    }
    if conv.program.constants:
        weights["constants"] = torch.zeros(conv.program.constants, channels)
    for name, values in weights.items():
        module.register_buffer(name, values)
    return module.to(device)
