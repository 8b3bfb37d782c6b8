"""When the native library finds kernels for CUDA, and its messages if it does not."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.ahead_of_time import compiled
from support.cuda_launches import Node, run
from support.made_cubins import all_cubins, elf, stored, write
from support.native import library

from jpegcompile.gpu.cubin_file import StoredCubin, read_cubins, write_cubins

RELU = Node("JpegRelu", {"block": 8, "x_group": 16, "y_group": 16}, ["input 1 16 8 8"])
MATRICES = ["input 1"] * 4
# Writes the kernels of a copy from NCHW and of a ReLU on a raster of coefficients.
COMPILE = """
import sys
from dataclasses import replace
from jpegcompile.gpu.aot import compile_launch
from jpegcompile.gpu.cubin_file import write_cubins
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import RELU
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.layout.launch import FromPlanes
from jpegcompile.precision import FLOAT32
x = MapLayout.whole(16, 8, 8, 8)
relu = Elementwise(x, x, RELU)
launch = relu.launch(1, FLOAT32, relu.default_tiling(FLOAT32))
constants = {**launch.constants, "X_MIXED": True, "Y_MIXED": True}
launches = replace(launch, constants=constants), FromPlanes(x).launch(1, FLOAT32, Tiling(64, 32))
write_cubins(sys.argv[1], [compile_launch(one, 90).stored for one in launches])
"""


@pytest.fixture(scope="module")
def cubins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cubins") / "made"
    write(path)
    return path


def one() -> StoredCubin:
    return stored("layout.triton:to_planes", {"BM": 64, "BN": 32}, 90)


def status_of(folder: Path, content: bytes) -> str:
    path = folder / "file"
    path.write_bytes(content)
    status, _ = run(folder, path)
    return status.replace(str(path), "FILE")


def content_of(folder: Path, *cubins: StoredCubin) -> bytes:
    write_cubins(folder / "whole", cubins)
    return (folder / "whole").read_bytes()


def test_kernels_are_there(cubins: Path, tmp_path: Path) -> None:
    status, _ = run(tmp_path, cubins)
    assert status == f"CUDA: sm_90, driver 13.1, kernels in {cubins}"


def test_code_for_earlier_chips_of_major_8_runs_on_later_ones(tmp_path: Path) -> None:
    write(tmp_path / "made", arch=80)
    status, _ = run(tmp_path, tmp_path / "made", JPEGCOMPILE_STAND_IN_ARCH="89")
    assert status.startswith("CUDA: sm_80,")
    status, _ = run(tmp_path, tmp_path / "made", JPEGCOMPILE_STAND_IN_ARCH="90")
    assert status == (
        f"no CUDA: {tmp_path / 'made'}: contains kernels for sm_80, the device is sm_90; "
        "compile the kernels for it"
    )


def test_code_of_other_chips_does_not_run(cubins: Path, tmp_path: Path) -> None:
    status, _ = run(tmp_path, cubins, JPEGCOMPILE_STAND_IN_ARCH="100")
    assert "kernels for sm_90, the device is sm_100" in status


def test_no_driver(cubins: Path, tmp_path: Path) -> None:
    status, _ = run(tmp_path, cubins, JPEGCOMPILE_LIBCUDA="/no/libcuda.so.1")
    assert status == (
        "no CUDA: the CUDA driver cannot be opened: /no/libcuda.so.1: cannot open shared object"
        " file: No such file or directory"
    )


def test_another_library_is_no_driver(cubins: Path, tmp_path: Path) -> None:
    status, _ = run(tmp_path, cubins, JPEGCOMPILE_LIBCUDA=str(library()))
    assert status == "no CUDA: the CUDA driver has no cuGetErrorName; update the driver"


def test_no_device(cubins: Path, tmp_path: Path) -> None:
    status, _ = run(tmp_path, cubins, JPEGCOMPILE_STAND_IN_ARCH="0")
    assert status == (
        "no CUDA: the CUDA driver rejected cuInit: CUDA_ERROR_NO_DEVICE (words of the stand-in)"
    )


def test_no_file_beside_the_library(tmp_path: Path) -> None:
    status, _ = run(tmp_path, "")
    beside = library().parent / "jpegcompile.cubins"
    assert status == f"no CUDA: {beside}: cannot read compiled kernels; check the path"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda c: b"x" + c, "not a file of compiled kernels"),
        (lambda c: c.replace(b"cubins 1 ", b"cubins 2 "), "not a file of compiled kernels"),
        (lambda c: c[:40], "it ends within its index"),
        (lambda c: c[:-1], "it ends within the code of layout.triton:to_planes for sm_90"),
        (lambda c: c.replace(b"cubins 1 ", b"cubins 1 x"), "its index's size is 'x"),
        (lambda c: c.replace(b"\n90\t", b"\n9x\t"), "an architecture is '9x'"),
        (lambda c: c.replace(b"BM=64", b"BM=6 "), "a constant is ''"),
        (lambda c: c.replace(b"BM=64", b"BN=64"), "the constant 'BN' is duplicated"),
        (lambda c: c.replace(b"BM=64", b"BM=-4"), "the constant 'BM' is not a positive number"),
        (lambda c: c.replace(b"x:*fp32", b"x=*fp32"), "a parameter is 'x=*fp32'"),
        (lambda c: c.replace(b"x:*fp32 y", b"y:*fp32 y"), "the parameter 'y' of "),
        (lambda c: c.replace(b"plane:i32", b"plane:i3x"), "a parameter is 'plane:i3x'"),
        (lambda c: c.replace(b"plane:i32", b"plane:i64"), "has 4 bytes, but its type is i64"),
        (lambda c: c.replace(b"plane:i32", b"plan:i32"), "its index does not end"),
        (lambda c: c.replace(b"\t4\t", b"\t0\t"), "a number of warps is '0'"),
        (lambda c: c.replace(b"\t4\t", b"\t\t4"), "a number of warps is ''"),
        (lambda c: c.replace(b"\tto_planes\t", b"\tto_planez\t"), "it has no kernel to_planez"),
        (lambda c: c[:-1] + b"!", "the code of layout.triton:to_planes for sm_90 does not match"),
        (lambda c: c.replace(b"ELF", b"ELV"), "the code of layout.triton:to_planes"),
    ],
)
def test_damaged_files(change: object, cause: str, tmp_path: Path) -> None:
    content = content_of(tmp_path, one())
    assert callable(change)
    damaged = change(content)
    assert damaged != content
    status = status_of(tmp_path, damaged)
    assert status.startswith("no CUDA: FILE: ")
    assert cause in status
    assert status.endswith("; compile the kernels again")


def test_every_byte_that_is_lost_is_missed(tmp_path: Path) -> None:
    content = content_of(tmp_path, one())
    for length in range(0, len(content), 97):
        assert status_of(tmp_path, content[:length]).startswith("no CUDA: FILE: ")


@pytest.mark.parametrize("sizes", [[8, 8, 4, 4, 4, 4], [8, 8, 4, 4, 4, 4, 8, 8, 8]], ids=len)
def test_a_cubin_of_other_parameters(sizes: list[int], tmp_path: Path) -> None:
    made = one()
    wrong = StoredCubin(**{**vars(made), "code": elf("to_planes", sizes)})
    cause = f"has {len(sizes)} parameters, not 8"
    assert cause in status_of(tmp_path, content_of(tmp_path, wrong))


def test_a_cubin_that_ends_early(tmp_path: Path) -> None:
    made = one()
    for length in range(0, len(made.code), 50):
        short = StoredCubin(**{**vars(made), "code": made.code[:length] + b"\0"})
        status = status_of(tmp_path, content_of(tmp_path, short))
        assert "the cubin is damaged: " in status


def test_a_kernel_that_is_missing_is_told_at_the_call(tmp_path: Path) -> None:
    write_cubins(tmp_path / "few", [c for c in all_cubins() if "elementwise" not in c.kernel])
    node = Node(RELU.op, RELU.attributes, [*RELU.inputs, *MATRICES])
    _, (done,) = run(tmp_path, tmp_path / "few", [node])
    assert done.refused.startswith(
        f"JpegRelu 'a node': {tmp_path / 'few'}: does not contain arithmetic.triton:elementwise "
    )
    assert "PROGRAM=Relu" in done.refused
    assert done.refused.endswith(" for sm_90; compile the kernels again")


def test_the_function_tells_the_status() -> None:
    # Run in a separate process, since the library decides only once.
    code = """
