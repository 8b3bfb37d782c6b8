"""Convolutions that the native library launches on CUDA are those that Python launches.

A map in planes is copied to channels last, where all numbers must be the same. A map in groups of
16 channels, and a compact one, is read and made where it stands, by strides of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from support.cuda_launches import STREAM, Launched, Node, Run, in_groups, numbers, run
from support.made_cubins import Tilings, all_cubins

from jpegcompile.gpu import programs
from jpegcompile.gpu.cubin_file import StoredCubin, constants_text, write_cubins
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.average_pool.launch import GlobalAveragePool
from jpegcompile.kernels.conv.launch import Convolution, packed_weight
from jpegcompile.kernels.max_pool.launch import MaxPool
from jpegcompile.operators.convolution import JPEG_POINTWISE_CONV, SPATIAL_CONV, fused_name
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.precision import FLOAT32, TF32X3

BATCH = 2
ACTIVATIONS: Mapping[str, Program] = {
    "": NOTHING,
    "Relu": programs.RELU,
    "PRelu": programs.PRELU,
    "Clip": programs.CLIP,
}
ONE_TILING: Tilings = ((64, 64, 16),)
TILING = Tiling(64, 64, 16)


@dataclass(frozen=True)
class Layer:
    """A convolution and how its maps stand: in planes, or in groups of channels.

    Attributes:
        name: of the test.
        conv: the convolution, as Python launches it.
        base: of the operator.
        activation: of the operator.
        x_group, residual_group, y_group: channels side by side.
        computed: inputs that are no constants.
    """

    name: str
    conv: Convolution
    base: str = SPATIAL_CONV
    activation: str = ""
    x_group: int = 1
    residual_group: int = 1
    y_group: int = 1
    computed: frozenset[str] = field(default_factory=frozenset)

    def __str__(self) -> str:
        return self.name

    @property
    def is_truncated(self) -> bool:
        return self.conv.y.is_truncated and bool(self.activation)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.conv.y.channels, self.conv.x.channels // self.conv.group, *self.conv.kernel

    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name, in the order of the operator."""
        conv, made = self.conv, self.conv.y
        shapes: dict[str, tuple[int, ...]] = {
            "x": (BATCH, conv.x.channels, conv.x.height, conv.x.width),
            "weight": self.weight_shape,
            "bias": (made.channels,),
            "residual": (BATCH, made.channels, made.height, made.width),
            "slope": (made.channels, 1, 1),
            "low": (1,),
            "high": (1,),
        }
        names = [operand.name for operand in OPERATORS[self.op].inputs]
        return {name: shapes.get(name, (1,)) for name in names}

    @property
    def op(self) -> str:
        has_residual = self.conv.residual is not None
        return fused_name(self.base, has_residual, self.activation, self.is_truncated)

    def node(self) -> Node:
        """The node that stands for it in a compiled file."""
        conv = self.conv
        attributes: dict[str, int | list[int]] = {
            "group": conv.group,
            "strides": list(conv.strides),
            "pads": [*conv.pads, *self._pads_behind()],
            "dilations": list(conv.dilations),
            "block": conv.y.block,
            "input_block": conv.x.block,
            "output_block": conv.y.block,
        }
        maps = {"x": conv.x, "residual": conv.residual, "y": conv.y}
        groups = {"x": self.x_group, "residual": self.residual_group, "y": self.y_group}
        for name, layout in maps.items():
            if layout is not None:
                attributes[f"{name}_group"] = groups[name]
                attributes[f"{name}_frequencies"] = layout.frequencies if layout.is_rows else 0
        lines = []
        for name, shape in self.inputs().items():
            kind = "input" if name in ("x", "residual", *self.computed) else "input constant"
            lines.append(" ".join([kind, *map(str, shape)]))
            if name == "band":
                made = (conv.y.height, conv.y.width, conv.y.block, conv.y.frequencies)
                lines[-1] = " ".join(["band", *map(str, made)])
        return Node(self.op, attributes, lines)

    def _pads_behind(self) -> tuple[int, int]:
        conv = self.conv
        sizes = zip(
            (conv.x.height, conv.x.width),
            (conv.y.height, conv.y.width),
            conv.kernel,
            conv.strides,
            conv.pads,
            conv.dilations,
            strict=True,
        )
        behind = [
            max(0, (out - 1) * step + (taps - 1) * apart + 1 - size - before)
            for size, out, taps, step, before, apart in sizes
        ]
        return behind[0], behind[1]


def pixels(channels: int, height: int, width: int, thin: int = 0) -> MapLayout:
    return MapLayout(channels, height, width, thin=thin)


def rows(channels: int, height: int, width: int, frequencies: int) -> MapLayout:
    return MapLayout(channels, height, width, 8, frequencies, is_rows=True)


def spatial(
    inputs: int, outputs: int, size: tuple[int, int], made: tuple[int, int], thin: int = 0
) -> tuple[MapLayout, MapLayout]:
    return pixels(inputs, *size, thin), pixels(outputs, *made)


