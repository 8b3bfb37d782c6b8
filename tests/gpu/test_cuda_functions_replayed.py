"""Per-pixel functions and arithmetic on CUDA compute what operators mean, in a replay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cuda_launches import Node, Run, numbers, run
from support.cuda_replay import BATCH, Case, Order, attributes_of, check_case, line_of
from support.gpu_maps import Doubles
from support.made_cubins import all_cubins
from support.tiers import quick_of

from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.dct.frequencies import keep_band
from jpegcompile.gpu.cubin_file import StoredCubin, write_cubins
from jpegcompile.gpu.programs import guarded, parse
from jpegcompile.kernels.pixelwise.reference import jpeg_pixelwise, jpeg_program

PLANES, GROUPS = Order(1, 8), Order(16, 8)
FEW, FEWER = Order(16, 8, 9), Order(16, 8, 6)
MATRICES = ("input 1",) * 4
# A program with a division, which would make padded channels infinite without a guard.
DIVISION = "Neg x\nExp v0\nAdd v1 c0\nDiv x v2\nMul v3 c1\nElu v4 0.5"


def case(
    op: str,
    x: Order,
    y: Order,
    meant: Callable[..., Doubles],
    inputs: Sequence[str] = (),
    channels: int = 16,
    **attributes: Any,
) -> Case:
    """Return a node with one map."""
    shape = (BATCH, channels, 8, 16)
    block = {} if op.startswith("Spatial") else {"block": x.block}
    node = Node(op, attributes_of("x y", [x, y], **block, **attributes), [line_of(shape), *inputs])
    return Case(f"{op}-{x.group}.{x.block}.{x.frequencies}", node, {0: (x, shape)}, y, meant)


def two_maps(
    op: str,
    orders: tuple[Order, Order, Order],
    meant: Callable[..., Doubles],
    *,
    place: int = 1,
    between: Sequence[str] = (),
    behind: Sequence[str] = MATRICES,
    channels: int = 32,
    other: tuple[int, int] | None = None,
) -> Case:
    """Return a node with two maps; `other` is (images, channels) of the second, input `place`."""
    shape = (BATCH, channels, 8, 16)
    images, others = other or (BATCH, channels)
    second = (images, others, 8, 16)
    block = {} if op.startswith("Spatial") else {"block": orders[0].block}
    attributes = attributes_of("x residual y", list(orders), **block)
    node = Node(op, attributes, [line_of(shape), *between, line_of(second), *behind])
    maps = {0: (orders[0], shape), place: (orders[1], second)}
    label = "-".join(f"{o.group}.{o.block}.{o.frequencies}" for o in orders)
    return Case(f"{op}-{label}-{images}.{others}", node, maps, orders[2], meant)


def on_pixels(block: int, function: Callable[..., Doubles]) -> Callable[..., Doubles]:
    """Return the function between transforms."""
    return lambda *maps: to_jpeg(function(*(to_spatial(x, block) for x in maps)), block)


def vector(index: int, *shape: int) -> Doubles:
    """Return an input with one number for each channel."""
    return numbers(index, *shape).astype(float)


def rectified(x: Doubles, slope: Doubles, by: Doubles | None = None) -> Doubles:
    return np.where((x if by is None else by) > 0, x, slope * x)


def low(x: Doubles) -> Doubles:
    return to_spatial(keep_band(x, 8, 5), 8)


def masked_prelu(x: Doubles) -> Doubles:
    return to_jpeg(rectified(to_spatial(x, 8), vector(2, 16, 1, 1), low(x)), 8)


def scaled_sum(block: int, index: int, *shape: int) -> Callable[..., Doubles]:
    def meant(x: Doubles, residual: Doubles) -> Doubles:
        pixels = to_spatial(x, block) * vector(index, *shape) + to_spatial(residual, block)
        return to_jpeg(np.maximum(pixels, 0), block)

    return meant


BAND = "band 8 16 8 5"
SLOPE = "input constant 16 1 1"
PRELUS = [
    case("JpegPRelu", FEW, PLANES, on_pixels(8, lambda x: rectified(x, vector(1, 16, 1, 1))),
         [SLOPE, *MATRICES]),
    case("JpegPRelu", Order(1), Order(1), lambda x: rectified(x, vector(1, 1)),
         ["input 1", *MATRICES], channels=20),
    case("JpegAsmPRelu", GROUPS, GROUPS, masked_prelu, [BAND, SLOPE, *MATRICES]),
    case("JpegApxPRelu", FEW, GROUPS, lambda x: to_jpeg(rectified(low(x), vector(2, 16, 1, 1)), 8),
         [BAND, SLOPE, *MATRICES]),
]  # fmt: skip
LINEAR = [
    case("JpegScale", FEW, FEW, lambda x: x * vector(1, BATCH, 16, 1, 1),
         [f"input {BATCH} 16 1 1"]),
    case("JpegScale", PLANES, PLANES, lambda x: x * vector(1, BATCH, 20, 1, 1),
         [f"input {BATCH} 20 1 1"], channels=20),
    case("JpegScale", Order(16, 2), Order(16, 2), lambda x: x * vector(1, 1), ["input"],
         channels=32),
    case("JpegScale", Order(16, 4), Order(16, 4), lambda x: x * vector(1, BATCH, 1, 1, 1),
         [f"input {BATCH} 1 1 1"], channels=32),
    case("JpegAdd", FEW, FEW, on_pixels(8, lambda x: x + vector(1, 16, 1, 1)),
         ["input constant 16 1 1", "input 1"]),
    case("JpegAdd", FEWER, PLANES, on_pixels(8, lambda x: x + vector(1, 1)),
         ["input 1", "input 1"]),
    case("JpegSub", Order(1), Order(1), lambda x: x - vector(1, 16, 1, 1),
         ["input 16 1 1", "input 1"]),
    case("JpegBatchNormalization", FEW, FEW,
         on_pixels(8, lambda x: x * vector(1, 16, 1, 1) + vector(2, 16, 1, 1)),
         [SLOPE, SLOPE, "input 1"]),
    case("JpegBatchNormalization", FEWER, GROUPS,
         on_pixels(8, lambda x: x * vector(1, 1) + vector(2, 16, 1, 1)),
         ["input 1", "input 16 1 1", "input 1"]),
    case("JpegBatchNormalization", Order(1, 4), Order(1, 4),
         on_pixels(4, lambda x: x * vector(1, 20, 1, 1) + vector(2, 1)),
         ["input constant 20 1 1", "input constant 1", "input 1"], channels=20),
]  # fmt: skip
SCALE = f"input {BATCH} 32 1 1"
TWO_MAPS = [
    two_maps("JpegScaleAddRelu", (FEW, GROUPS, PLANES), scaled_sum(8, 1, BATCH, 32, 1, 1),
             place=2, between=[SCALE]),
    two_maps("JpegScaleAddRelu", (PLANES, FEWER, GROUPS), scaled_sum(8, 1, 1), place=2,
             between=["input 1"]),
    two_maps("JpegScaleAddReluTruncate", (FEW, FEWER, FEWER),
             lambda x, r: keep_band(scaled_sum(8, 1, 32, 1, 1)(x, r), 8, 5),
             place=2, between=["input 32 1 1"], behind=[*MATRICES, BAND]),
    two_maps("SpatialScaleAddRelu", (Order(16), Order(1), Order(16)),
             scaled_sum(1, 1, BATCH, 32, 1, 1), place=2, between=[SCALE], behind=[]),
    two_maps("JpegMul", (GROUPS, PLANES, GROUPS), on_pixels(8, np.multiply)),
    two_maps("JpegMul", (PLANES, PLANES, GROUPS), on_pixels(8, np.multiply), other=(BATCH, 1)),
    two_maps("JpegMul", (GROUPS, PLANES, PLANES), on_pixels(8, np.multiply), other=(1, 1)),
    two_maps("JpegMul", (Order(16), Order(1), Order(1)), np.multiply, other=(BATCH, 1)),
    two_maps("JpegMax", (Order(1, 4), Order(1, 4), Order(1, 4)), on_pixels(4, np.maximum),
             channels=20),
    two_maps("JpegMin", (GROUPS, GROUPS, GROUPS), on_pixels(8, np.minimum), other=(1, 32)),
]  # fmt: skip


def function(op: str, x: Order, y: Order, channels: int = 16, **attributes: Any) -> Case:
    def meant(given: Doubles) -> Doubles:
        return jpeg_pixelwise(given, op, block=x.block, **attributes)

    return case(op, x, y, meant, MATRICES, channels, **attributes)


def divided(given: Doubles) -> Doubles:
    return jpeg_program(given, DIVISION, vector(1, 2, 20, 1, 1) + 1.0, block=8)


FUNCTIONS = [
    function("JpegSigmoid", FEW, GROUPS),
    function("JpegSilu", PLANES, PLANES, channels=20),
    function("JpegTanh", Order(16), Order(1)),
    function("JpegElu", GROUPS, PLANES, alpha=1.0),
    function("JpegGelu", FEWER, GROUPS, approximate="tanh"),
    function("JpegGelu", GROUPS, GROUPS, approximate="none"),
    function("JpegHardSigmoid", Order(1, 4), Order(1, 4), alpha=float(np.float32(1 / 6)), beta=0.5),
    function("JpegHardSwish", FEW, PLANES),
]
PROGRAMS = [
    case("JpegPointwise_1", PLANES, PLANES,
         lambda x: jpeg_program(x, DIVISION, vector(1, 2, 20, 1, 1), block=8),
         ["input constant 2 20 1 1", *MATRICES], channels=20, program=DIVISION),
    case("JpegPointwise_32", FEW, GROUPS,
         lambda x: jpeg_program(x, "Mul x c0\nSin v0", vector(1, 1, 1, 1, 1), block=8),
         ["input 1 1 1 1", *MATRICES], program="Mul x c0\nSin v0"),
]  # fmt: skip
CASES = [*PRELUS, *LINEAR, *TWO_MAPS, *FUNCTIONS, *PROGRAMS]
OWN = [guarded(parse(DIVISION, 2)), parse("Mul x c0\nSin v0", 1)]
Made = tuple[list[Run], dict[int, StoredCubin]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Record the launches of all cases in one process."""
    folder: Path = tmp_path_factory.mktemp("functions")
    cubins = list(all_cubins(tilings=((64, 32, 16),), programs=OWN))
    write_cubins(folder / "made", cubins)
    _, runs = run(folder, folder / "made", [case.node for case in CASES])
    return runs, {cubin.shared: cubin for cubin in cubins}


@pytest.mark.parametrize(
    "index", quick_of(range(len(CASES)), quick=12, ids=lambda index: CASES[index].name)
)
def test_launches_make_what_the_operator_means(index: int, made: Made) -> None:
    check_case(CASES[index], made[0][index], made[1])


def test_a_wrong_number_is_seen(made: Made) -> None:
    """Change the shift of one channel of a batch normalization."""
    index = CASES.index(LINEAR[7])
    done = made[0][index]
    (address,) = (a for a, values in done.copied.items() if values.size == 2 * 16)
    changed = done.copied[address].copy()
    changed[20] += 1e-3
    faulty = replace(done, copied={**done.copied, address: changed})
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_case(CASES[index], faulty, made[1])
