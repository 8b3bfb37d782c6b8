"""Ahead-of-time compilation of kernels: reproducibility and checks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.ahead_of_time import compiled
from support.codes import refused
from support.tiers import thorough

from jpegcompile.errors import AccessError, InternalError, UsageError
from jpegcompile.gpu import aot, disassembly
from jpegcompile.gpu.aot import (
    MORE_REGISTERS,
    Cubin,
    check_limits,
    check_parameters,
    compile_launch,
)
from jpegcompile.gpu.disassembly import Resources, resources
from jpegcompile.gpu.elf import Parameter, kernel_parameters
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import RELU
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.precision import FLOAT16

# Writes the cubin of a convolution of a map of any size, and prints its record.
COMPILE = """
import json, sys
from dataclasses import asdict
from jpegcompile.gpu.aot import compile_launch
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import RELU
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.precision import FLOAT16
_, arch, side, channels, file = sys.argv
x = MapLayout.whole(int(channels), int(side), int(side), 8)
conv = Convolution(x, x, (3, 3), pads=(1, 1), program=RELU)
cubin = compile_launch(conv.launch(int(side), FLOAT16, Tiling(depth=16)), int(arch))
open(file, "wb").write(cubin.code)
print(json.dumps({**asdict(cubin), "code": len(cubin.code)}))
"""
RECORD = Cubin(
    90, "conv.triton:conv_pixels", {}, "conv_pixels", (), 4, 0, 0, Resources(64, 0, 0, 8, 900), b""
)


def compile_in(folder: Path, arch: int, side: int, channels: int) -> tuple[dict[str, Any], bytes]:
    folder.mkdir()
    record = json.loads(compiled(COMPILE, arch, side, channels, folder / "file", folder=folder))
    return record, (folder / "file").read_bytes()


@pytest.fixture(scope="module")
def cubin(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], bytes]:
    return compile_in(tmp_path_factory.mktemp("first") / "folder", 90, 16, 16)


@thorough
def test_one_cubin_serves_all_geometries_and_is_the_same_everywhere(
    cubin: tuple[dict[str, Any], bytes], tmp_path: Path
) -> None:
    _, code = cubin
    _, other = compile_in(tmp_path / "somewhere-else", 90, 56, 80)
    assert hashlib.sha256(other).digest() == hashlib.sha256(code).digest()
    for path in (b"folder", b"somewhere-else", b"triton.py", b".ptx", b".nv_debug", b".debug_line"):
        assert path not in code


def test_the_record_of_a_cubin(cubin: tuple[dict[str, Any], bytes]) -> None:
    record, code = cubin
    assert record["arch"] == 90
    assert record["entry"] == "conv_pixels"
    assert record["constants"]["BK"] == 16
    assert record["warps"] == 4
    assert record["used"]["stack"] == record["used"]["local_instructions"] == 0
    assert record["used"]["tensor_instructions"] > 0
    assert 32 <= record["used"]["registers"] <= 255
    names = [name for name, _ in record["parameters"]]
    assert names[:3] == ["x", "weight", "bias"]
    assert names[-2:] == ["global_scratch", "profile_scratch"]
    types = dict(record["parameters"])
    assert types["bias"] == "*fp32"
    assert types["residual"] == types["x"] == "*fp16"
    assert types["rows"] == "i32"
    found = kernel_parameters(code, "conv_pixels")
    assert [p.ordinal for p in found] == list(range(len(names)))
    assert [p.size for p in found] == [4 if t == "i32" else 8 for t in types.values()]
    assert found[1] == Parameter(1, 8, 8)


def test_a_cubin_without_that_kernel(cubin: tuple[dict[str, Any], bytes]) -> None:
    with refused("cubin-parameters-unreadable", InternalError) as caught:
        kernel_parameters(cubin[1], "none")
    assert "none" in str(caught.value)
    for damaged in (b"", b"text" * 100, cubin[1][:2000]):
        with refused("cubin-parameters-unreadable", InternalError) as caught:
            kernel_parameters(damaged, "conv_pixels")
        assert "conv_pixels" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "chip", "code", "numbers"),
    [
        ({"tensor_columns": 1024}, 90, "kernel-exceeds-tensor-memory", ("1024", "512")),
        ({"shared": 233_000}, 90, "kernel-exceeds-shared-memory", ("233000", "232448")),
        ({"shared": 102_400}, 89, "kernel-exceeds-shared-memory", ("102400", "101376")),
        ({"used": Resources(255, 8, 0, 1, 9)}, 90, "kernel-spills-registers", ("8 bytes",)),
        ({"used": Resources(255, 0, 3, 1, 9)}, 90, "kernel-spills-registers", ("3 instr",)),
    ],
)
def test_limits(change: dict[str, Any], chip: int, code: str, numbers: tuple[str, ...]) -> None:
    check_limits(RECORD, chip)
    with refused(code, InternalError) as caught:
        check_limits(Cubin(**{**vars(RECORD), **change}), chip)
    assert all(number in str(caught.value) for number in numbers)


def test_an_unknown_chip() -> None:
    with refused("compute-capability-unknown", UsageError) as caught:
        check_limits(RECORD, 70)
    assert "use 80, 86, 89" in str(caught.value)


def test_kernels_that_are_interpreted_are_not_compiled() -> None:
    x = MapLayout.whole(16, 8, 8, 8)
    launch = Convolution(x, x, (3, 3), pads=(1, 1), program=RELU).launch(1, FLOAT16, Tiling())
    with refused("kernels-interpreted", UsageError):
        compile_launch(launch, 90)
    with refused("architecture-unsupported", UsageError) as caught:
        compile_launch(launch, 75)
    assert "75" in str(caught.value)


def test_kernels_that_require_scratch_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = SimpleNamespace(name="kernel", global_scratch_size=8, profile_scratch_size=0)
    compiled_kernel = SimpleNamespace(metadata=metadata, asm={"cubin": b""})
    monkeypatch.setattr(aot, "kernel_of", lambda name: SimpleNamespace(params=[]))
    monkeypatch.setattr(aot, "ASTSource", lambda *_: None)
    monkeypatch.setattr("triton.compile", lambda *_, **__: compiled_kernel)
    monkeypatch.setattr(aot, "kernel_parameters", lambda *_: ())
    monkeypatch.setattr(aot, "check_parameters", lambda *_: None)
    x = MapLayout.whole(16, 8, 8, 8)
    launch = Convolution(x, x, program=RELU).launch(1, FLOAT16, Tiling())
    with refused("kernel-needs-scratch-memory", InternalError):
        aot.compile_unchecked(launch, 90)


def test_parameters_that_a_launcher_would_not_pass() -> None:
    parameters = (("rows", "i32"), ("x", "*fp16"))
    found = (Parameter(0, 0, 4), Parameter(1, 8, 8))
    check_parameters("kernel", parameters, found)
    for other in (found[:1], (found[0], Parameter(1, 4, 8)), (Parameter(0, 0, 8), found[1])):
        with refused("cubin-parameters-differ", InternalError):
            check_parameters("kernel", parameters, other)


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """The lines that NUMBERS and SPILL print, in one process."""
    return compiled(NUMBERS + SPILL).splitlines()


# Prints the codes and errors of launches with a map beyond 2^31 pixels, and with strides that are
# not multiples of 16.
NUMBERS = """
from dataclasses import replace
from jpegcompile.errors import InternalError
from jpegcompile.gpu.aot import compile_launch
from support.gpu_epilogues import EPILOGUES
from jpegcompile.gpu.launch import Tiling
from jpegcompile.precision import FLOAT16
launch = EPILOGUES["pixels"].launch(1, FLOAT16, Tiling())
for change in ({"rows": 1 << 31}, {"x_row": 24}):
    try:
        compile_launch(replace(launch, numbers={**launch.numbers, **change}), 90)
    except InternalError as error:
        print(error.code, error)
