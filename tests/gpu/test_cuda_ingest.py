"""The native library's ingest on CUDA launches the same kernels as Python.

Triton's interpreter replays the launches, and the results are compared with float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.cuda_files import BATCH, Files
from support.cuda_launches import Given, Node, numbers
from support.cuda_replay import Made, Order, made_by, replayed, require_same
from support.gpu_maps import Doubles, largest_error
from support.tiers import thorough

from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.frequencies import keep_band
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import RELU
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.subsampling import SUBSAMPLINGS, frame_of
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.kernels.ingest.launch import SIDE, Ingest
from jpegcompile.operators.first_convolution import first_convolution_name
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.precision import FLOAT32

TILING = (64, 32, 16)
# Sums of at most 32 x 32 products with 24 bits, of matrices with 24 bits.
ALLOWED = 4e-6


@dataclass(frozen=True)
class Case:
    """An ingest node, and its result in float64."""

    name: str
    files: Files
    node: Node
    y: Order
    meant: Callable[[], Doubles]


def ingest_case(name: str, files: Files) -> Case:
    node = Node(files.op, {"block": files.block, "to": 1}, files.inputs())
    return Case(name, files, node, Order(), files.meant)


def conv_case(
    files: Files,
    conv: str,
    kernel: tuple[int, int],
    y: Order,
    stride: int = 1,
    frequencies: int = 0,
) -> Case:
    """Return a first convolution to 16 channels with padding; the slopes of PRelu are 0.25."""
    op = first_convolution_name(files.op, conv)
    pads = (kernel[0] // 2, kernel[1] // 2)
    given = {
        "weight": numbers(1, 16, 3, *kernel),
        "bias": numbers(2, 16),
        "slope": np.full((1,), 0.25, np.float32),
    }
    size = [(side - 1) // stride + 1 for side in files.frame.size]
    known = len(files.inputs())
    names = [operand.name for operand in OPERATORS[op].inputs][known:]
    inputs: list[str | Given] = [
        Given(given[name], is_constant=True) if name in given else "input 1" for name in names
    ]
    if frequencies:
        inputs[names.index("band")] = f"band {size[0]} {size[1]} {y.block} {frequencies}"
    attributes: dict[str, Any] = {
        "block": files.block,
        "to": 1,
        "output_block": y.block,
        "y_group": y.group,
        "y_frequencies": y.frequencies,
        "group": 1,
        "strides": [stride] * 2,
        "pads": [*pads, *pads],
        "dilations": [1, 1],
    }

    def meant() -> Doubles:
        made = torch.nn.functional.conv2d(
            torch.from_numpy(files.meant(1)),
            torch.from_numpy(given["weight"]).double(),
            torch.from_numpy(given["bias"]).double(),
            stride,
            pads,
        ).numpy()
        slope = {"PRelu": 0.25, "Relu": 0.0}.get(OPERATORS[op].activation, 1.0)
        blocks = to_jpeg(np.where(made > 0, made, slope * made), y.block)
        return keep_band(blocks, y.block, frequencies or 2 * y.block - 1)

    node = Node(op, attributes, [*files.inputs(), *inputs])
    return Case(f"{op}-{kernel[0]}x{kernel[1]}", files, node, y, meant)


COLORED, GRAY = Files(frame_of("4:2:0", 24, 40)), Files(frame_of("gray", 16, 24))
_ALL = [
    *(ingest_case(name, Files(frame_of(name, 40, 56))) for name in SUBSAMPLINGS),
    ingest_case("rgb", Files(Frame(24, 40, ((1, 1),) * 3, "rgb"))),
    ingest_case("odd-pixels", Files(frame_of("4:2:0", 19, 45), block=1)),
    ingest_case("blocks-of-4", Files(frame_of("4:2:2", 20, 44), block=4)),
    ingest_case("computed", Files(frame_of("4:2:0", 24, 40), are_constant=False)),
    ingest_case("many-steps", Files(frame_of("4:2:0", 24, 96), block=1, are_dense=True)),
    ingest_case("tables", Files(frame_of("4:2:0", 16, 16), tables=(2, 0, 1))),
    ingest_case("table-of-three", Files(frame_of("gray", 16, 16), tables=(2,))),
    conv_case(COLORED, "JpegConvRelu", (3, 3), Order(16, 8)),
    conv_case(COLORED, "JpegConvReluTruncate", (3, 3), Order(16, 8, 6), frequencies=6),
    conv_case(replace(COLORED, block=1), "SpatialConv", (7, 7), Order(), stride=2),
    conv_case(COLORED, "SpatialConvRelu", (1, 17), Order(16)),
    conv_case(GRAY, "JpegConvPRelu", (3, 3), Order(1, 4), stride=2),
]
CASES = {case.name: case for case in _ALL}
CONVOLUTIONS = [name for name in CASES if "Conv" in name]
# Many programs, each interpreted for milliseconds.
LONG = ("many-steps", "JpegIngestSpatialConv-7x7", "JpegIngestSpatialConvRelu-1x17")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Record the launches of all cases in one process."""
    folder = tmp_path_factory.mktemp("ingest")
    all_made = made_by(folder, [case.node for case in CASES.values()], (TILING,))
    return dict(zip(CASES, all_made, strict=True))


