"""Files of compiled kernels."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.codes import refused

from jpegcompile.errors import AccessError, InternalError, UsageError
from jpegcompile.gpu.cubin_file import StoredCubin, constants_text, read_cubins, write_cubins
from jpegcompile.gpu.programs import CLIP, RELU

PARAMETERS = (("x", "*fp16"), ("rows", "i32"))
FIRST = StoredCubin(
    80, "conv.triton:conv_pixels", "BM=64 Y_ROWS=0", PARAMETERS, 4, "conv_pixels", 49152, b"first"
)
SECOND = replace(FIRST, arch=90, code=b"a cubin of another architecture")
THIRD = replace(FIRST, parameters=(("x", "*bf16"), ("rows", "i32")), code=b"third")


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "kernels.cubins"
    write_cubins(path, [SECOND, FIRST, THIRD, SECOND])
    assert read_cubins(path) == (THIRD, FIRST, SECOND)


def test_the_order_of_cubins_does_not_matter(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_cubins(first, [FIRST, SECOND, THIRD])
    write_cubins(second, [THIRD, SECOND, FIRST])
    assert first.read_bytes() == second.read_bytes()


def test_the_form_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "kernels.cubins"
    write_cubins(path, [FIRST, SECOND])
    header, rest = path.read_bytes().split(b"\n", 1)
    found = re.fullmatch(rb"jpegcompile cubins 1 (\d+)", header)
    assert found is not None
    index, code = rest[: int(found[1])], rest[int(found[1]) :]
    assert index.endswith(b"\n")
    lines = [line.split("\t") for line in index.decode().splitlines()]
    assert lines[0][:9] == [
        "80", "conv.triton:conv_pixels", "BM=64 Y_ROWS=0", "conv_pixels", "4", "49152",
        "x:*fp16 rows:i32", "0", "5",
    ]  # fmt: skip
    assert lines[1][7] == "16"
    assert code == b"first" + bytes(11) + SECOND.code


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "kernels.cubins"
    write_cubins(path, [])
    assert path.read_bytes() == b"jpegcompile cubins 1 0\n"
    assert read_cubins(path) == ()


def test_constants_as_text() -> None:
    constants = {"PROGRAM": RELU.steps, "Y_ROWS": True, "X": False, "BM": 64, "PRECISION": "ieee"}
    assert constants_text(constants) == (
        "BM=64 PRECISION=ieee PROGRAM=Relu,0,0,0,0x0.0p+0,0x0.0p+0 X=0 Y_ROWS=1"
    )
    assert constants_text({"PROGRAM": ()}) == "PROGRAM="
    assert constants_text({"PROGRAM": CLIP.steps}).count(";") == 1
    step = ("HardSigmoid", 0, 0, 0, 0.2, 0.5)
    text = "PROGRAM=HardSigmoid,0,0,0,0x1.999999999999ap-3,0x1.0000000000000p-1"
    assert constants_text({"PROGRAM": (step,)}) == text


@pytest.mark.parametrize("value", ["two words", 0.5, None])
def test_constants_without_text(value: object) -> None:
    with refused("kernel-constant-without-text", InternalError) as caught:
        constants_text({"NAME": value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_without_text(value: float) -> None:
    for numbers in ((value, 0.0), (0.0, value)):
        with refused("program-number-not-finite", InternalError) as caught:
            constants_text({"PROGRAM": (("Elu", 0, 0, 0, *numbers),)})
        assert repr(value) in str(caught.value)


def test_cubins_that_cannot_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "kernels.cubins"
    with refused("cubins-indistinguishable", InternalError):
        write_cubins(path, [FIRST, replace(FIRST, code=b"other")])
    assert not path.exists()


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "kernels.cubins"
    write_cubins(path, [FIRST, SECOND])
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:60], whole.replace(b"first", b"First")):
        path.write_bytes(damaged)
        with refused("cubin-file-damaged", UsageError):
            read_cubins(path)
    for other in (b"", b"jpegcompile cubins 2 0\n", whole[:22], b"x" * 1000):
        path.write_bytes(other)
        with refused("cubin-file-unknown", UsageError):
            read_cubins(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with refused("cubin-file-unreadable", AccessError) as caught:
        read_cubins(tmp_path / "none")
    assert "No such file" in str(caught.value)
