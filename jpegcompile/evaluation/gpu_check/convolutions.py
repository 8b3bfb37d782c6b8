"""Cases of convolutions: on pixels, on images with few channels, on rows of coefficients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.frequencies import full
from jpegcompile.evaluation.gpu_check.case import (
    Draw,
    KernelCase,
    Prepared,
    constants_for,
    finished,
)
from jpegcompile.evaluation.gpu_check.maps import Doubles
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import ASM_RELU, NOTHING, RELU, Program
from jpegcompile.kernels.conv.launch import THIN, Convolution, Pair


@dataclass(frozen=True)
class _Shape:
    """A convolution in short form; 0 frequencies means all frequencies."""

    channels: Pair
    size: Pair
    kernel: Pair = (3, 3)
    strides: Pair = (1, 1)
    pads: Pair = (1, 1)
    dilations: Pair = (1, 1)
    group: int = 1
    batch: int = 1
    thin: bool = False
    x_rows: bool = False
    y_rows: bool = False
    frequencies: int = 0
    residual: str = ""
    program: Program = RELU
    phi: int = 0
    is_transposed: bool = False

    @property
    def convolution(self) -> Convolution:
        """Kernel of the convolution."""
        size = self._size
        block, made = block_size(*self.size), block_size(*size)
        # x is truncated if it is stored in rows, as in a chain of 1x1 convolutions.
        few = (self.frequencies or full(block)) if self.x_rows else full(block)
        x = MapLayout(
            self.channels[0], *self.size, block, few, self.x_rows, THIN if self.thin else 0
        )
        kept = self.frequencies or full(made)
        y = MapLayout(self.channels[1], *size, made, kept, self.y_rows)
        added = None
        if self.residual:
            in_rows = self.residual == "rows"
            added = MapLayout(self.channels[1], *size, made, kept, in_rows)
        return Convolution(
            *(x, y, self.kernel, self.strides, self.pads, self.dilations, self.group),
            *(added, self.program, self.phi, self.is_transposed),
        )

    @property
    def _size(self) -> Pair:
        made = []
        for axis, size in enumerate(self.size):
            reach = self.dilations[axis] * (self.kernel[axis] - 1)
            pad, stride = 2 * self.pads[axis], self.strides[axis]
            if self.is_transposed:
                made.append((size - 1) * stride - pad + reach + 1)
            else:
                made.append((size + pad - reach - 1) // stride + 1)
        return made[0], made[1]


_PLAIN: dict[str, _Shape] = {
    "3x3 pixels": _Shape((20, 24), (8, 12)),
    "3x3, residual": _Shape((20, 24), (8, 8), residual="pixels"),
    "3x3 to few rows, residual in rows": _Shape(
        (20, 24), (8, 16), residual="rows", y_rows=True, frequencies=8
    ),
    "strided, dilated, to few pixels": _Shape(
        (16, 33), (16, 17), (3, 2), (2, 1), (2, 1), (2, 3), frequencies=3, batch=2
    ),
    "grouped": _Shape((24, 36), (6, 6), group=3),
    "transposed": _Shape((12, 20), (5, 7), (4, 4), (2, 2), is_transposed=True),
    "ASM": _Shape((20, 24), (8, 8), program=ASM_RELU, phi=6),
    "ASM to few rows": _Shape(
        (20, 24), (8, 8), program=ASM_RELU, phi=6, y_rows=True, frequencies=9
    ),
}
_THIN: dict[str, _Shape] = {
    "7x7 stem": _Shape((3, 24), (16, 16), (7, 7), (2, 2), (3, 3), thin=True),
    "dilated stem to rows": _Shape(
        (3, 20), (16, 16), (3, 3), (2, 2), (1, 2), (1, 2), thin=True, y_rows=True
    ),
}
_ROWS: dict[str, _Shape] = {
    "1x1 on rows, residual in rows": _Shape(
        (20, 24), (8, 8), (1, 1), pads=(0, 0), x_rows=True, y_rows=True, residual="rows"
    ),
    "1x1 on few rows": _Shape(
        (20, 24), (8, 16), (1, 1), pads=(0, 0), x_rows=True, y_rows=True, frequencies=8
    ),
    "1x1 on few rows without a function": _Shape(
        (20, 24),
        (8, 8),
        (1, 1),
        pads=(0, 0),
        x_rows=True,
        y_rows=True,
        frequencies=8,
        residual="rows",
        program=NOTHING,
    ),
    "1x1 on few rows to few pixels": _Shape(
        (20, 24), (8, 8), (1, 1), pads=(0, 0), x_rows=True, frequencies=8, residual="pixels"
    ),
}
_LARGE: dict[str, dict[str, _Shape]] = {
    "conv_pixels": {
        "many programs": _Shape((130, 140), (56, 48), batch=3, residual="pixels"),
        "one pixel": _Shape((200, 1000), (1, 1), (1, 1), pads=(0, 0), batch=33),
        "depthwise": _Shape((130, 130), (28, 36), group=130, batch=2),
        "32 groups": _Shape((256, 256), (14, 14), group=32, batch=5, program=ASM_RELU, phi=3),
        "wide to few rows": _Shape(
            (256, 300), (16, 24), batch=2, residual="rows", y_rows=True, frequencies=8
        ),
    },
    "conv_thin": {"224x224": _Shape((3, 64), (224, 224), (7, 7), (2, 2), (3, 3), thin=True)},
    "conv_rows": {
        "wide": _Shape(
            (250, 130), (56, 56), (1, 1), pads=(0, 0), x_rows=True, y_rows=True, frequencies=8
        ),
    },
}


def convolution_cases(*, large: bool) -> Iterator[KernelCase]:
    """Yield all cases; large cases are too slow for Triton's interpreter."""
    for family, shapes in (("conv_pixels", _PLAIN), ("conv_thin", _THIN), ("conv_rows", _ROWS)):
        every = {**shapes, **_LARGE[family]} if large else shapes
        for name, shape in every.items():
            yield KernelCase(family, name, _Prepare(shape))