def _error(case: Case, made: Made) -> float:
    assert not made.done.refused
    expected = case.meant()
    assert made.done.made == expected.shape
    memory = replayed(made.done, made.cubins, case.files.on_device)
    return largest_error(case.y.decoded(memory, expected.shape), expected)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[thorough] * (name in LONG)) for name in CASES]
)
def test_launches_make_what_the_operator_means(name: str, made: dict[str, Made]) -> None:
    # A convolution also sums 7 x 7 pixels of three channels, and its transform 8 x 8.
    allowed = 4 * ALLOWED if name in CONVOLUTIONS else ALLOWED
    assert _error(CASES[name], made[name]) < allowed


@pytest.mark.parametrize("argument", ["mixing", "chroma_columns"])
def test_a_wrong_factor_is_found(argument: str, made: dict[str, Made]) -> None:
    faulty = made["computed"].scaled("ingest", argument, 1 + 1e-4)
    assert _error(CASES["computed"], faulty) > 10 * ALLOWED


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_an_image_is_launched_as_by_python(name: str, made: dict[str, Made]) -> None:
    """Images have four channels in memory, or 16 if the window is too wide."""
    files, done = CASES[name].files, made[name].done
    image = MapLayout(3, *files.frame.size, thin=0 if name.endswith("1x17") else 4)
    spec = Ingest(image, files.frame, files.taken)
    launched, cubin = made[name].launched("ingest")
    require_same(launched, cubin, spec.launch(BATCH, FLOAT32, spec.default_tiling(FLOAT32)))
    # The convolution reads the output of the ingest.
    convolved = done.launches[1]
    reads = convolved.arguments(made[name].cubins[convolved.shared])["x"]
    assert reads == launched.arguments(cubin)["y"]


@pytest.mark.parametrize("name", [name for name in SUBSAMPLINGS if name != "gray"])
def test_bands_are_the_matrices_of_the_node(name: str, made: dict[str, Made]) -> None:
    done, given = made[name].done, CASES[name].files.given
    launched, cubin = made[name].launched("ingest")
    found = launched.arguments(cubin)
    for plane, side in product(("luma", "chroma"), ("row", "column")):
        matrix = given[f"{plane}_{side}s"]
        starts = done.copied[found[f"{plane}_{side}_starts"]].view(np.int32)
        values = done.copied[found[f"{plane}_{side}s"]].reshape(len(starts) * SIDE, -1)
        dense = dense_of(values, starts, matrix if side == "row" else matrix.T)
        # Entries that are only rounding errors are removed.
        np.testing.assert_allclose(dense, matrix if side == "row" else matrix.T, atol=1e-12)


def dense_of(
    band: NDArray[np.float32], starts: NDArray[np.int32], matrix: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the dense matrix of a band, and check that it has no entries outside `matrix`."""
    outputs, inputs = matrix.shape
    dense = np.zeros((len(band), inputs + band.shape[1]), np.float32)
    for output, row in enumerate(band):
        start = starts[output // SIDE]
        dense[output, start : start + len(row)] = row
    assert not dense[outputs:].any()
    assert not dense[:, inputs:].any()
    return dense[:outputs, :inputs]


def test_a_convolution_of_a_thin_image_is_that_of_python(made: dict[str, Made]) -> None:
    x, y = MapLayout(3, 24, 40, thin=4), MapLayout.whole(16, 24, 40, 8)
    conv = Convolution(x, replace(y, is_rows=True), (3, 3), pads=(1, 1), program=RELU)
    launch = conv.launch(BATCH, FLOAT32, Tiling(*TILING))
    # Coefficients are at their positions in the map.
    at_places = replace(launch, constants={**launch.constants, "Y_ROWS": 0})
    launched, cubin = made["JpegIngestConvRelu-3x3"].launched("conv_thin")
    require_same(launched, cubin, at_places, "y_")


def test_other_numbers_of_components_are_refused(tmp_path: Path) -> None:
    files = Files(frame_of("gray", 16, 16))
    changed: dict[str, NDArray[Any]] = {
        "luma": np.zeros((BATCH, 2, 2, 2, 8, 8), np.int16),
        "luma_index": np.zeros(2, np.int64),
        "mixing": np.ones((3, 2, 1, 1), np.float32),
    }
    inputs = files.inputs()
    for place, operand in enumerate(OPERATORS[files.op].inputs):
        if operand.name in changed:
            inputs[place] = Given(changed[operand.name])
    (made,) = made_by(tmp_path, [Node(files.op, {"block": 8}, inputs)])
    assert made.done.refused.startswith(
        "JpegIngestGray 'a node': coefficients of shape [2,2,2,2,8,8]"
    )
    assert made.done.refused.endswith("must have 1")
