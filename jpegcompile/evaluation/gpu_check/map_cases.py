"""Cases of kernels without convolution weights: pools, sums of maps, the ingest and others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.frequencies import full
from jpegcompile.dct.linear import average_pool_matrix, take_matrix
from jpegcompile.dct.rearrange import depth_to_space, space_to_depth
from jpegcompile.evaluation.gpu_check.case import (
    Draw,
    KernelCase,
    Prepared,
    constants_for,
    finished,
)
from jpegcompile.evaluation.gpu_check.maps import Doubles
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.gpu.programs import (
    ASM_RELU,
    CONSTANTS,
    NOTHING,
    OTHER,
    PIXEL,
    RELU,
    Program,
    step,
)
from jpegcompile.jpeg.subsampling import frame_of
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.average_pool.launch import GlobalAveragePool
from jpegcompile.kernels.group_normalization.launch import GroupNormalization
from jpegcompile.kernels.group_normalization.reference import jpeg_group_normalization
from jpegcompile.kernels.ingest.launch import Ingest
from jpegcompile.kernels.ingest.reference import jpeg_ingest
from jpegcompile.kernels.max_pool.launch import GlobalMaxPool, MaxPool
from jpegcompile.kernels.rearrange.launch import Rearrange
from jpegcompile.kernels.reduce.launch import ReduceChannels
from jpegcompile.kernels.resample.launch import Resample, tables
from jpegcompile.network_input import NetworkInput

ADD_RELU = Program((step("Add", PIXEL, OTHER), step("Relu", CONSTANTS)))
_EPSILON = 1e-5


def _pixels(channels: int, height: int, width: int, block: int = 0) -> MapLayout:
    return MapLayout.whole(channels, height, width, block or block_size(height, width))


def _rows(channels: int, height: int, width: int, frequencies: int = 0) -> MapLayout:
    block = block_size(height, width)
    return MapLayout(channels, height, width, block, frequencies or full(block), True)


def _image(values: Any) -> Doubles:
    result: Doubles = torch.as_tensor(values).numpy()
    return result


def _elementwise(
    x: MapLayout, y: MapLayout, batch: int, other: MapLayout | None, program: Program, phi: int
) -> KernelCase:
    def prepare(draw: Draw) -> Prepared:
        kernel = Elementwise(x, y, program, other, phi=phi)
        stored, before = draw.map(x, batch)
        maps = {"x": stored}
        rest = program
        if other is not None:
            maps["other"], added = draw.map(other, batch)
            before, rest = before + added, RELU
        made, unsure = finished(rest, before, kernel, phi, draw.precision)
        return Prepared(kernel, maps, constants_for(program, y), made, before, unsure)

    kinds = [f"{'rows' if m.is_rows else 'pixels'}" for m in (x, other, y) if m is not None]
    return KernelCase(
        "elementwise", f"{y.channels}x{y.height}x{y.width} {' '.join(kinds)}", prepare
    )


def _max_pool(x: MapLayout, y: MapLayout, batch: int, program: Program, phi: int) -> KernelCase:
    """Return a case of max pooling with a 3x3 window, stride 2 and padding 1."""

    def prepare(draw: Draw) -> Prepared:
        kernel = MaxPool(x, y, (3, 3), (2, 2), (1, 1), program=program, phi=phi)
        # Negative pixels reveal padding with zeros, unless a function sets all of them to zero.
        stored, pixels = draw.map(x, batch, 0.0 if program.steps else -3.0)
        before = _image(torch.nn.functional.max_pool2d(torch.from_numpy(pixels), 3, 2, 1))
        made, unsure = finished(program, before, kernel, phi, draw.precision)
        return Prepared(kernel, {"x": stored}, constants_for(program, y), made, before, unsure)

    return KernelCase("max_pool", f"{x.channels}x{x.height}x{x.width} to {y}", prepare)


def _global_pool(x: MapLayout, batch: int, *, mean: bool) -> KernelCase:
    y = MapLayout.whole(x.channels, 1, 1)

    def prepare(draw: Draw) -> Prepared:
        stored, pixels = draw.map(x, batch, -1.0)
        made: Doubles = (np.mean if mean else np.max)(pixels, axis=(2, 3), keepdims=True)
        kernel = GlobalAveragePool(x, y) if mean else GlobalMaxPool(x, y)
        return Prepared(kernel, {"x": stored}, {}, made, pixels)

    return KernelCase("average_pool" if mean else "global_max_pool", str(x), prepare)


def _resample(x: MapLayout, batch: int, *, in_rows: bool) -> KernelCase:
    """Return a case of average pooling over rows with reversed columns."""

    def prepare(draw: Draw) -> Prepared:
        down = average_pool_matrix(x.height, 3, 2, (1, 1), 1, False)
        across = take_matrix(range(x.width)[::-1], x.width)
        size = len(down), len(across)
        y = (_rows if in_rows else _pixels)(x.channels, *size)
        read, reach = tables(down, across)
        stored, pixels = draw.map(x, batch)
        made: Doubles = np.einsum("ph,nchw,qw->ncpq", down, pixels, across)
        return Prepared(Resample(x, y, reach), {"x": stored}, read, made, made)

    return KernelCase("resample", f"{x} to {'rows' if in_rows else 'pixels'}", prepare)


def _reduce(x: MapLayout, batch: int, kind: Any, *, in_rows: bool) -> KernelCase:
    functions: dict[str, Any] = {"max": np.max, "min": np.min, "mean": np.mean, "sum": np.sum}

    def prepare(draw: Draw) -> Prepared:
        y = (_rows if in_rows else _pixels)(1, x.height, x.width)
        # Values on one side of zero reveal an influence of padded channels, which are zero.
        stored, pixels = draw.map(x, batch, {"max": -5.0, "min": 5.0}.get(kind, 0.0))
        made: Doubles = functions[kind](pixels, axis=1, keepdims=True)
        return Prepared(ReduceChannels(x, y, kind), {"x": stored}, {}, made, made)

    return KernelCase("reduce", f"{kind} of {x}", prepare)


def _rearrange(x: MapLayout, y: MapLayout, side: int, batch: int) -> KernelCase:
    to_depth = y.channels > x.channels

    def prepare(draw: Draw) -> Prepared:
        stored, pixels = draw.map(x, batch)
        made = (space_to_depth if to_depth else depth_to_space)(pixels, side)
        return Prepared(Rearrange(x, y, side, to_depth), {"x": stored}, {}, made, made)

    return KernelCase("rearrange", f"{x} to {y}", prepare)


def _normalization(x: MapLayout, y: MapLayout, groups: int, batch: int) -> KernelCase:
    def prepare(draw: Draw) -> Prepared:
        stored, pixels = draw.map(x, batch, 2.0)
        scale, shift = (draw.normal(x.channels).astype(np.float32).astype(float) for _ in range(2))
        before = jpeg_group_normalization(
            pixels, scale, shift, groups=groups, epsilon=_EPSILON, block=1
        )
        missing = padded(x.channels) - x.channels
        tensors = {n: np.pad(v, (0, missing)) for n, v in (("scale", scale), ("shift", shift))}
        tensors["epsilon"] = np.array([_EPSILON])
        kernel = GroupNormalization(x, y, groups, RELU)
        made = np.maximum(before, 0.0)
        return Prepared(kernel, {"x": stored}, tensors, made, before)

    return KernelCase("group_normalization", f"{groups} groups of {x}", prepare)


def _ingest(subsampling: str, height: int, width: int, batch: int) -> KernelCase:
    def prepare(draw: Draw) -> Prepared:
        frame = frame_of(subsampling, height, width)
        components = len(frame.sampling)
        channels = 1 if components == 1 else 3
        affine = ChannelAffine(np.full(channels, 0.017), np.full(channels, -2.0))
        color: Any = "L" if channels == 1 else "RGB"
        taken = NetworkInput("x", channels, height, width, "NCHW", color=color, affine=affine)
        kernel = Ingest(MapLayout(channels, height, width, thin=4), frame, taken)
        maps: dict[str, NDArray[Any]] = {}
        for name, index, count in (("luma", 0, 1), ("chroma", 1, components - 1)):
            if count:
                shape = (batch, count, *frame.block_counts(index), 8, 8)
                maps[name] = draw.integers(-60, 60, *shape).astype(np.int16)
        maps["quantization"] = draw.integers(1, 30, batch, components, 8, 8).astype(np.uint16)
        made = jpeg_ingest(
            maps["luma"],
            maps.get("chroma"),
            maps["quantization"],
            frame=frame,
            color=color,
            affine=affine,
            block=1,
        )
        return Prepared(kernel, maps, kernel.tensors, made, made)

    return KernelCase("ingest", f"{subsampling} {height}x{width}", prepare)


def map_cases(*, large: bool) -> Iterator[KernelCase]:
    """Yield all cases; large cases are too slow for Triton's interpreter."""
    yield _elementwise(_rows(20, 8, 12), _pixels(20, 8, 12), 2, _pixels(20, 8, 12), ADD_RELU, 0)
    yield _elementwise(_pixels(20, 8, 8), _rows(20, 8, 8, 7), 1, None, ASM_RELU, 4)
    yield _max_pool(_pixels(20, 15, 17), _pixels(20, 8, 9), 1, NOTHING, 0)
    yield _max_pool(_pixels(5, 16, 16), _rows(5, 8, 8, 6), 2, ASM_RELU, 3)
    yield _global_pool(_pixels(20, 7, 5), 3, mean=True)
    yield _global_pool(_rows(33, 8, 8), 1, mean=True)
    yield _global_pool(_pixels(20, 7, 5), 1, mean=False)
    yield _resample(_pixels(20, 15, 8), 1, in_rows=True)
    yield _resample(_pixels(5, 9, 7), 2, in_rows=False)
    yield _reduce(_pixels(33, 8, 4), 1, "max", in_rows=True)
    yield _reduce(_pixels(20, 7, 5), 2, "mean", in_rows=False)
    yield _rearrange(_pixels(5, 8, 12), _pixels(20, 4, 6), 2, 1)
    yield _rearrange(_pixels(20, 4, 4), _rows(5, 8, 8, 9), 2, 2)
    yield _normalization(_pixels(20, 8, 8), _rows(20, 8, 8, 9), 4, 1)
    yield _normalization(_pixels(18, 5, 7), _pixels(18, 5, 7), 18, 2)
    yield _ingest("4:2:0", 19, 21, 1)
    yield _ingest("gray", 16, 24, 2)
    if not large:
        return
    wide, few = _pixels(130, 56, 48), _rows(130, 56, 48, 8)
    yield _elementwise(few, few, 3, few, ADD_RELU, 0)
    yield _max_pool(_pixels(64, 112, 112), _rows(64, 56, 56, 8), 3, RELU, 0)
    yield _global_pool(_pixels(1000, 14, 14), 33, mean=True)
    yield _global_pool(few, 3, mean=True)
    yield _resample(_pixels(130, 55, 48), 3, in_rows=True)
    yield _reduce(_pixels(700, 28, 36), 2, "sum", in_rows=False)
    yield _rearrange(_pixels(30, 56, 48), _pixels(120, 28, 24), 2, 3)
    yield _normalization(wide, few, 10, 3)
    yield _ingest("4:4:4", 224, 200, 3)
    yield _ingest("4:2:2", 225, 223, 2)
