"""The native library launches the same per-pixel functions and arithmetic as Python.

Maps are in the grouped layout, in which both have the same strides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cuda_launches import Attribute, Node, Run, in_groups, numbers, run
from support.made_cubins import all_cubins

from jpegcompile.gpu.cubin_file import StoredCubin, constants_text, write_cubins
from jpegcompile.gpu.functions import function_program
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import (
    ADD,
    AFFINE,
    ASM_PRELU,
    MULTIPLY,
    PRELU,
    SCALE,
    SCALE_ADD_RELU,
    SMALLER,
    Program,
    guarded,
    of_approximation,
    parse,
)
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.operators.pixelwise import FUNCTIONS
from jpegcompile.precision import FLOAT32

BATCH, CHANNELS = 2, 32
PIXELS = MapLayout(CHANNELS, 16, 24)
RASTER = MapLayout.whole(CHANNELS, 16, 24, 8)
FEW = MapLayout(CHANNELS, 16, 24, 8, 6, is_rows=True)
POINT = MapLayout(CHANNELS, 1, 1)
MATRICES = ["input 1"] * 4
SLOPE = f"input constant {CHANNELS} 1 1"
BAND = "band 16 24 8 5"
# A program that a model defines, and a program without a kernel.
DIVISION = "Neg x\nExp v0\nAdd v1 c0\nDiv x v2"
OWN = guarded(parse(DIVISION, 1))


@dataclass(frozen=True)
class Case:
    """A node and its launch in Python.

    Attributes:
        name: name of the test.
        node: node of a graph.
        spec: kernel that Python launches.
        maps: layouts by argument name.
        constants: compile-time constants that differ from Python, which has no layout for a raster
            of coefficients.
        numbers: numbers that differ from Python.
        table: table of constants for each channel, if there are any.
    """

    name: str
    node: Node
    spec: Elementwise
    maps: Mapping[str, MapLayout]
    constants: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    table: Sequence[Any] = ()


def line_of(layout: MapLayout, images: int = BATCH) -> str:
    return f"input {images} {layout.channels} {layout.height} {layout.width}"


def attributes(block: int, **maps: MapLayout) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {"block": block}
    for name, layout in maps.items():
        found[f"{name}_group"] = 16
        found[f"{name}_frequencies"] = layout.frequencies if layout.is_rows else 0
    return found


def row(index: int) -> Any:
    return numbers(index, CHANNELS)


def function_case(name: str, **given: float | str) -> Case:
    """Return a case of a named function of pixels."""
    spec = Elementwise(PIXELS, PIXELS, function_program(name, given))
    named = {**FUNCTIONS.get(name, {}), **given}
    node = Node(
        f"Jpeg{name}",
        {**attributes(1, x=PIXELS, y=PIXELS), **named},
        [line_of(PIXELS), *MATRICES],
    )
    label = "-".join([name, *map(str, given.values())])
    return Case(label, node, spec, {"x": PIXELS, "y": PIXELS})


def masked_case(op: str, program: Program, table: Sequence[Any]) -> Case:
    """Return a case that reads coefficients in rows and an approximation, and writes a raster."""
    node = Node(op, attributes(8, x=FEW, y=RASTER), [line_of(FEW), BAND, SLOPE, *MATRICES])
    spec = Elementwise(FEW, MapLayout.whole(CHANNELS, 16, 24, 8), program, phi=5)
    changed = {"Y_MIXED": True}
    return Case(op, node, spec, {"x": FEW, "y": RASTER}, changed, {}, table)


def of_few(op: str, program: Program, inputs: Sequence[str], **others: Any) -> Case:
    """Return a case of a linear function that reads and writes coefficients in rows."""
    given = {key: others.pop(key) for key in ("numbers", "table") if key in others}
    node = Node(op, attributes(8, x=FEW, y=FEW), [line_of(FEW), *inputs])
    spec = Elementwise(FEW, FEW, program, is_linear=True, **others)
    return Case(op, node, spec, {"x": FEW, "y": FEW}, {}, **given)


def with_vector(program: Program) -> Program:
    return Program(program.steps, program.constants - 1)


def summed_case() -> Case:
    op, y = "JpegScaleAddReluTruncate", MapLayout(CHANNELS, 16, 24, 8, 5, is_rows=True)
    inputs = [line_of(FEW), f"input {BATCH} {CHANNELS} 1 1", line_of(RASTER), *MATRICES, BAND]
    node = Node(op, attributes(8, x=FEW, residual=RASTER, y=y), inputs)
    spec = Elementwise(FEW, y, with_vector(SCALE_ADD_RELU), RASTER, vector=POINT)
    changed = {"OTHER_MIXED": True}
    return Case(op, node, spec, {"x": FEW, "other": RASTER, "y": y}, changed)


def two_maps_case(op: str, program: Program, images: int) -> Case:
    maps = attributes(1, x=PIXELS, residual=PIXELS, y=PIXELS)
    node = Node(op, maps, [line_of(PIXELS), line_of(PIXELS, images), *MATRICES])
    spec = Elementwise(PIXELS, PIXELS, program, PIXELS, other_is_shared=images == 1)
    changed = {"other_image": 0} if images == 1 else {}
    layouts = {"x": PIXELS, "other": PIXELS, "y": PIXELS}
    return Case(f"{op}-of-{images}", node, spec, layouts, {}, changed)


def program_case() -> Case:
    given = {**attributes(1, x=PIXELS, y=PIXELS), "program": DIVISION}
    node = Node("JpegPointwise_7", given, [line_of(PIXELS), "input constant 1 1 1 1", *MATRICES])
    spec = Elementwise(PIXELS, PIXELS, OWN)
    table = [np.full(CHANNELS, numbers(1, 1)[0]), np.ones(CHANNELS)]
    return Case("program", node, spec, {"x": PIXELS, "y": PIXELS}, {}, {}, table)


VECTOR = f"input {BATCH} {CHANNELS} 1 1"
CASES = [
    *map(function_case, FUNCTIONS),
    function_case("Silu"),
    function_case("Gelu", approximate="tanh"),
    function_case("HardSigmoid", alpha=float(np.float32(1 / 6))),
    masked_case("JpegAsmPRelu", ASM_PRELU, [row(2), np.zeros(CHANNELS)]),
    masked_case("JpegApxPRelu", of_approximation(PRELU), [row(2)]),
    of_few("JpegScale", with_vector(SCALE), [VECTOR], vector=POINT),
    of_few("JpegAdd", with_vector(ADD), [SLOPE, "input 1"], vector=POINT,
           numbers={"vector_image": 0}),
    of_few("JpegBatchNormalization", AFFINE, [SLOPE, "input constant 1", "input 1"],
           table=[row(1), np.full(CHANNELS, numbers(2, 1)[0])]),
    summed_case(),
    two_maps_case("JpegMul", MULTIPLY, BATCH),
    two_maps_case("JpegMin", SMALLER, 1),
    program_case(),
]  # fmt: skip
Made = tuple[Path, list[Run], dict[int, StoredCubin]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("functions")
    cubins = list(all_cubins(programs=[OWN]))
    write_cubins(folder / "made", cubins)
    _, runs = run(folder, folder / "made", [case.node for case in CASES])
    return folder / "made", runs, {cubin.shared: cubin for cubin in cubins}


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])
def test_a_launch_is_that_of_python(index: int, made: Made) -> None:
    case, done = CASES[index], made[1][index]
    assert not done.refused
    (launched,) = done.launches
    cubin = made[2][launched.shared]
    launch = case.spec.launch(BATCH, FLOAT32, Tiling(64, 32, 16))
    own = [constant.partition("=")[0] for constant in cubin.constants.split(" ")]
    constants = {**launch.constants, **case.constants}
    assert cubin.constants == constants_text({name: constants[name] for name in own})
    assert (cubin.kernel, launched.grid) == (launch.kernel, launch.grid)
    expected = {**launch.numbers, "log_block": 3 if case.node.attributes["block"] == 8 else 0}
    for name, layout in case.maps.items():
        expected |= in_groups(layout, name)
    expected |= case.numbers
    found = launched.arguments(cubin)
    integers = {name: found[name] for name, kind in cubin.parameters if kind == "i32"}
    assert integers == {name: expected[name] for name in integers}
    _check_memory(case, done, found)


def _check_memory(case: Case, done: Run, found: Mapping[str, int]) -> None:
    assert (found["x"], found["y"]) == (done.memory["input 0"], done.memory["output 0"])
    if case.table:
        table = np.concatenate(case.table).astype(np.float32)
        np.testing.assert_array_equal(done.copied[found["constants"]], table)
    vector = case.spec.vector is not None
    assert found["vector"] == (done.memory["input 1"] if vector else found["y"])
    for name, matrix in case.spec.matrices.items():
        values = done.copied[found[name]]
        np.testing.assert_allclose(values, matrix.values().reshape(-1), atol=6e-8, err_msg=name)


def test_programs_are_registered_only_where_there_are_kernels_of_some(tmp_path: Path) -> None:
    write_cubins(tmp_path / "made", all_cubins())
    with pytest.raises(AssertionError, match="JpegPointwise_7 has no kernel for CUDA"):
        run(tmp_path, tmp_path / "made", [CASES[-1].node])


@pytest.mark.parametrize(
    ("node", "steps"),
    [
        (
            Node(
                "JpegPointwise_1",
                {**attributes(1, x=PIXELS, y=PIXELS), "program": "Mul x c0\nElu v0 0.5"},
                [line_of(PIXELS), "input constant 1 1 1 1", *MATRICES],
            ),
            "Mul; Elu 0.5",
        ),
        (function_case("HardSigmoid", alpha=0.5, beta=0.25).node, "HardSigmoid 0.5 0.25"),
    ],
    ids=["program", "attributes"],
)
def test_a_function_without_a_kernel_is_refused_with_the_session(
    node: Node, steps: str, made: Made, tmp_path: Path
) -> None:
    path, *_ = made
    _, (done,) = run(tmp_path, path, [node])
    assert done.refused == (
        f"{node.op} 'a node': {path}: does not contain the function '{steps}'; compile the "
        "kernels of this model, or run the model on the CPU"
    )


@pytest.mark.parametrize("shape", [(CHANNELS, 16, 24), (BATCH, CHANNELS, 1, 1)], ids=str)
def test_numbers_that_vary_within_a_channel_are_for_the_cpu(
    shape: tuple[int, ...], made: Made, tmp_path: Path
) -> None:
    path, *_ = made
    slope = "input " + " ".join(map(str, shape))
    node = Node("JpegPRelu", attributes(8, x=RASTER, y=RASTER), [line_of(RASTER), slope, *MATRICES])
    _, (done,) = run(tmp_path, path, [node])
    text = "[" + ",".join(map(str, shape)) + "]"
    assert done.refused == (
        f"JpegPRelu 'a node': slope of shape {text} varies within a channel or image, which GPU "
        "kernels do not support; run the model on the CPU"
    )
