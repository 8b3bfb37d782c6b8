"""The kernels that the native library launches on CUDA compute what operators mean.

Triton's interpreter replays the launches of a node on memory with the layout of the device, and the
result is compared with the operator in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from support.cuda_launches import Node, Run, numbers, run
from support.cuda_replay import BATCH, Case, Order, attributes_of, check_case, line_of
from support.gpu_maps import Doubles
from support.made_cubins import all_cubins
from support.tiers import quick_of

from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.dct.frequencies import keep_band
from jpegcompile.gpu.cubin_file import StoredCubin, write_cubins


def convolved(x: Doubles, weight: Doubles, bias: Doubles, **window: Any) -> Doubles:
    made = torch.nn.functional.conv2d(
        torch.from_numpy(x), torch.from_numpy(weight), torch.from_numpy(bias), **window
    )
    return np.asarray(made.numpy())


def conv_case(
    op: str,
    x: Order,
    y: Order,
    residual: Order | None = None,
    channels: tuple[int, int] = (32, 16),
    size: tuple[int, int] = (8, 16),
    kernel: int = 3,
    made: int = 15,
) -> Case:
    """Return a convolution of stride 1 that keeps the size, with `made` output frequencies."""
    inputs, outputs = channels
    shape, result = (BATCH, inputs, *size), (BATCH, outputs, *size)
    pad = kernel // 2
    weight = numbers(1, outputs, inputs, kernel, kernel).astype(float)
    bias = numbers(2, outputs).astype(float)
    lines = [line_of(shape), f"input constant {outputs} {inputs} {kernel} {kernel}"]
    lines.append(f"input constant {outputs}")
    maps = {0: (x, shape)}
    if residual is not None:
        lines.append(line_of(result))
        maps[3] = (residual, result)
    matrices = {"JpegConv": 4, "JpegPointwiseConv": 4, "SpatialConv": 0}
    base = next(name for name in sorted(matrices, reverse=True) if op.startswith(name))
    count = matrices[base]
    if base == "JpegPointwiseConv" and "Relu" not in op:
        count = 1
    if base == "JpegConv" and "Relu" in op and residual is not None:
        count = 6
    lines += ["input 1"] * count
    if op.endswith("Truncate"):
        lines.append(f"band {size[0]} {size[1]} {y.block} {made}")

    def meant(first: Doubles, second: Doubles | None = None) -> Doubles:
        pixels = convolved(to_spatial(first, x.block), weight, bias, padding=pad)
        if second is not None:
            pixels = pixels + to_spatial(second, y.block)
        if "Relu" in op:
            pixels = np.maximum(pixels, 0)
        return keep_band(to_jpeg(pixels, y.block), y.block, min(made, 2 * y.block - 1))

    orders = [x, y] if residual is None else [x, residual, y]
    names = "x y" if residual is None else "x residual y"
    attributes = attributes_of(
        names, orders, group=1, block=y.block, input_block=x.block, output_block=y.block,
        strides=[1, 1], pads=[pad] * 4, dilations=[1, 1],
    )  # fmt: skip
    label = "-".join(f"{o.group}.{o.block}.{o.frequencies}" for o in orders)
    return Case(f"{op}-{label}", Node(op, attributes, lines), maps, y, meant)


PLANES, GROUPS = Order(1, 8), Order(16, 8)
FEW, FEWER = Order(16, 8, 9), Order(16, 8, 6)
CASES = [
    conv_case("SpatialConvRelu", Order(), Order(), channels=(20, 17)),
    conv_case("SpatialConvAdd", Order(16), Order(16), Order()),
    conv_case("SpatialConv", Order(), Order(16), channels=(3, 16)),
    conv_case("JpegConv", PLANES, PLANES, channels=(20, 17)),
    conv_case("JpegConvAdd", FEW, GROUPS, PLANES),
    conv_case("JpegConvRelu", Order(16, 4), Order(16, 2), size=(8, 12)),
    conv_case("JpegConvAddReluTruncate", PLANES, FEWER, GROUPS, made=6),
    conv_case("JpegConvAddReluTruncate", GROUPS, FEW, FEWER, made=6),
    conv_case("JpegPointwiseConv", PLANES, GROUPS, kernel=1),
    conv_case("JpegPointwiseConv", FEWER, FEW, kernel=1),
    conv_case("JpegPointwiseConvAdd", FEWER, FEWER, FEWER, kernel=1),
    conv_case("JpegPointwiseConvAdd", FEWER, FEW, FEW, kernel=1),
    conv_case("JpegPointwiseConvRelu", GROUPS, PLANES, kernel=1, channels=(32, 16)),
    conv_case("JpegPointwiseConvAddRelu", FEW, GROUPS, FEW, kernel=1),
    conv_case("JpegPointwiseConvAddReluTruncate", FEW, FEWER, PLANES, kernel=1, made=6),
]


def one_map(
    op: str,
    x: Order,
    y: Order,
    meant: Callable[[Doubles], Doubles],
    inputs: tuple[str, ...] = (),
    **attributes: Any,
) -> Case:
    shape = (BATCH, 16, 8, 16)
    node = Node(op, attributes_of("x y", [x, y], **attributes), [line_of(shape), *inputs])
    return Case(f"{op}-{x.group}.{x.frequencies}", node, {0: (x, shape)}, y, meant)


def masked(x: Doubles) -> Doubles:
    return to_jpeg(np.where(low(x) > 0, to_spatial(x, 8), 0), 8)


def low(x: Doubles) -> Doubles:
    return to_spatial(keep_band(x, 8, 5), 8)


def pooled(pixels: Doubles, by: Doubles) -> Doubles:
    """Return pixels at the first maximum of 3x3 windows with stride 2."""
    windows = [
        np.lib.stride_tricks.sliding_window_view(
            np.pad(v, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf), (3, 3), (2, 3)
        )[:, :, ::2, ::2].reshape(*v.shape[:2], v.shape[2] // 2, v.shape[3] // 2, 9)
        for v in (pixels, by)
    ]
    places = windows[1].argmax(-1)[..., None]
    return np.asarray(np.take_along_axis(windows[0], places, -1)[..., 0])


BAND, MATRICES = ("band 8 16 8 5",), ("input 1",) * 4
POOL = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "input_block": 8,
        "output_block": 4}  # fmt: skip
CASES += [
    one_map("JpegRelu", FEW, PLANES, lambda x: to_jpeg(np.maximum(to_spatial(x, 8), 0), 8),
            MATRICES, block=8),
    one_map("JpegAsmRelu", GROUPS, GROUPS, masked, BAND + MATRICES, block=8),
    one_map("JpegApxRelu", PLANES, GROUPS, lambda x: to_jpeg(np.maximum(low(x), 0), 8),
            BAND + MATRICES, block=8),
    one_map("JpegTruncate", GROUPS, FEW, lambda x: keep_band(x, 8, 5), BAND, block=8),
    one_map("ToSpatial", FEWER, Order(16), lambda x: to_spatial(x, 8), MATRICES[:2], block=8),
    one_map("ToJpeg", Order(), GROUPS, lambda x: to_jpeg(x, 8), MATRICES[:2], block=8),
    one_map("JpegMaxPool", FEW, Order(16, 4),
            lambda x: to_jpeg(pooled(to_spatial(x, 8), to_spatial(x, 8)), 4), MATRICES, **POOL),
    one_map("JpegAsmMaxPool", GROUPS, Order(1, 4),
            lambda x: to_jpeg(pooled(to_spatial(x, 8), low(x)), 4),
            BAND + MATRICES, **POOL),
    # The approximation of pixels is the map itself.
    one_map("JpegAsmMaxPool", Order(16), Order(16), lambda x: pooled(x, x),
            ("band 8 16 1 1", *MATRICES), **{**POOL, "input_block": 1, "output_block": 1}),
    one_map("JpegGlobalAveragePool", FEWER, Order(),
            lambda x: to_spatial(x, 8).mean((2, 3), keepdims=True), MATRICES[:2],
            input_block=8, output_block=1),
    one_map("JpegGlobalAveragePool", PLANES, Order(),
            lambda x: to_spatial(x, 8).mean((2, 3), keepdims=True), MATRICES[:2],
            input_block=8, output_block=1),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Run], dict[int, StoredCubin]]:
    """Record the launches of all cases in one process."""
    folder = tmp_path_factory.mktemp("replayed")
    cubins = list(all_cubins(tilings=((64, 32, 16),)))
    write_cubins(folder / "made", cubins)
    _, runs = run(folder, folder / "made", [_complete(case.node) for case in CASES])
    return runs, {cubin.shared: cubin for cubin in cubins}


def _complete(node: Node) -> Node:
    """Return the inputs with the index that the function bodies of masked pools read."""
    if node.op != "JpegAsmMaxPool":
        return node
    return Node(node.op, node.attributes, [*node.inputs, "index 1"])


@pytest.mark.parametrize(
    "index", quick_of(range(len(CASES)), quick=13, ids=lambda index: CASES[index].name)
)
def test_launches_make_what_the_operator_means(
    index: int, made: tuple[list[Run], dict[int, StoredCubin]]
) -> None:
    check_case(CASES[index], made[0][index], made[1])
