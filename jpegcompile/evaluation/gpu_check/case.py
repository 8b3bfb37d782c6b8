"""A kernel with inputs and its expected result in float64."""

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
    """A kernel with inputs and its expected result.

    Attributes:
        kernel: kernel to run.
        maps: input maps by role: float64 in the layout of memory, or integers.
        tensors: weights and tables by argument.
        pixels: expected pixels [N, C, H, W].
        before: pixels before the per-pixel function; their magnitude bounds the rounding error.
        unsure: possible difference of each pixel if rounding may change its mask.
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
        family: name of the family.
        name: name of the case within the family.
        prepare: creates the inputs, in the precision of the random numbers.
    """

    family: str
    name: str
    prepare: Callable[[Draw], Prepared]


@dataclass(frozen=True)
class Draw:
    """Random numbers, rounded to a precision.

    Attributes:
        precision: precision of maps and weights.
    """

    precision: Precision
    _generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(_SEED))

    def normal(self, *shape: int) -> Doubles:
        """Return standard normal numbers."""
        return self.rounded(self._generator.standard_normal(shape))

    def integers(self, low: int, high: int, *shape: int) -> NDArray[np.int64]:
        """Return whole numbers."""
        return self._generator.integers(low, high, shape)

    def rounded(self, values: Doubles) -> Doubles:
        """Return values rounded to the storage type."""
        kind = DTYPES[self.precision.storage]
        result: Doubles = torch.from_numpy(np.ascontiguousarray(values)).to(kind).double().numpy()
        return result

    def map(self, layout: MapLayout, batch: int, shift: float = 0.0) -> tuple[Doubles, Doubles]:
        """Draw a random map and return it in its storage layout, and its pixels.

        Args:
            layout: layout of the map.
            batch: number of images.
            shift: mean of the pixels before rounding.
        """
        pixels = self.normal(batch, layout.channels, layout.height, layout.width) + shift
        values = self.rounded(stored(pixels, layout))
        return values, pixels_of(values, layout)


def finished(
    program: Program, before: Doubles, kernel: Kernel, phi: int, precision: Precision
) -> tuple[Doubles, Doubles | None]:
    """Apply a program to pixels in float64.

    Args:
        program: NOTHING, RELU or ASM_RELU.
        before: the pixels.
        kernel: the checked kernel.
        phi: number of mask frequencies of ASM_RELU.
        precision: precision of the kernel.

    Returns:
        The pixels, and their largest difference if rounding changes a mask; None without masks.
    """
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
    """Return the constants of ASM_RELU: zero for each channel."""
    if not program.constants:
        return {}
    return {"constants": np.zeros((program.constants, padded(layout.channels)))}


def module_of(prepared: Prepared, precision: Precision, device: torch.device) -> KernelModule:
    """Return the kernel with its weights on a device."""
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
    """Compare the result of a kernel with its reference.

    Args:
        case: case to run.
        precision: precision of maps and products.
        device: device to run on.
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
    """Return the largest error as a fraction of the tolerance; a correct result has at most 1.

    NaN is an error, and so is a nonzero value in padded channels.
    """
    layout = prepared.kernel.y
    expected = stored(prepared.pixels, layout)
    # Padded channels must be exactly zero.
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
