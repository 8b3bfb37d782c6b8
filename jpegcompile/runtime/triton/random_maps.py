"""Random input maps for a kernel."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.ingest.launch import Ingest
from jpegcompile.precision import Precision
from jpegcompile.runtime.triton.launching import DTYPES

_SEED = 1


def random_maps(
    kernel: Kernel,
    layouts: Mapping[str, MapLayout],
    batch: int,
    precision: Precision,
    device: torch.device,
) -> dict[str, Tensor]:
    """Return random arguments for a `KernelModule`, with a fixed seed.

    Args:
        kernel: the kernel.
        layouts: layouts of its input maps by role.
        batch: number of images.
        precision: precision of the maps.
        device: device of the maps.

    Returns:
        Maps [N, *layout.shape] by role; for an ingest, coefficients and quantization tables.
    """
    generator = torch.Generator(device).manual_seed(_SEED)
    if isinstance(kernel, Ingest):
        return _coefficients(kernel, batch, generator)
    made = {}
    for role, layout in layouts.items():
        is_shared = isinstance(kernel, Elementwise) and role == "other" and kernel.other_is_shared
        shape = (1 if is_shared else batch, *layout.shape)
        values = torch.randn(shape, generator=generator, device=device)
        values[..., layout.channels :] = 0.0
        made[role] = values.to(DTYPES[precision.storage])
    return made


def _coefficients(kernel: Ingest, batch: int, generator: torch.Generator) -> dict[str, Tensor]:
    def integers(low: int, high: int, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(low, high, shape, generator=generator, device=generator.device)

    frame = kernel.frame
    components = len(frame.sampling)
    made = {}
    for name, index, count in (("luma", 0, 1), ("chroma", 1, components - 1)):
        if count:
            shape = (batch, count, *frame.block_counts(index), 8, 8)
            made[name] = integers(-60, 60, shape).to(torch.int16)
    tables = integers(1, 30, (batch, components, 8, 8))
    # PyTorch has no random numbers of this type.
    made["quantization"] = tables.to(torch.int16).view(torch.uint16)
    return made
