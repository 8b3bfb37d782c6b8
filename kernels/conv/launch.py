"""Launches of convolutions on GPUs: the kernel, its arguments and its packed weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.gpu.launch import Launch, Tiling, programs, storage_type
from jpegcompile.gpu.layout import CHANNELS, MapLayout, log2_of, padded, padded_rows
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.precision import Precision

Pair = tuple[int, int]
# Number of channels that `conv_thin` reads, and its longest step.
THIN = 4
MOST_THIN_DEPTH = 64
# Default number of images at once, and number of multiprocessors of an H100.
TYPICAL_BATCH = 8
PROCESSORS = 132
# A larger tiling reads less. It may compute this many times the sums of a smaller tiling.
MOST_IDLE = 1.2


@dataclass(frozen=True)
class Convolution:
    """A convolution with its epilogue.

    Attributes:
        x: the input map; in rows only for a 1x1 convolution without strides and padding.
        y: the output map.
        kernel: height and width of the window.
        strides, dilations: as for ONNX Conv, or for ConvTranspose.
        pads: padding above and left of x; the rest follows from the size of y.
        group: number of groups of channels.
        residual: a map of the size of y to add, or None.
        program: the per-pixel function applied to the sum.
        phi: number of frequencies of the approximation that the program reads; 0 for none.
        is_transposed: whether this is a transposed convolution.
    """

    x: MapLayout
    y: MapLayout
    kernel: Pair = (1, 1)
    strides: Pair = (1, 1)
    pads: Pair = (0, 0)
    dilations: Pair = (1, 1)
    group: int = 1
    residual: MapLayout | None = None
    program: Program = NOTHING
    phi: int = 0
    is_transposed: bool = False

    def __post_init__(self) -> None:
        """Check the layouts.

        Raises:
            ValueError: if no kernel supports them.
        """
        if not self.x.is_rows:
            return
        if self.is_windowed:
            raise ValueError("only a 1x1 convolution supports coefficients; store x as pixels")
        added = [m for m in (self.residual,) if m is not None]
        same = [m.is_rows and m.frequencies == self.x.frequencies for m in (*added, self.y)]
        if not self.is_activated and not all(same):
            raise ValueError("without a per-pixel function, all maps must have the same rows")
        if any(m.is_rows and m.frequencies != self.x.frequencies for m in added):
            raise ValueError("a residual in rows must have as many frequencies as x")

    @property
    def is_windowed(self) -> bool:
        """Whether a pixel of y depends on more than one pixel of x."""
        is_plain = self.kernel == self.strides == (1, 1) and self.pads == (0, 0)
        return not is_plain or self.is_transposed

    @property
    def is_activated(self) -> bool:
        """Whether the kernel computes anything on pixels."""
        return bool(self.program.steps) or not self.y.is_rows

    @property
    def groups(self) -> Pair:
        """Input and output channels of a group; (0, all channels) if there is one group."""
        if self.group == 1:
            return 0, padded(self.y.channels)
        return self.x.channels // self.group, self.y.channels // self.group

    def span(self, tiling: Tiling) -> int:
        """Return how many input channels a program reads: all groups of its output channels."""
        stored = self.x.stored_channels
        if self.group == 1:
            return stored
        group_in, group_out = self.groups
        widest = 0
        for first in range(0, self.y.channels, tiling.channels):
            last = min(first + tiling.channels, self.y.channels) - 1
            start = first // group_out * group_in // CHANNELS * CHANNELS
            widest = max(widest, (last // group_out + 1) * group_in - start)
        return min(padded(widest), stored)

    def depth(self, tiling: Tiling) -> int:
        """Return how many terms a step sums."""
        if self.x.thin == THIN:
            reach = (self.kernel[1] - 1) * self.dilations[1] + 1
            return THIN * max(4, 1 << (reach - 1).bit_length())
        span = self.span(tiling)
        return next(d for d in (64, 32, 16) if d <= tiling.depth and span % d == 0)

    def weight_shape(self, tiling: Tiling) -> tuple[int, int, int]:
        """Return the shape of packed weights: output channels, taps, and inputs of a tap."""
        height, width = self.kernel
        channels = padded(self.y.channels)
        if self.x.thin == THIN:
            return channels, height, self.depth(tiling)
        return channels, height * width, self.span(tiling)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """Transforms that the kernel needs, by argument name."""
        if self.x.is_rows and not self.is_activated:
            return {}
        read = self.x if self.x.is_rows else self.residual
        found = {
            "inverse": None if read is None else TileMatrix.to_pixels(read),
            "approximated": TileMatrix("project", self.y.block, self.phi) if self.phi else None,
            "forward": TileMatrix.from_pixels(self.y),
        }
        return {name: matrix for name, matrix in found.items() if matrix is not None}

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that spills no registers on any GPU."""
        return default_tiling(self, precision)

    def packed(
        self, weights: Mapping[str, NDArray[Any]], tiling: Tiling
    ) -> dict[str, NDArray[Any]]:
        """Return the weights in the kernel's order; see `packed_weight`."""
        rows = {name: padded_rows(v) for name, v in weights.items() if name != "weight"}
        return {**rows, "weight": packed_weight(self, weights["weight"], tiling)}

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch for `batch` images."""
        kernel = "rows" if self.x.is_rows else "thin" if self.x.thin == THIN else "pixels"
        pointers = ["x", "weight", *self.matrices, "y"]
        if self.residual is not None:
            pointers.append("residual")
        kind = storage_type(precision)
        types = dict.fromkeys(pointers, kind) | {"bias": "fp32"}
        if self.program.constants:
            types["constants"] = "fp32"
        rows, channels = batch * self.y.height * self.y.width, padded(self.y.channels)
        return Launch(
            f"conv.triton:conv_{kernel}",
            programs(rows, channels, tiling),
            types,
            self._numbers(rows, channels, tiling),
            self._constants(kernel, precision, tiling),
            tiling,
        )

    def _numbers(self, rows: int, channels: int, tiling: Tiling) -> dict[str, int]:
        tiles_y, tiles_x = self.y.tiles
        group_in, group_out = self.groups
        span = self.span(tiling)
        numbers = {
            "rows": rows,
            "channels": channels,
            "log_block": log2_of(self.y.block),
            "tiles_y": tiles_y,
            "tiles_x": tiles_x,
            "height": self.x.height,
            "width": self.x.width,
            "span": span,
            "last_start": self.x.stored_channels - span,
            "group_in": group_in,
            "group_out": group_out,
            **self.x.view.numbers("x"),
            **(self.residual or self.y).view.numbers("residual"),
            **self.y.view.numbers("y"),
        }
        for name, values in (
            ("kernel", self.kernel),
            ("stride", self.strides),
            ("pad", self.pads),
            ("dilation", self.dilations),
        ):
            numbers[f"{name}_h"], numbers[f"{name}_w"] = values
        return numbers

    def _constants(self, kernel: str, precision: Precision, tiling: Tiling) -> dict[str, object]:
        matrices, residual = self.matrices, self.residual
        return {
            "PROGRAM": self.program.steps,
            "COUNT": self.program.constants,
            "X_ROWS": self.x.is_rows,
            "RESIDUAL": residual is not None,
            "RESIDUAL_ROWS": residual is not None and residual.is_rows,
            "RESIDUAL_MIXED": residual is not None and TileMatrix.to_pixels(residual) is not None,
            "APPROXIMATE": "approximated" in matrices,
            "ACTIVATED": self.is_activated,
            "Y_ROWS": self.y.is_rows,
            "Y_MIXED": "forward" in matrices,
            "TRANSPOSED": self.is_transposed,
            "BM": tiling.rows,
            "BN": tiling.channels,
            "BK": self.depth(tiling),
            "PRECISION": precision.product,
        }


def default_tiling(conv: Convolution, precision: Precision, batch: int = TYPICAL_BATCH) -> Tiling:
    """Return a tiling with which no kernel spills registers on sm_80, sm_90 and sm_100.

    Args:
        conv: the convolution with its epilogue.
        precision: of products.
        batch: images at once; determines how many processors a tiling leaves idle.

    Returns:
        The largest tiling that fits, unless the busiest processor computes far fewer sums with a
        smaller one.
    """
    channels = padded(conv.y.channels)
    rows = batch * conv.y.height * conv.y.width

    def busiest(tiling: Tiling) -> float:
        waves = math.prod(programs(rows, channels, tiling)) / PROCESSORS
        # Programs of many waves overlap.
        return (math.ceil(waves) if waves <= 4 else waves) * tiling.rows * tiling.channels

    found = tilings(conv, precision)
    found = [tiling for tiling in found if tiling.channels < 2 * channels] or found[-1:]
    least = min(busiest(tiling) for tiling in found)
    return next(tiling for tiling in found if busiest(tiling) <= MOST_IDLE * least)


def tilings(conv: Convolution, precision: Precision) -> list[Tiling]:
    """Return tilings without spilled registers, from the one that reads least to the smallest.

    With 16-bit products, programs of 128 x 64 and 64 x 128 have enough registers for transforms.
    In a 128 x 64 program each weight read is used for 128 rows. This matters where a window reads
    the same pixels many times. TF32x3 and float32 products need more registers and instructions.
    Eight warps keep kernels below 40 KB.
    """
    channels, transforms = padded(conv.y.channels), len(conv.matrices)
    if precision.storage != "float32":
        tall, wide = Tiling(128, 64, 64, 8), Tiling(64, 128, 64, 8)
        if channels <= 32:
            found = [Tiling(128, 32, 64, 8)]
        elif channels % 128:
            found = [tall, Tiling(64, 64, 64, 8)]
        elif transforms:
            found = [tall if conv.is_windowed else wide, Tiling(64, 64, 64, 8)]
        else:
            found = [Tiling(128, 128, 32, 8), tall, Tiling(64, 64, 64, 8)]
        if conv.is_transposed and transforms and channels > 32:
            found = found[1:]  # 43 KB on sm_100
        if conv.phi and conv.x.thin == THIN:
            found = found[1:]  # 128 rows would spill some bytes on sm_100
        # Four warps would spill some bytes in transforms.
        return [*found, Tiling(64, 32, 64, 8 if transforms else 4)]
    if precision.product == "ieee":
        small = Tiling(64, 32, 16, 8)
        return [small] if transforms else [Tiling(64, 64, 32, 8), small]
    if transforms > 1:
        # Three stages would spill some bytes on sm_100.
        return [Tiling(64, 32, 32, 8, 2)]
    # The same on sm_80.
    is_full = transforms == 1 and (conv.residual is not None or conv.is_transposed)
    small = Tiling(64, 32, 32, 8, 2 if is_full else 3)
    if "inverse" in conv.matrices and conv.depth(small) < small.depth:
        small = Tiling(64, 16, 32, 8)  # with short steps 32 channels would spill on sm_100
    found = [Tiling(64, 64, 32, 8), small]
    if conv.x.thin == THIN and conv.depth(found[0]) > found[0].depth:
        found = found[1:]  # long steps would spill on sm_80
    if conv.is_transposed and transforms:
        found = found[1:]  # 42 KB on sm_100
    return found if transforms else [*found, Tiling(64, 16, 32, 4)]


def can_be_thin(kernel: Pair, dilations: Pair) -> bool:
    """Return whether a window fits into the steps of `conv_thin`."""
    reach = (kernel[1] - 1) * dilations[1] + 1
    return THIN * reach <= MOST_THIN_DEPTH


def packed_weight(
    conv: Convolution, weight: NDArray[np.floating], tiling: Tiling
) -> NDArray[np.float64]:
    """Return weights in the order that kernels read.

    Args:
        conv: the convolution.
        weight: as for ONNX Conv [O, C / group, kh, kw], or for ConvTranspose
            [C, O / group, kh, kw].
        tiling: of the launch.

    Returns:
        An array of `Convolution.weight_shape`, with zeros for padded channels, between groups and,
        for thin maps, between taps.
    """
    inputs, outputs = conv.x.channels // conv.group, conv.y.channels // conv.group
    height, width = conv.kernel
    if conv.is_transposed:
        grouped = weight.reshape(conv.group, inputs, outputs, height, width)
        weight = grouped.transpose(0, 2, 1, 3, 4).reshape(-1, inputs, height, width)
    packed = np.zeros(conv.weight_shape(tiling))
    if conv.x.thin == THIN:
        rows = packed.reshape(len(packed), height, -1, THIN)
        step = conv.dilations[1]
        dense = np.zeros((conv.y.channels, conv.x.channels, height, width))
        for output in range(conv.y.channels):
            first = output // outputs * inputs
            dense[output, first : first + inputs] = weight[output]
        in_rows = dense.transpose(0, 2, 3, 1)
        rows[: conv.y.channels, :, : width * step : step, : conv.x.channels] = in_rows
        return packed
    span = conv.span(tiling)
    last_start = conv.x.stored_channels - span
    taps = weight.transpose(0, 2, 3, 1).reshape(conv.y.channels, height * width, inputs)
    for output in range(conv.y.channels):
        block = output // tiling.channels * tiling.channels
        start = min(block // outputs * inputs // CHANNELS * CHANNELS, last_start)
        place = output // outputs * inputs - (start if conv.group > 1 else 0)
        packed[output, :, place : place + inputs] = taps[output]
    return packed
