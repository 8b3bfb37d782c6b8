"""Channel reductions, rearrangements and group normalization on CUDA.

The launches are compared with those of Python, and replayed by Triton's interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cuda_launches import Launched, Node, Run, in_groups, run
from support.cuda_replay import BATCH, Case, Order, attributes_of, check_case, line_of
from support.gpu_maps import Doubles
from support.made_cubins import all_cubins

from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.gpu.cubin_file import StoredCubin, write_cubins
from jpegcompile.gpu.kernel import Kernel, steps_of
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import NOTHING
from jpegcompile.kernels.group_normalization.launch import GroupNormalization
from jpegcompile.kernels.rearrange.launch import Rearrange
from jpegcompile.kernels.reduce.launch import ReduceChannels
from jpegcompile.precision import FLOAT32

PLANES, GROUPS, PIXELS = Order(1, 8), Order(16, 8), Order(16)
MATRICES = ("input 1",) * 4
EPSILON = 0.125


def case(
    op: str,
    x: Order,
    y: Order,
    meant: Callable[[Doubles], Doubles],
    inputs: tuple[str, ...] = MATRICES,
    channels: int = 32,
    size: tuple[int, int] = (8, 16),
    **attributes: Any,
) -> Case:
    """Return a node with one map; `meant` is a function of pixels."""
    shape = (BATCH, channels, *size)
    given = attributes_of("x y", [x, y], **attributes)
    node = Node(op, given, [line_of(shape), *inputs])
    label = f"{op}-{x.group}.{x.block}-{y.group}.{y.block}-{channels}"

    def whole(given: Doubles) -> Doubles:
        return to_jpeg(meant(to_spatial(given, x.block)), y.block)

    return Case(label, node, {0: (x, shape)}, y, whole)


def reduced(op: str, x: Order, channels: int = 32) -> Case:
    name = op.removeprefix("JpegChannel").lower()
    inputs = MATRICES if name in ("max", "min") else ()

    def meant(pixels: Doubles) -> Doubles:
        return np.asarray(getattr(pixels, name)(1, keepdims=True))

    return case(op, x, Order(1, x.block), meant, inputs, channels, block=x.block)


def rearranged(op: str, x: Order, y: Order, channels: int, size: tuple[int, int]) -> Case:
    """Rearrange squares of side 2."""

    def deep(pixels: Doubles) -> Doubles:
        n, c, h, w = pixels.shape
        split = pixels.reshape(n, c, h // 2, 2, w // 2, 2)
        return split.transpose(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)

    def flat(pixels: Doubles) -> Doubles:
        n, c, h, w = pixels.shape
        split = pixels.reshape(n, 2, 2, c // 4, h, w)
        return split.transpose(0, 3, 4, 1, 5, 2).reshape(n, c // 4, 2 * h, 2 * w)

    meant = deep if op == "JpegSpaceToDepth" else flat
    return case(
        op, x, y, meant, MATRICES, channels, size, blocksize=2, input_block=x.block,
        output_block=y.block,
    )  # fmt: skip


def normalized(op: str, x: Order, y: Order, channels: int, groups: int, **block: Any) -> Case:
    scale = np.asarray((37 * np.arange(channels) + 11) % 101 - 50) / 64
    shift = np.asarray((37 * np.arange(channels) + 22) % 101 - 50) / 64

    def meant(pixels: Doubles) -> Doubles:
        parts = pixels.reshape(BATCH, groups, -1)
        centered = parts - parts.mean(-1, keepdims=True)
        deviation = np.sqrt(parts.var(-1, keepdims=True) + EPSILON)
        made = (centered / deviation).reshape(pixels.shape)
        return np.asarray(made * scale[:, None, None] + shift[:, None, None])

    inputs = (
        f"input constant {channels} 1 1",
        f"input {channels} 1 1",
        f"number {EPSILON}",
        "index 4",
        *(("input 1",) if block else ()),
    )
    return case(op, x, y, meant, inputs, channels, groups=groups, **block)


CASES = [
    reduced("JpegChannelMax", GROUPS),
    reduced("JpegChannelMin", Order(1, 4), channels=20),
    reduced("JpegChannelMax", Order(1), channels=1),
    reduced("JpegChannelMean", PLANES, channels=20),
    reduced("JpegChannelSum", GROUPS),
    rearranged("JpegSpaceToDepth", Order(1, 8), Order(1, 4), 16, (16, 8)),
    rearranged("JpegSpaceToDepth", Order(1), Order(1), 3, (6, 10)),
    rearranged("JpegDepthToSpace", Order(1, 4), Order(1, 8), 64, (8, 4)),
    rearranged("JpegDepthToSpace", Order(1, 2), Order(1), 12, (4, 6)),
    normalized("JpegGroupNormalization", GROUPS, PLANES, 32, 4, block=8),
    normalized("JpegGroupNormalization", PLANES, GROUPS, 48, 48, block=8),
    normalized("JpegGroupNormalization", PLANES, PLANES, 20, 5, block=8),
    normalized("SpatialGroupNormalization", PIXELS, PIXELS, 32, 1),
]
Made = tuple[list[Run], dict[int, StoredCubin]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Record the launches of all cases in one process."""
    folder: Path = tmp_path_factory.mktemp("pixels")
    cubins = list(all_cubins())
    write_cubins(folder / "made", cubins)
    _, runs = run(folder, folder / "made", [*(one.node for one in CASES), *NODES.values()])
    return runs, {cubin.shared: cubin for cubin in cubins}


