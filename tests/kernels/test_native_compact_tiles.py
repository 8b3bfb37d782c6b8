"""Native operators, except convolutions, on compact maps.

Elements of a tensor that a compact map does not use are NaN, so that tests detect reads of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.compact import laid, layout_for, run_node
from support.maps import random_map
from support.native import GROUP, ISAS, NativeError
from support.operators import (
    BY_CHANNEL,
    COMPACT,
    FIRST,
    GROUPED,
    PIECEWISE_LINEAR,
    PROGRAMS,
    convolutions,
)

from jpegcompile.dct.frequencies import band_map, full
from jpegcompile.kernels.average_pool.reference import jpeg_global_average_pool
from jpegcompile.kernels.truncate.reference import from_compacted, jpeg_truncate
from jpegcompile.operators.piecewise import TRUNCATE
from jpegcompile.operators.pixelwise import FUNCTIONS, KNOWN_PROGRAMS, PROGRAM
from jpegcompile.operators.registry import OPERATORS

Maps = dict[str, NDArray[np.float64]]
# These have tests of their own.
CONVOLUTIONS = {o.name for o in convolutions("JpegConv", "JpegPointwiseConv")} | {*FIRST}
# One kernel implements all operators with programs.
OPS = sorted(set(COMPACT) - CONVOLUTIONS - {TRUNCATE} - set(PROGRAMS[1:]))
SHAPES = {8: (2, 32, 24, 16), 4: (3, 16, 8, 20), 2: (1, 48, 6, 10)}


@dataclass
class Node:
    """Attributes and operands of an operator, other than maps.

    Attributes:
        attributes: attributes of the node.
        operands: names and values of the inputs after x, and after the residual if there is one.
    """

    attributes: dict[str, Any]
    operands: dict[str, NDArray[Any]] = field(default_factory=dict)


def _node(op: str, shape: tuple[int, int, int, int], block: int, count: int) -> Node:
    """Return an operator for a map; `count` is the number of mask or kept frequencies, if any."""
    batch, channels, height, width = shape
    band = {"band": band_map(height, width, block, count)}
    blocks = {"input_block": block, "output_block": block}
    if "ScaleAddRelu" in op:
        scale = {"scale": random_map((batch, channels, 1, 1))}
        return Node({"block": block}, scale | (band if OPERATORS[op].truncates else {}))
    if op in BY_CHANNEL:
        names = {"JpegScale": ["scale"], "JpegBatchNormalization": ["scale", "shift"]}
        values = {name: random_map((channels, 1, 1)) for name in names.get(op, ["value"])}
        return Node({"block": block}, values)
    if "MaxPool" in op and "Global" not in op:
        window = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 1, 1, 1]}
        if "Dilated" in op:
            window |= {"dilations": [2, 2], "pads": [2, 2, 2, 2]}
        return Node(blocks | window, band if "Asm" in op else {})
    if op.startswith("JpegGlobal"):
        return Node(blocks)
    if op == "JpegConvTranspose":
        strided: dict[str, Any] = {"strides": [2, 2], "pads": [0, 0, 0, 0], "dilations": [1, 1]}
        strided |= {"output_padding": [0, 0], "group": 1}
        weight = random_map((channels, channels, 2, 2)) / np.sqrt(channels)
        operands = {"weight": weight, "bias": random_map((channels,))}
        return Node(blocks | strided, operands)
    if op in PROGRAMS:
        steps = {PROGRAM: "Add x c0\nSigmoid v0\nMul x v1", "block": block}
        return Node(steps, {"constants": random_map((1, channels, 1, 1))})
    masks = band if op.startswith(("JpegAsm", "JpegApx")) else {}
    if op.endswith("PRelu"):
        return Node({"block": block}, masks | {"slope": random_map((channels, 1, 1))})
    if op.endswith("Clip"):
        bounds = {"low": np.asarray(-0.25), "high": np.asarray(0.75)}
        return Node({"block": block}, masks | bounds)
    return Node({"block": block, **FUNCTIONS.get(op.removeprefix("Jpeg"), {})}, masks)


def _maps(
    op: str, shape: tuple[int, ...], block: int, count: int
) -> dict[str, NDArray[np.float64]]:
    """Return the compact inputs of an operator: maps of few frequencies."""
    names = ("x", "residual") if "residual_frequencies" in COMPACT[op] else ("x",)
    return {
        name: jpeg_truncate(random_map(shape), block=block, frequencies=count) for name in names
    }


def _run(
    op: str,
    node: Node,
    maps: Maps,
    block: int,
    told: Mapping[str, int],
    isa: str = "avx2",
) -> NDArray[np.float32]:
    """Return the result as NCHW; `told` is the number of stored frequencies of each map."""
    feeds: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for name, value in maps.items():
        layout = layout_for(GROUP, block, told[name])
        feeds[name] = laid(value, block, layout)
        attributes |= {f"{name}_group": layout[0], f"{name}_frequencies": layout[1]}
    is_grouped = "y_group" in GROUPED[op]
    if is_grouped:
        attributes |= {"y_group": GROUP, "y_frequencies": told.get("y", 0)}
    operands = list(node.operands)
    names = ["x", *(name for name in operands if name != "band"), *list(maps)[1:]]
    if "Asm" in op or "Apx" in op:
        names.insert(1, "band")
    # Only function bodies use the transforms.
    unused = {"ToSpatial": 2, "JpegGlobalAveragePool": 2, "JpegGlobalMaxPool": 2, "JpegScale": 0}
    rest = unused.get(op, 1 if op in BY_CHANNEL else 4)
    names += ["unused"] * rest
    names += ["band"] if OPERATORS[op].truncates else []
    names += ["flat"] if "Asm" in op and "Pool" in op else []
    constants = node.operands | {"unused": np.zeros(1), "flat": np.asarray([-1])}
    result = run_node(op, names, attributes | node.attributes, feeds, constants, isa)
    if not is_grouped:
        return result
    places = told.get("y", 0) or full(block)
    return from_compacted(result, block=block, frequencies=places)


def test_every_operator_is_here() -> None:
    known = {f"Jpeg{op}" for op in FUNCTIONS} | set(KNOWN_PROGRAMS.values()) | PIECEWISE_LINEAR
    others = {"JpegScaleAddRelu", "JpegScaleAddReluTruncate", "ToSpatial"}
    others |= {"JpegConvTranspose", PROGRAMS[0]}
    pools = {"JpegGlobalAveragePool", "JpegGlobalMaxPool"}
    assert set(OPS) == known | others | pools | BY_CHANNEL


@pytest.mark.parametrize("start", [1, 2])
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("block", SHAPES)
@pytest.mark.parametrize("op", OPS)
def test_few_coefficients_are_as_good_as_zeros(op: str, block: int, isa: str, start: int) -> None:
    """Coefficients that are not stored count as zero: results equal those on whole tiles.

    Other tests compare whole tiles with references. Coefficients that are not stored are not
    summed, so sums round differently: up to 64 terms of up to 16 here, and their transforms.
    """
    shape = SHAPES[block]
    for count in range(start, full(block), 2):
        node, maps = _node(op, shape, block, count // 2 + 1), _maps(op, shape, block, count)
        whole = dict.fromkeys(("x", "residual"), full(block))
        expected = _run(op, node, maps, block, whole, isa)
        few = {"x": count, "residual": count}
        if op in BY_CHANNEL:
            few["y"] = count
        elif "y_frequencies" in COMPACT[op]:
            few["y"] = min(count // 2 + 1 + count % 2, full(block) - 1)
        actual = _run(op, node, maps, block, few, isa)
        bound = 64 * float(np.finfo(np.float32).eps) * max(float(np.abs(expected).max()), 1.0)
        assert np.abs(actual - expected).max() <= bound
        assert np.abs(np.roll(actual, 1, axis=1) - expected).max() > bound


@pytest.mark.parametrize("op", OPS)
def test_a_missing_coefficient_is_seen(op: str) -> None:
    """The check detects that the last diagonal of x is missing."""
    block, shape, count = 8, SHAPES[8], 5
    node, maps = _node(op, shape, block, 15), _maps(op, shape, block, count)
    whole = dict.fromkeys(("x", "residual"), full(block))
    expected = _run(op, node, maps, block, whole)
    maps["x"] = jpeg_truncate(maps["x"], block=block, frequencies=count - 1)
    actual = _run(op, node, maps, block, whole | {"x": count})
    is_seen = bool(np.abs(actual - expected).max() > 1e-3)
    # A mean depends only on the first coefficient.
    assert is_seen == (op != "JpegGlobalAveragePool")


@pytest.mark.parametrize("op", OPS)
def test_frequencies_that_no_tile_has_are_refused(op: str) -> None:
    block, shape = 4, SHAPES[4]
    node, maps = _node(op, shape, block, 3), _maps(op, shape, block, 3)
    for name in maps:
        for count in (-1, 8):
            wrong = replace(node, attributes=node.attributes | {f"{name}_frequencies": count})
            with pytest.raises(NativeError, match=rf"{name} .* cannot store only {count} freq"):
                _run(op, wrong, maps, block, dict.fromkeys(maps, 3))


def test_places_that_do_not_fit_are_refused() -> None:
    block, shape = 8, SHAPES[8]
    for op, x, y, message in (
        ("JpegScale", 5, 4, "y stores 4 frequencies of each tile, but 5"),
        ("JpegScale", 5, 6, "y and x store different frequencies"),
        ("JpegAdd", 15, 6, "y stores 6 frequencies of each tile, but 15"),
        (
            "JpegScaleAddReluTruncate",
            5,
            2,
            "y stores 2 frequencies of each tile, but 3",
        ),
    ):
        node, maps = _node(op, shape, block, 3), _maps(op, shape, block, 5)
        told = {"x": x, "residual": 5, "y": y}
        with pytest.raises(NativeError, match=message):
            _run(op, node, maps, block, told)


@pytest.mark.parametrize("block", [8, 4, 2])
@pytest.mark.parametrize("x_group", [1, GROUP])
def test_truncation_by_itself(block: int, x_group: int) -> None:
    for count in range(1, full(block)):
        shape = (1 + count % 3, 16 * (1 + count % 2), 3 * block, 2 * block)
        x = random_map(shape).astype(np.float32)
        wanted = jpeg_truncate(x, block=block, frequencies=count)
        for places in {count, min(count + 1, full(block) - 1)}:
            attributes = {
                "block": block,
                "frequencies": count,
                "x_group": x_group,
                "y_group": GROUP,
                "y_frequencies": places,
            }
            feeds = {"x": laid(x, block, (x_group, 0))}
            constants = {"band": band_map(*shape[2:], block, count)}
            for isa in ISAS:
                result = run_node("JpegTruncate", ["x", "band"], attributes, feeds, constants, isa)
                found = from_compacted(result, block=block, frequencies=places)
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("block", [8, 4, 2])
def test_global_average_pool(block: int) -> None:
    for count in range(1, full(block)):
        x = random_map((1 + count % 5, 32, 3 * block, 2 * block))
        x = jpeg_truncate(x, block=block, frequencies=count)
        attributes = {
            "input_block": block,
            "output_block": 1,
            "x_group": GROUP,
            "x_frequencies": count,
        }
        feeds = {"x": laid(x, block, (GROUP, count))}
        names = ["x", "unused", "unused"]
        result = run_node(
            "JpegGlobalAveragePool", names, attributes, feeds, {"unused": np.zeros(1)}, "avx2"
        )
        expected = jpeg_global_average_pool(x, input_block=block)
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)
        assert np.abs(result - np.roll(expected, 1, axis=1)).max() > 0.1


def test_every_compact_map_is_a_grouped_one() -> None:
    for op, names in COMPACT.items():
        assert {n.replace("frequencies", "group") for n in names} <= set(GROUPED[op])