import ctypes, sys
status = ctypes.CDLL(sys.argv[1]).JpegcompileCudaStatus
status.restype = ctypes.c_char_p
print(status(b"").decode())
"""
    command = [sys.executable, "-P", "-c", code, str(library())]
    environment = {**os.environ, "JPEGCOMPILE_LIBCUDA": "/no/driver"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.startswith("no CUDA: the CUDA driver cannot be opened: /no/driver")
    assert hasattr(ctypes.CDLL(str(library())), "JpegcompileOperators")


@pytest.mark.thorough
def test_what_triton_compiles_is_taken(tmp_path: Path) -> None:
    """The library finds the same parameters in a real cubin as in the index."""
    file = tmp_path / "compiled"
    compiled(COMPILE, file)
    status, (done,) = run(
        tmp_path, file, [Node(RELU.op, RELU.attributes, [*RELU.inputs, *MATRICES])]
    )
    assert status == f"CUDA: sm_90, driver 13.1, kernels in {file}"
    (launched,) = done.launches
    (cubin,) = (one for one in read_cubins(file) if "elementwise" in one.kernel)
    assert launched.entry == cubin.entry
    assert (launched.shared, launched.block) == (cubin.shared, 32 * cubin.warps)
    found = launched.arguments(cubin)
    assert (found["rows"], found["channels"], found["log_block"]) == (64, 16, 3)
    assert (found["x"], found["y"]) == (done.memory["input 0"], done.memory["output 0"])