@pytest.mark.parametrize("index", range(len(CASES)), ids=[one.name for one in CASES])
def test_launches_make_what_the_operator_means(index: int, made: Made) -> None:
    check_case(CASES[index], made[0][index], made[1])


def test_a_wrong_shift_is_seen(made: Made) -> None:
    done = made[0][len(CASES) - 1]
    (address,) = (a for a, values in done.copied.items() if values.size == 2 * 32 + 1)
    changed = done.copied[address].copy()
    changed[32 + 5] += 1e-3
    faulty = replace(done, copied={**done.copied, address: changed})
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_case(CASES[-1], faulty, made[1])


LARGE = MapLayout(32, 20, 24)
ONE, DEEP = MapLayout(1, 20, 24), MapLayout(128, 10, 12)
SPECS: Mapping[str, Kernel] = {
    "JpegChannelMin": ReduceChannels(LARGE, ONE, "min"),
    "JpegSpaceToDepth": Rearrange(LARGE, DEEP, 2, to_depth=True),
    "SpatialGroupNormalization": GroupNormalization(LARGE, LARGE, 8, NOTHING),
}
_LINE = f"input {BATCH} 32 20 24"
_ROW = "input constant 32 1 1"
NODES = {
    "JpegChannelMin": Node("JpegChannelMin", {"block": 1, "x_group": 16}, [_LINE, *MATRICES]),
    "JpegSpaceToDepth": Node(
        "JpegSpaceToDepth",
        {"blocksize": 2, "input_block": 1, "output_block": 1, "x_group": 16, "y_group": 16},
        [_LINE, *MATRICES],
    ),
    "SpatialGroupNormalization": Node(
        "SpatialGroupNormalization",
        {"groups": 8, "x_group": 16, "y_group": 16},
        [_LINE, _ROW, _ROW, "number 0.5", "index 4"],
    ),
}


@pytest.mark.parametrize("op", SPECS)
def test_launches_are_those_of_python(op: str, made: Made) -> None:
    """Maps are grouped; a map of one channel is a copy with channels last."""
    spec, done = SPECS[op], made[0][len(CASES) + list(NODES).index(op)]
    assert not done.refused
    copies = ("from_planes", "to_planes")
    launched = [one for one in done.launches if one.entry not in copies]
    steps = steps_of(spec, BATCH, FLOAT32, spec.default_tiling(FLOAT32))
    assert len(launched) == len(steps)
    for one, step in zip(launched, steps, strict=True):
        expected = dict(step.launch.numbers) | in_groups(LARGE, "x")
        if spec.y.channels > 1:
            expected |= in_groups(spec.y, "y")
        _check(one, made[1][one.shared], expected)
        assert (made[1][one.shared].kernel, one.grid) == (step.launch.kernel, step.launch.grid)


def _check(launched: Launched, cubin: StoredCubin, expected: Mapping[str, int]) -> None:
    found = launched.arguments(cubin)
    integers = {name: found[name] for name, kind in cubin.parameters if kind == "i32"}
    assert integers == {name: expected[name] for name in integers}
