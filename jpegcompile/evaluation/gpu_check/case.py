"""One kernel with inputs, and what it should make of them in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.dct.frequencies import keep_band
from jpegcompile.evaluation.gpu_check.maps import (
    FLOAT32_ERROR,
    Doubles,
    pixels_of,
    spread,
    stored,
    transform_error,
)
from jpegcompile.evaluation.gpu_check.records import KernelCheck
from jpegcompile.gpu.kernel import Kernel, steps_of
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.gpu.programs import ASM_RELU, NOTHING, RELU, Program
from jpegcompile.precision import Precision
from jpegcompile.runtime.triton.kernel import KernelModule
from jpegcompile.runtime.triton.launching import DTYPES, ELEMENTS

_SEED = 11


@dataclass(frozen=True)
class Prepared:
    """A kernel with inputs.

    Attributes:
        kernel: that runs.
        maps: what it reads, by role: float64 as memory holds it, or integers.
        tensors: weights and tables, by argument.
        pixels: that it should make [N, C, H, W].
        before: pixels in front of the function of pixels, whose size bounds rounding.
        unsure: what pixels may differ by where a mask is decided by rounding.
    """

    kernel: Kernel
    maps: Mapping[str, NDArray[Any]]
    tensors: Mapping[str, NDArray[Any]]
    pixels: Doubles
    before: Doubles
    unsure: Doubles | None = None


@dataclass(frozen=True)
class KernelCase:
    """A case of a family of kernels.

    Attributes:
        family: of kernels.
        name: of the case within it.
        prepare: makes its inputs at a precision.
    """

    family: str
    name: str
    prepare: Callable[[Draw], Prepared]


@dataclass(frozen=True)
class Draw:
    """Random numbers, rounded to a precision.

    Attributes:
        precision: of maps and weights.
    """

    precision: Precision
    _generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(_SEED))

    def normal(self, *shape: int) -> Doubles:
        """Standard normal numbers."""
        return self.rounded(self._generator.standard_normal(shape))

    def integers(self, low: int, high: int, *shape: int) -> NDArray[np.int64]:
        """Whole numbers."""
        return self._generator.integers(low, high, shape)

    def rounded(self, values: Doubles) -> Doubles:
        """As they are stored."""
        kind = DTYPES[self.precision.storage]
        result: Doubles = torch.from_numpy(np.ascontiguousarray(values)).to(kind).double().numpy()
        return result

    def map(self, layout: MapLayout, batch: int, shift: float = 0.0) -> tuple[Doubles, Doubles]:
        """A map as it is stored, and its pixels."""
        pixels = self.normal(batch, layout.channels, layout.height, layout.width) + shift
        values = self.rounded(stored(pixels, layout))
        return values, pixels_of(values, layout)


def finished(
    program: Program, before: Doubles, kernel: Kernel, phi: int, precision: Precision
) -> tuple[Doubles, Doubles | None]:
    """Pixels behind NOTHING, RELU or ASM_RELU, and where they are unsure by how much."""
    if program == NOTHING:
        return before, None
    if program == RELU:
        return np.maximum(before, 0.0), None
    assert program == ASM_RELU
    block = kernel.y.block
    few = to_spatial(keep_band(to_jpeg(before, block), block, phi), block)
    margin = FLOAT32_ERROR * np.abs(before).max()
    margin += transform_error(before, kernel.y, precision, len(kernel.matrices) + 1)
    unsure = np.where(np.abs(few) <= margin, np.abs(before), 0.0)
    return np.where(few > 0, before, 0.0), unsure


def constants_for(program: Program, layout: MapLayout) -> dict[str, NDArray[Any]]:
    """What ASM_RELU reads: zero for each channel."""
    if not program.constants:
        return {}
    return {"constants": np.zeros((program.constants, padded(layout.channels)))}


def module_of(prepared: Prepared, precision: Precision, device: torch.device) -> KernelModule:
    """The kernel with its weights on a device."""
    kernel = prepared.kernel
    module = KernelModule(kernel, precision)
    types: dict[str, str] = {}
    for step in steps_of(kernel, 1, precision, module.tiling):
        types |= step.launch.pointers
    for name, values in prepared.tensors.items():
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        module.register_buffer(name, tensor.to(ELEMENTS.get(types[name], tensor.dtype)))
    return module.to(device)


def run_case(case: KernelCase, precision: Precision, device: torch.device) -> KernelCheck:
    """Compare what a kernel makes with its reference.

    Args:
        case: what runs.
        precision: of maps and products.
        device: where it runs.
    """
    prepared = case.prepare(Draw(precision))
    module = module_of(prepared, precision, device)
    kind = DTYPES[precision.storage]
    maps = {}
    for name, values in prepared.maps.items():
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        maps[name] = (tensor.to(kind) if values.dtype == np.float64 else tensor).to(device)
    with torch.inference_mode():
        made = module(**maps).double().cpu().numpy()
    return KernelCheck(case.family, case.name, precision.name, _excess(made, prepared, precision))


def _excess(made: Doubles, prepared: Prepared, precision: Precision) -> float:
    """The largest error as a fraction of what is allowed: a right result has at most 1.

    NaN, and anything but zero in the padding of channels, is an error.
    """
    layout = prepared.kernel.y
    expected = stored(prepared.pixels, layout)
    # Padded channels are zero whatever the rounding.
    allowed = np.zeros_like(expected)
    bound = FLOAT32_ERROR * max(np.abs(expected).max(), np.abs(prepared.before).max())
    bound += transform_error(prepared.before, layout, precision, len(prepared.kernel.matrices))
    allowed[..., : layout.channels] = bound
    if precision.storage != "float32":
        allowed += precision.roundoff * np.abs(expected)
    if prepared.unsure is not None:
        allowed += spread(prepared.unsure, layout)
    errors = np.abs(made - expected)
    shares = np.divide(errors, allowed, out=np.where(errors > 0, math.inf, 0.0), where=allowed > 0)
    return float(np.where(np.isnan(errors), math.inf, shares).max())