@dataclass(frozen=True)
class _Prepare:
    """A function that creates the inputs of a convolution."""

    shape: _Shape

    def __call__(self, draw: Draw) -> Prepared:
        """See `KernelCase.prepare`."""
        conv, batch = self.shape.convolution, self.shape.batch
        x, pixels = draw.map(conv.x, batch)
        maps = {"x": x}
        inputs, outputs = conv.x.channels, conv.y.channels
        ends = (inputs, outputs // conv.group)
        shape = ends if conv.is_transposed else (outputs, inputs // conv.group)
        terms = inputs // conv.group * math.prod(conv.kernel)
        weight = draw.rounded(draw.normal(*shape, *conv.kernel) / math.sqrt(terms))
        bias = draw.normal(outputs).astype(np.float32).astype(np.float64)
        before = _convolved(conv, pixels, weight, bias)
        if conv.residual is not None:
            maps["residual"], added = draw.map(conv.residual, batch)
            before = before + added
        made, unsure = finished(conv.program, before, conv, conv.phi, draw.precision)
        weights = constants_for(conv.program, conv.y) | {"weight": weight, "bias": bias}
        tensors = conv.packed(weights, conv.default_tiling(draw.precision))
        return Prepared(conv, maps, tensors, made, before, unsure)


def _convolved(conv: Convolution, x: Doubles, weight: Doubles, bias: Doubles) -> Doubles:
    """Compute the convolution with PyTorch in float64."""
    given, kernel, added = (torch.from_numpy(np.ascontiguousarray(v)) for v in (x, weight, bias))
    if conv.is_transposed:
        made = torch.nn.functional.conv_transpose2d(
            given, kernel, added, conv.strides, conv.pads, 0, conv.group, conv.dilations
        )
    else:
        made = torch.nn.functional.conv2d(
            given, kernel, added, conv.strides, conv.pads, conv.dilations, conv.group
        )
    result: Doubles = made.numpy()
    return result
