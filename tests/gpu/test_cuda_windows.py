"""Transposed convolutions and global maxima on CUDA are launched as in Python.

Triton's interpreter replays the launches, and the results are compared with float64.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from support.cuda_launches import Node, numbers
from support.cuda_replay import (
    Made,
    MapCase,
    Order,
    attributes_of,
    line_of,
    made_by,
    require_same,
)
from support.gpu_maps import Doubles

from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.kernels.conv.launch import Convolution, packed_weight
from jpegcompile.precision import FLOAT32

BATCH = 2
TILING = (64, 32, 16)
# Error of several consecutive matrix products in float32.
ALLOWED = 2e-5


@dataclass(frozen=True)
class Window:
    """Attributes of a transposed convolution along H and W."""

    kernel: tuple[int, int]
    strides: tuple[int, int] = (2, 2)
    pads: tuple[int, int] = (0, 0)
    dilations: tuple[int, int] = (1, 1)
    output_padding: tuple[int, int] = (0, 0)
    group: int = 1


@dataclass(frozen=True)
class Channels:
    """Numbers of channels and layouts of the maps."""

    inputs: int
    outputs: int
    x: Order = field(default_factory=Order)
    y: Order = field(default_factory=Order)


def transposed(name: str, channels: Channels, size: tuple[int, int], window: Window) -> MapCase:
    shape = (BATCH, channels.inputs, *size)
    weight = (channels.inputs, channels.outputs // window.group, *window.kernel)
    lines = [line_of(shape), " ".join(map(str, ["input constant", *weight]))]
    lines += [f"input constant {channels.outputs}", *["input 1"] * 4]
    attributes = attributes_of(
        "x y",
        [channels.x, channels.y],
        group=window.group,
        strides=list(window.strides),
        pads=[*window.pads, *window.pads],
        dilations=list(window.dilations),
        output_padding=list(window.output_padding),
        input_block=channels.x.block,
        output_block=channels.y.block,
    )

    def meant(x: Doubles) -> Doubles:
        made = torch.nn.functional.conv_transpose2d(
            torch.from_numpy(to_spatial(x, channels.x.block)),
            torch.from_numpy(numbers(1, *weight)).double(),
            torch.from_numpy(numbers(2, channels.outputs)).double(),
            window.strides,
            window.pads,
            window.output_padding,
            window.group,
            window.dilations,
        )
        return to_jpeg(made.numpy(), channels.y.block)

    node = Node("JpegConvTranspose", attributes, lines)
    return MapCase(name, node, channels.x, shape, channels.y, meant)


def largest(name: str, x: Order, channels: int) -> MapCase:
    shape = (BATCH, channels, 8, 24)
    attributes: dict[str, Any] = attributes_of("x", [x], input_block=x.block, output_block=1)
    node = Node("JpegGlobalMaxPool", attributes, [line_of(shape), *["input 1"] * 2])
    return MapCase(
        name,
        node,
        x,
        shape,
        Order(),
        lambda v: to_spatial(v, x.block).max((2, 3), keepdims=True),
    )


PLAIN = Channels(20, 24)
_ALL = [
    transposed("plain", PLAIN, (5, 6), Window((2, 2))),
    transposed("padded", PLAIN, (5, 6), Window((4, 3), (2, 3), (1, 0), output_padding=(1, 2))),
    transposed("dilated", PLAIN, (4, 6), Window((3, 2), (2, 1), (2, 0), (2, 3))),
    transposed("groups", Channels(32, 48), (4, 4), Window((3, 3), (2, 2), (1, 1), group=4)),
    transposed("gaps", Channels(16, 16), (3, 4), Window((1, 2), (3, 3))),
    transposed("blocks", Channels(32, 16, Order(16, 8, 6), Order(16, 8)), (8, 16), Window((2, 2))),
    transposed("planes-of-blocks", Channels(16, 17, Order(1, 4), Order(1, 8)), (4, 8),
               Window((4, 4), pads=(1, 1))),
    largest("largest-of-planes", Order(1, 8), 20),
    largest("largest-of-few", Order(16, 8, 6), 32),
    largest("largest-of-pixels", Order(16), 16),
]  # fmt: skip
CASES = {case.name: case for case in _ALL}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Record the launches of all cases in one process."""
    folder = tmp_path_factory.mktemp("windows")
    all_made = made_by(folder, [case.node for case in CASES.values()], (TILING,))
    return dict(zip(CASES, all_made, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_launches_make_what_the_operator_means(name: str, made: dict[str, Made]) -> None:
    assert CASES[name].error(made[name]) < ALLOWED


def test_a_wrong_weight_is_found(made: dict[str, Made]) -> None:
    faulty = made["groups"].scaled("conv_pixels", "weight", 1 + 1e-3)
    assert CASES["groups"].error(faulty) > 10 * ALLOWED


@pytest.mark.parametrize("name", ["padded", "dilated", "groups"])
def test_a_transposed_convolution_is_launched_as_by_python(
    name: str, made: dict[str, Made]
) -> None:
    case, done = CASES[name], made[name].done
    _, inputs, height, width = case.shape
    _, outputs, made_height, made_width = done.made
    given = case.node.attributes
    weight_shape = tuple(map(int, str(case.node.inputs[1]).split()[2:]))

    def pair(attribute: str) -> tuple[int, int]:
        values = given[attribute]
        assert isinstance(values, list)
        return values[0], values[1]

    group = given["group"]
    assert isinstance(group, int)
    conv = Convolution(
        MapLayout(inputs, height, width),
        MapLayout(outputs, made_height, made_width),
        (weight_shape[2], weight_shape[3]),
        pair("strides"),
        pair("pads"),
        pair("dilations"),
        group,
        is_transposed=True,
    )
    launched, cubin = made[name].launched("conv_pixels")
    require_same(launched, cubin, conv.launch(BATCH, FLOAT32, Tiling(*TILING)))
    packed = packed_weight(conv, numbers(1, *weight_shape), Tiling(*TILING))
    copied = done.copied[launched.arguments(cubin)["weight"]]
    np.testing.assert_array_equal(copied, packed.reshape(-1))