"""


def test_numbers_that_kernels_do_not_take(printed: list[str]) -> None:
    large, misaligned = printed[:2]
    code, text = large.split(" ", 1)
    assert code == "kernel-number-beyond-32-bits"
    assert text.startswith("conv.triton:conv_pixels: ")
    assert "rows is 2147483648" in text
    code, misaligned = misaligned.split(" ", 1)
    assert code == "kernel-number-misaligned"
    assert misaligned.startswith("conv.triton:conv_pixels: ")
    assert "x_row is 24" in misaligned


def test_resources_of_other_files() -> None:
    with refused("disassembly-failed", AccessError) as caught:
        resources(b"text")
    assert "cuobjdump" in str(caught.value)


def test_output_of_tools_that_is_not_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disassembly, "_run", lambda *_: "")
    with refused("disassembly-not-understood", AccessError):
        resources(b"")


# Prints the resources of a kernel for which ptxas chooses too few registers, before and after the
# second compilation.
SPILL = """
import json
from dataclasses import replace
from jpegcompile.gpu.aot import compile_launch, compile_unchecked
from jpegcompile.precision import TF32X3
from support.gpu_epilogues import EPILOGUES
conv = EPILOGUES["rows, of 16 channels"]
launch = conv.launch(1, TF32X3, conv.default_tiling(TF32X3))
for cubin in (compile_unchecked(launch, 100), compile_launch(launch, 100)):
    print(json.dumps([cubin.used.stack, cubin.used.registers]))
"""


def test_a_kernel_that_spills_gets_more_registers(printed: list[str]) -> None:
    first, second = map(json.loads, printed[2:])
    assert first[0] > 0
    assert second[0] == 0
    assert first[1] < second[1] <= first[1] + MORE_REGISTERS