X20, Y24 = spatial(20, 24, (14, 18), (14, 18))
LAYERS = [
    Layer("plain", Convolution(X20, Y24, (3, 3), pads=(1, 1))),
    Layer("computed", Convolution(X20, Y24, (3, 3), pads=(1, 1)),
          computed=frozenset(["weight", "bias"])),
    Layer("relu", Convolution(X20, Y24, program=programs.RELU), activation="Relu"),
    Layer("prelu", Convolution(X20, Y24, program=programs.PRELU), activation="PRelu"),
    Layer("computed-slope", Convolution(X20, Y24, program=programs.PRELU), activation="PRelu",
          computed=frozenset(["slope"])),
    Layer("clip", Convolution(X20, Y24, program=programs.CLIP), activation="Clip"),
    Layer("residual", Convolution(X20, Y24, (3, 3), pads=(1, 1), residual=Y24,
                                  program=programs.RELU), activation="Relu"),
    Layer("strides", Convolution(*spatial(20, 40, (15, 17), (8, 6)), (3, 2), (2, 3), (1, 0))),
    Layer("dilations", Convolution(*spatial(32, 16, (12, 14), (12, 14)), (3, 3), (1, 1), (2, 3),
                                   (2, 3))),
    Layer("groups", Convolution(*spatial(32, 48, (14, 14), (7, 7)), (3, 3), (2, 2), (1, 1),
                                group=4)),
    Layer("odd-groups", Convolution(*spatial(24, 36, (6, 6), (6, 6)), (3, 3), pads=(1, 1),
                                    group=3)),
    Layer("depthwise", Convolution(*spatial(130, 130, (6, 6), (6, 6)), (3, 3), pads=(1, 1),
                                   group=130)),
    Layer("few-groups", Convolution(*spatial(130, 260, (6, 6), (6, 6)), (3, 3), pads=(1, 1),
                                    group=65)),
    Layer("thin", Convolution(*spatial(3, 24, (31, 30), (16, 15), 4), (7, 7), (2, 2), (3, 3),
                              program=programs.RELU), activation="Relu"),
    Layer("thin-dilated", Convolution(*spatial(4, 24, (12, 12), (12, 10), 4), (3, 3), pads=(1, 1),
                                      dilations=(1, 2))),
    Layer("thin-groups", Convolution(*spatial(4, 6, (12, 12), (12, 12), 4), (3, 3), pads=(1, 1),
                                     group=2)),
    Layer("wide", Convolution(*spatial(3, 16, (9, 40), (9, 24)), (1, 17))),
    Layer("grouped", Convolution(*spatial(32, 48, (9, 7), (9, 7)), (3, 3), pads=(1, 1)),
          x_group=16, y_group=16),
    Layer("grouped-residual", Convolution(*spatial(32, 48, (9, 7), (9, 7)), (3, 3), pads=(1, 1),
                                          residual=pixels(48, 9, 7)), residual_group=16),
    Layer("to-compact", Convolution(pixels(16, 16, 24), rows(32, 16, 24, 6), (3, 3), pads=(1, 1),
                                    program=programs.RELU), "JpegConv", "Relu", y_group=16),
    Layer("compact-residual", Convolution(pixels(16, 16, 24), rows(32, 16, 24, 6), (3, 3),
                                          pads=(1, 1), residual=rows(32, 16, 24, 8),
                                          program=programs.RELU),
          "JpegConv", "Relu", x_group=16, residual_group=16, y_group=16),
    Layer("on-coefficients", Convolution(rows(32, 16, 24, 6), rows(48, 16, 24, 6)),
          JPEG_POINTWISE_CONV, x_group=16, y_group=16),
    Layer("sum-on-coefficients", Convolution(rows(32, 16, 24, 6), rows(48, 16, 24, 6),
                                             residual=rows(48, 16, 24, 6)),
          JPEG_POINTWISE_CONV, x_group=16, residual_group=16, y_group=16),
    Layer("activated-coefficients", Convolution(rows(32, 16, 24, 9), rows(48, 16, 24, 6), group=2,
                                                residual=rows(48, 16, 24, 9),
                                                program=programs.PRELU),
          JPEG_POINTWISE_CONV, "PRelu", x_group=16, residual_group=16, y_group=16),
]  # fmt: skip


@cache
def cubins_of(folder: Path) -> tuple[Path, dict[int, StoredCubin]]:
    cubins = list(all_cubins(tilings=ONE_TILING))
    write_cubins(folder / "made", cubins)
    return folder / "made", {cubin.shared: cubin for cubin in cubins}


@cache
def runs_of(folder: Path) -> list[Run]:
    """Of all layers, in one process."""
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
    # Which kernel, on how much.
    assert cubin.kernel == launch.kernel
    own = [constant.partition("=")[0] for constant in cubin.constants.split(" ")]
    assert cubin.constants == constants_text({name: launch.constants[name] for name in own})
    assert launched.grid == launch.grid
    assert (launched.block, launched.stream) == (32 * cubin.warps, STREAM)
    # Integers.
    found = launched.arguments(cubin)
    expected = expected_numbers(layer)
    integers = {name: found[name] for name, kind in cubin.parameters if kind == "i32"}
    assert integers == {name: expected[name] for name in integers}
    _check_memory(layer, done, found)
    _check_constants(layer, done, found)


def _check_memory(layer: Layer, done: Run, found: Mapping[str, int]) -> None:
    """Maps in planes are copies; what a launch does not read is y."""
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
    """A node that is no convolution, and its launch by Python.

    Attributes:
        name: of the test.
        node: of a graph; x and y are in groups of channels.
        spec: what Python launches.
        maps: layouts by name, where they have strides of their own.
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
    """In groups of channels, Python has no such map: what leads from tile to tile is compared."""
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
    """Few rows: small tiles, so that more multiprocessors have one. Many rows: large tiles."""
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
    # The stand-in has 227 KB.
    large = [c for c in all_cubins(least_shared=228 << 10) if "conv_" in c.entry]
    rest = [c for c in all_cubins() if "conv_" not in c.entry]
    write_cubins(tmp_path / "made", [*large, *rest])
    _, (done,) = run(tmp_path, tmp_path / "made", [LAYERS[0].node()])
    assert "has no conv.triton:conv_pixels with " in done.refused
