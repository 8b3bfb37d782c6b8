"""Files that the native library takes in on CUDA: its launches are those of Python, and compute
what operators mean.

Triton's interpreter replays the launches, and results are compared with float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.cuda_files import BATCH, Files
from support.cuda_launches import Given, Launched, Node, Run, numbers, run
from support.cuda_replay import Order, constants_of, replayed
from support.gpu_maps import Doubles, largest_error
from support.made_cubins import all_cubins

from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.frequencies import keep_band
from jpegcompile.gpu.cubin_file import StoredCubin, write_cubins
from jpegcompile.gpu.launch import Launch, Tiling
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
    """A node of files, and what it computes of them in float64."""

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
    """A first convolution to 16 channels, with padding; PRelu has the slopes 0.25."""
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


COLORED, GREY = Files(frame_of("4:2:0", 24, 40)), Files(frame_of("gray", 16, 24))
CASES = [
    *(ingest_case(name, Files(frame_of(name, 40, 56))) for name in SUBSAMPLINGS),
    ingest_case("rgb", Files(Frame(24, 40, ((1, 1),) * 3, "rgb"))),
    ingest_case("odd-pixels", Files(frame_of("4:2:0", 19, 45), block=1)),
    ingest_case("blocks-of-4", Files(frame_of("4:2:2", 20, 44), block=4)),
    ingest_case("computed", Files(frame_of("4:2:0", 24, 40), are_constant=False)),
    ingest_case("tables", Files(frame_of("4:2:0", 16, 16), tables=(2, 0, 1))),
    ingest_case("table-of-three", Files(frame_of("gray", 16, 16), tables=(2,))),
    conv_case(COLORED, "JpegConvRelu", (3, 3), Order(16, 8)),
    conv_case(COLORED, "JpegConvReluTruncate", (3, 3), Order(16, 8, 6), frequencies=6),
    conv_case(replace(COLORED, block=1), "SpatialConv", (7, 7), Order(), stride=2),
    conv_case(COLORED, "SpatialConvRelu", (1, 17), Order(16)),
    conv_case(GREY, "JpegConvPRelu", (3, 3), Order(1, 4), stride=2),
]
NAMES = [case.name for case in CASES]
Made = tuple[list[Run], dict[int, StoredCubin]]


@cache
def made_in(folder: Path) -> Made:
    """What every case launches, in one process."""
    cubins = list(all_cubins(tilings=(TILING,)))
    write_cubins(folder / "made", cubins)
    _, runs = run(folder, folder / "made", [case.node for case in CASES])
    return runs, {cubin.shared: cubin for cubin in cubins}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made_in(tmp_path_factory.mktemp("ingest"))


def _error(case: Case, done: Run, cubins: dict[int, StoredCubin]) -> float:
    assert not done.refused
    expected = case.meant()
    assert done.made == expected.shape
    memory = replayed(done, cubins, case.files.on_device)
    return largest_error(case.y.decoded(memory, expected.shape), expected)


@pytest.mark.parametrize("index", range(len(CASES)), ids=NAMES)
def test_launches_make_what_the_operator_means(index: int, made: Made) -> None:
    # A convolution sums 7 x 7 pixels of three channels on top, and its transform 8 x 8.
    allowed = ALLOWED if "Conv" not in CASES[index].name else 4 * ALLOWED
    assert _error(CASES[index], made[0][index], made[1]) < allowed


@pytest.mark.parametrize("argument", ["mixing", "chroma_columns"])
def test_a_wrong_factor_is_found(argument: str, made: Made) -> None:
    case = ingest_case("faulty", COLORED)
    place = NAMES.index("computed")
    done, cubins = made[0][place], made[1]
    (launched,) = done.launches
    address = launched.arguments(cubins[launched.shared])[argument]
    faulty = {**done.copied, address: done.copied[address] * np.float32(1 + 1e-4)}
    wrong = replace(done, copied=faulty)
    assert _error(case, wrong, cubins) > 1e-5


def launched_by(case: str, kernel: str, made: Made) -> tuple[Launched, StoredCubin]:
    (one,) = [one for one in made[0][NAMES.index(case)].launches if one.entry == kernel]
    return one, made[1][one.shared]


def _check(launched: Launched, cubin: StoredCubin, launch: Launch) -> None:
    """The same kernel on as much, with the same numbers and constants."""
    assert (cubin.kernel, launched.grid) == (launch.kernel, launch.grid)
    constants = constants_of(cubin.constants)
    assert constants == {name: launch.constants[name] for name in constants}
    found = launched.arguments(cubin)
    integers = {name: found[name] for name, kind in cubin.parameters if kind == "i32"}
    assert integers == {name: launch.numbers[name] for name in integers}


@pytest.mark.parametrize("case", [c for c in CASES if "Conv" in c.name], ids=lambda c: c.name)
def test_an_image_is_launched_as_python_does(case: Case, made: Made) -> None:
    """Thin, but where the window is too wide: then channels are filled up to 16."""
    image = MapLayout(3, *case.files.frame.size, thin=0 if "1x17" in case.name else 4)
    spec = Ingest(image, case.files.frame, case.files.taken)
    launched, cubin = launched_by(case.name, "ingest", made)
    _check(launched, cubin, spec.launch(BATCH, FLOAT32, spec.default_tiling(FLOAT32)))
    # The convolution reads what the ingest makes.
    convolved = made[0][NAMES.index(case.name)].launches[1]
    reads = convolved.arguments(made[1][convolved.shared])["x"]
    assert reads == launched.arguments(cubin)["y"]


@pytest.mark.parametrize("name", [name for name in SUBSAMPLINGS if name != "gray"])
def test_bands_are_those_of_python(name: str, made: Made) -> None:
    """Of pixels: the same windows, and the same matrices in them but for rounding."""
    case = ingest_case(name, Files(frame_of(name, 40, 56)))
    done = made[0][NAMES.index(name)]
    launched, cubin = launched_by(name, "ingest", made)
    found, given = launched.arguments(cubin), case.files.given
    for plane in ("luma", "chroma"):
        for side in ("row", "column"):
            matrix = given[f"{plane}_{side}s"]
            matrix = matrix if side == "row" else matrix.T
            values = done.copied[found[f"{plane}_{side}s"]]
            starts = done.copied[found[f"{plane}_{side}_starts"]].view(np.int32)
            window = len(values) // (len(starts) * SIDE)
            band = values.reshape(-1, window)
            assert not band[len(matrix) :].any()
            for output, row in enumerate(matrix):
                start = starts[output // SIDE]
                dense = np.zeros(len(row) + window, np.float32)
                dense[start : start + window] = band[output]
                # Entries that rounding leaves are left out.
                np.testing.assert_allclose(dense[: len(row)], row, atol=1e-12)
                assert not dense[len(row) :].any()


def test_a_convolution_of_a_thin_image_is_that_of_python(made: Made) -> None:
    x, y = MapLayout(3, 24, 40, thin=4), MapLayout(16, 24, 40, 8, is_rows=True)
    conv = Convolution(x, y, (3, 3), pads=(1, 1), program=RELU)
    launch = conv.launch(BATCH, FLOAT32, Tiling(*TILING))
    launched, cubin = launched_by("JpegIngestConvRelu-3x3", "conv_thin", made)
    assert (cubin.kernel, launched.grid) == (launch.kernel, launch.grid)
    found = launched.arguments(cubin)
    for name in ("rows", "height", "width", "kernel_h", "stride_h", "pad_h", "log_block"):
        assert found[name] == launch.numbers[name], name


def test_other_numbers_of_components_are_refused(made: Made, tmp_path: Path) -> None:
    files = Files(frame_of("gray", 16, 16))
    given = dict(files.given)
    luma = np.zeros((BATCH, 2, 2, 2, 8, 8), np.int16)
    given |= {"luma": luma, "luma_index": np.zeros(2, np.int64)}
    given["mixing"] = np.ones((3, 2, 1, 1), np.float32)
    inputs = [
        "index 1" if o.name.endswith("shape") else Given(given[o.name]) if o.name in given
        else "input 1"
        for o in OPERATORS[files.op].inputs
    ]  # fmt: skip
    write_cubins(tmp_path / "made", made[1].values())
    _, (done,) = run(tmp_path, tmp_path / "made", [Node(files.op, {"block": 8}, inputs)])
    assert done.refused == (
        "JpegIngestGray 'a node': coefficients of shape [2,2,2,2,8,8] have 2 components,"
        " on CUDA they must have 1"
    )
