"""The native library launches the same convolutions on CUDA as Python.

An NCHW map is copied to channels last, so all numbers must be equal. A grouped or compact map is
read and written in place, with strides of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from support.cuda_launches import STREAM, Launched, Node, Run, in_groups, numbers, run
from support.cuda_layers import (
    BATCH,
    LAYERS,
    ONE_TILING,
    TILING,
    Layer,
    pixels,
    rows,
    spatial,
)
from support.made_cubins import all_cubins

from jpegcompile.gpu.cubin_file import StoredCubin, constants_text, write_cubins
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.average_pool.launch import GlobalAveragePool
from jpegcompile.kernels.conv.launch import Convolution, packed_weight
from jpegcompile.kernels.max_pool.launch import MaxPool
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.precision import FLOAT32, TF32X3


@cache
def cubins_of(folder: Path) -> tuple[Path, dict[int, StoredCubin]]:
    cubins = list(all_cubins(tilings=ONE_TILING))
    write_cubins(folder / "made", cubins)
    return folder / "made", {cubin.shared: cubin for cubin in cubins}


@cache
def runs_of(folder: Path) -> list[Run]:
    """Record the launches of all layers in one process."""
    path, _ = cubins_of(folder)
    return run(folder, path, [layer.node() for layer in LAYERS])[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("launches")


def expected_numbers(layer: Layer) -> dict[str, int]:
    conv = layer.conv
    found = dict(conv.launch(BATCH, FLOAT32, TILING).numbers)
    if layer.x_group == 16:
        found |= in_groups(conv.x, "x")
    if layer.y_group == 16:
        found |= in_groups(conv.y, "y")
    if conv.residual is not None and layer.residual_group == 16:
        found |= in_groups(conv.residual, "residual")
    elif conv.residual is None and layer.y_group == 16:
        found |= in_groups(conv.y, "residual")
    return found


def convolved(done: Run) -> Launched:
    (launched,) = [one for one in done.launches if one.entry.startswith("conv_")]
    return launched


@pytest.mark.parametrize("index", range(len(LAYERS)), ids=[layer.name for layer in LAYERS])
def test_a_launch_is_that_of_python(index: int, folder: Path) -> None:
    layer, done = LAYERS[index], runs_of(folder)[index]
    conv = layer.conv
    assert not done.refused
    launch = conv.launch(BATCH, FLOAT32, TILING)
    launched = convolved(done)
    cubin = cubins_of(folder)[1][launched.shared]
    # Kernel and grid.
    assert cubin.kernel == launch.kernel
    own = [constant.partition("=")[0] for constant in cubin.constants.split(" ")]
    assert cubin.constants == constants_text({name: launch.constants[name] for name in own})
    assert launched.grid == launch.grid
    assert (launched.block, launched.stream) == (32 * cubin.warps, STREAM)
    # Integer arguments.
    found = launched.arguments(cubin)
    expected = expected_numbers(layer)
    integers = {name: found[name] for name, kind in cubin.parameters if kind == "i32"}
    assert integers == {name: expected[name] for name in integers}
    _check_memory(layer, done, found)
    _check_constants(layer, done, found)


def _check_memory(layer: Layer, done: Run, found: Mapping[str, int]) -> None:
    """NCHW maps are copies, and unused pointers are y."""
    conv, memory = layer.conv, done.memory
    copies = [address for name, address in memory.items() if name.startswith("scratch")]
    names = list(layer.inputs())
    groups = {"x": layer.x_group, "residual": layer.residual_group, "y": layer.y_group}
    for name in ("x", "y") if conv.residual is None else ("x", "residual", "y"):
        place = "output 0" if name == "y" else f"input {names.index(name)}"
        if groups[name] == 16:
            assert found[name] == memory[place], name
        else:
            assert found[name] in copies, name
    maps = {"inverse", "approximated", "forward"} - set(conv.matrices)
    unused = maps | ({"residual"} if conv.residual is None else set())
    for name in unused & set(found):
        assert found[name] == found["y"], name
    planes = sum(one.entry == "from_planes" for one in done.launches)
    maps_read = {"x"} if conv.residual is None else {"x", "residual"}
    assert planes == sum(groups[name] == 1 for name in maps_read)
    assert sum(one.entry == "to_planes" for one in done.launches) == (layer.y_group == 1)


def _check_constants(layer: Layer, done: Run, found: Mapping[str, int]) -> None:
    conv = layer.conv
    names = {name: numbers(k, *shape) for k, (name, shape) in enumerate(layer.inputs().items())}
    weight = packed_weight(conv, names["weight"], TILING)
    np.testing.assert_array_equal(done.copied[found["weight"]], weight.reshape(-1))
    padding = padded(conv.y.channels) - conv.y.channels
    bias = np.pad(names["bias"].reshape(-1), (0, padding))
    np.testing.assert_array_equal(done.copied[found["bias"]], bias)
    for name, matrix in conv.matrices.items():
        np.testing.assert_allclose(
            done.copied[found[name]], matrix.values().reshape(-1), atol=6e-8, err_msg=name
        )
    if layer.activation == "PRelu":
        slope = np.pad(names["slope"].reshape(-1), (0, padding))
        np.testing.assert_array_equal(done.copied[found["constants"]], slope)
    elif layer.activation == "Clip":
        bounds = np.repeat([names["low"][0], names["high"][0]], padded(conv.y.channels))
        np.testing.assert_array_equal(done.copied[found["constants"]], bounds)
    else:
        assert found["constants"] == found["y"]


@dataclass(frozen=True)
class Other:
    """A node other than a convolution, and its launch in Python.

    Attributes:
        name: name of the test.
        node: node of a graph; x and y are grouped maps.
        spec: kernel that Python launches.
        maps: layouts by name, for maps with strides of their own.
    """

    name: str
    node: Node
    spec: MaxPool | GlobalAveragePool | Elementwise
    maps: Mapping[str, MapLayout]


def grouped(layout: MapLayout, **attributes: int | list[int]) -> dict[str, int | list[int]]:
    frequencies = layout.frequencies if layout.is_rows else 0
    return {"x_group": 16, "y_group": 16, "x_frequencies": frequencies, **attributes}


def line_of(layout: MapLayout) -> str:
    return f"input {BATCH} {layout.channels} {layout.height} {layout.width}"


RASTER, POOLED, FEW = pixels(32, 15, 18), pixels(32, 8, 6), rows(32, 16, 24, 6)
WINDOW = {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 0, 1, 0], "dilations": [1, 2]}
OTHERS = [
    Other(
        "max-pool",
        Node("SpatialMaxPool", grouped(RASTER, **WINDOW), [line_of(RASTER)]),
        MaxPool(RASTER, POOLED, (3, 2), (2, 3), (1, 0), (1, 2)),
        {"x": RASTER, "y": POOLED},
    ),
    Other(
        "average-of-pixels",
        Node("SpatialGlobalAveragePool", grouped(RASTER), [line_of(RASTER)]),
        GlobalAveragePool(RASTER, pixels(32, 1, 1)),
        {"x": RASTER, "y": pixels(32, 1, 1)},
    ),
    Other(
        "to-pixels",
        Node("ToSpatial", grouped(FEW, block=8), [line_of(FEW), "input 1", "input 1"]),
        Elementwise(FEW, MapLayout.whole(32, 16, 24, 8)),
        {"x": FEW, "y": pixels(32, 16, 24)},
    ),
]


@pytest.mark.parametrize("case", OTHERS, ids=[case.name for case in OTHERS])
def test_other_launches_are_those_of_python(case: Other, folder: Path) -> None:
    path, cubins = cubins_of(folder)
    _, (done,) = run(folder, path, [case.node])
    assert not done.refused
    (launched,) = done.launches
    cubin = cubins[launched.shared]
    launch = case.spec.launch(BATCH, FLOAT32, Tiling(64, 32, 16))
    own = [constant.partition("=")[0] for constant in cubin.constants.split(" ")]
    assert (cubin.kernel, launched.grid) == (launch.kernel, launch.grid)
    assert cubin.constants == constants_text({name: launch.constants[name] for name in own})
    expected = dict(launch.numbers)
    for name, layout in case.maps.items():
        expected |= in_groups(layout, name)
    found = launched.arguments(cubin)
    integers = {name: found[name] for name, kind in cubin.parameters if kind == "i32"}
    assert integers == {name: expected[name] for name in integers}
    assert (found["x"], found["y"]) == (done.memory["input 0"], done.memory["output 0"])
    for name, matrix in case.spec.matrices.items():
        values = done.copied[found[name]]
        np.testing.assert_allclose(values, matrix.values().reshape(-1), atol=6e-8, err_msg=name)


def test_the_mean_of_few_coefficients_is_that_of_the_first(folder: Path) -> None:
    """Python has no grouped map in rows, so only the strides between tiles are compared."""
    path, cubins = cubins_of(folder)
    attributes = grouped(FEW, input_block=8, output_block=1)
    inputs = [line_of(FEW), *["input 1"] * (len(OPERATORS["JpegGlobalAveragePool"].inputs) - 1)]
    _, (done,) = run(folder, path, [Node("JpegGlobalAveragePool", attributes, inputs)])
    assert not done.refused
    (launched,) = done.launches
    found = launched.arguments(cubins[launched.shared])
    assert (found["height"], found["width"], found["divisor"]) == (2, 3, 2 * 3 * 8)
    assert (found["x_pixel"], found["x_row"]) == (FEW.kept * 16, 3 * FEW.kept * 16)
    assert (found["x_group"], found["x_image"]) == (6 * FEW.kept * 16, 2 * 6 * FEW.kept * 16)


def test_the_tiling_that_keeps_a_chip_busy_is_taken(tmp_path: Path) -> None:
    """Few rows use small tiles, for more multiprocessors. Many rows use large tiles."""
    cubins = list(all_cubins(tilings=((64, 32, 16), (128, 64, 16))))
    write_cubins(tmp_path / "made", cubins)
    layers = [
        Layer("small", Convolution(*spatial(32, 64, (7, 7), (7, 7)))),
        Layer("large", Convolution(*spatial(32, 64, (112, 112), (112, 112)))),
    ]
    _, runs = run(tmp_path, tmp_path / "made", [layer.node() for layer in layers])
    assert convolved(runs[0]).grid == (2, 2, 1)
    assert convolved(runs[1]).grid == (196, 1, 1)


def test_products_of_tensor_cores_are_preferred(tmp_path: Path) -> None:
    exact = list(all_cubins())
    fast_shared = 128 << 10
    assert max(cubin.shared for cubin in exact) < fast_shared
    fast = [c for c in all_cubins(precision=TF32X3, least_shared=fast_shared) if "conv_" in c.entry]
    for cubins, is_fast in ((exact, False), ([*exact, *fast], True)):
        write_cubins(tmp_path / "made", cubins)
        _, (done,) = run(tmp_path, tmp_path / "made", [LAYERS[0].node()])
        assert (convolved(done).shared >= fast_shared) == is_fast


def test_kernels_that_take_more_than_a_chip_has_are_left_out(tmp_path: Path) -> None:
    # The replacement of the device has 227 KB.
    large = [c for c in all_cubins(least_shared=228 << 10) if "conv_" in c.entry]
    rest = [c for c in all_cubins() if "conv_" not in c.entry]
    write_cubins(tmp_path / "made", [*large, *rest])
    _, (done,) = run(tmp_path, tmp_path / "made", [LAYERS[0].node()])
    assert "does not contain conv.triton:conv_pixels with " in done.refused
