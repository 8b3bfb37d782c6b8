"""Kernels of default tilings do not spill registers, and use matrix units for products."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.ahead_of_time import compiled
from support.codes import refused
from support.gpu_epilogues import EPILOGUES, launches_of, with_channels

from jpegcompile.errors import UsageError
from jpegcompile.gpu.compile_all import compiled_form, distinct
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.table import BEGIN, END, PRECISIONS, labels, main, resnet_launches
from jpegcompile.kernels.conv.launch import default_tiling
from jpegcompile.precision import BFLOAT16, FLOAT16, FLOAT32, TF32X3, Precision
from jpegcompile.precision import PRECISIONS as PRECISION_NAMES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gpu_kernels.md"
# Compiles launches and prints the resources of their kernels. Fails if a kernel exceeds a limit.
COMPILE = """
import json, sys
from jpegcompile.gpu.aot import compile_launch
from support.gpu_epilogues import launches_of
for arch, precision, *asked in json.loads(sys.argv[1]):
    for name, launch in launches_of(precision, *asked):
        cubin = compile_launch(launch, arch)
        print(json.dumps([name, precision, cubin.used.tensor_instructions, len(cubin.code)]))
"""
# Largest size of a cubin. A model loads dozens of cubins.
MOST_KB = 40


def check(*asked: tuple[Any, ...]) -> None:
    """Compile the launches of `launches_of` for an architecture in one process."""
    lines = compiled(COMPILE, json.dumps(asked)).splitlines()
    assert len(lines) == sum(len(launches_of(*arguments)) for _, *arguments in asked)
    for name, precision, tensor_instructions, size in map(json.loads, lines):
        assert (tensor_instructions > 0) == (precision != "float32"), name
        assert size <= MOST_KB << 10, name


@pytest.mark.thorough
def test_a_sample_of_kernels() -> None:
    check(
        (90, "float16", ["pixels"], [32]),
        (100, "float32", ["pixels, truncated"], [32]),
    )


ARCHITECTURES = (80, 90, 100)


@pytest.mark.thorough
@pytest.mark.parametrize("shift", range(len(PRECISION_NAMES)), ids=list(PRECISION_NAMES))
def test_every_kernel(shift: int) -> None:
    """Each kernel is compiled in each precision, for one of the architectures in turn."""
    precision = list(PRECISION_NAMES)[shift]
    count = len(ARCHITECTURES)
    check(
        *(
            (arch, precision, list(EPILOGUES)[(index + shift) % count :: count])
            for index, arch in enumerate(ARCHITECTURES)
        )
    )


@pytest.mark.slow(reason="compiles for 17 minutes; test_every_kernel compiles a third of it")
@pytest.mark.parametrize("precision", PRECISION_NAMES)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_kernel_for_every_architecture(arch: int, precision: str) -> None:
    check((arch, precision, list(EPILOGUES)))


@pytest.mark.parametrize(
    ("case", "channels", "batch", "precision", "expected"),
    [
        ("pixels", 256, 32, FLOAT16, Tiling(128, 128, 32, 8)),
        ("pixels", 64, 32, FLOAT16, Tiling(128, 64, 64, 8)),
        ("pixels", 24, 32, FLOAT16, Tiling(128, 32, 64, 8)),
        ("pixels", 256, 1, FLOAT16, Tiling(64, 32, 64, 4)),
        ("pixels", 128, 1, FLOAT16, Tiling(64, 64, 64, 8)),
        ("pixels", 64, 1, FLOAT16, Tiling(64, 32, 64, 4)),
        ("pixels, ASM", 64, 1, FLOAT16, Tiling(64, 32, 64, 8)),
        ("pixels, residual in rows, ASM, to rows", 256, 32, FLOAT16, Tiling(128, 64, 64, 8)),
        ("thin, ASM, to rows", 64, 32, FLOAT16, Tiling(64, 64, 64, 8)),
        ("rows", 256, 32, BFLOAT16, Tiling(64, 128, 64, 8)),
        ("pixels", 256, 32, TF32X3, Tiling(64, 64, 32, 8)),
        ("pixels", 64, 1, TF32X3, Tiling(64, 32, 32, 8)),
        ("pixels", 16, 1, TF32X3, Tiling(64, 16, 32, 4)),
        ("pixels, residual in rows, ASM, to rows", 256, 32, TF32X3, Tiling(64, 32, 32, 8, 2)),
        ("pixels, residual, to rows", 64, 1, TF32X3, Tiling(64, 32, 32, 8, 2)),
        ("pixels, transposed, to rows", 64, 1, TF32X3, Tiling(64, 32, 32, 8, 2)),
        ("pixels, residual in rows, of 16 channels", 16, 1, TF32X3, Tiling(64, 16, 32, 8)),
        ("thin, wide window", 64, 32, TF32X3, Tiling(64, 32, 32, 8)),
        ("pixels", 256, 32, FLOAT32, Tiling(64, 64, 32, 8)),
        ("pixels, truncated", 256, 32, FLOAT32, Tiling(64, 32, 16, 8)),
    ],
)
def test_tilings_follow_the_work(
    case: str, channels: int, batch: int, precision: Precision, expected: Tiling
) -> None:
    assert default_tiling(with_channels(EPILOGUES[case], channels), precision, batch) == expected


def test_the_page_has_every_kernel() -> None:
    """Regenerate the page with `python -m jpegcompile.gpu.table`."""
    table = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line]
    expected = []
    for precision in PRECISIONS:
        for launch in resnet_launches(precision):
            kernel, epilogue, tiling = labels(launch)
            expected.append([kernel, epilogue, precision.name, tiling])
    assert [row[:4] for row in rows[2:]] == expected
    for row in rows[2:]:
        for cell in row[4:]:
            _, stack, _, _, size = map(int, cell.split(" / "))
            assert stack == 0
            assert size <= MOST_KB


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"text {END} {BEGIN}")
    with refused("page-without-table-marks", UsageError):
        main(page)


def test_launches_that_differ_in_numbers_alone_share_a_kernel() -> None:
    conv, tiling = EPILOGUES["pixels"], Tiling()
    first, more = conv.launch(1, FLOAT16, tiling), conv.launch(2, FLOAT16, tiling)
    others = [
        conv.launch(1, BFLOAT16, tiling),
        conv.launch(1, FLOAT16, Tiling(warps=8)),
        conv.launch(1, FLOAT16, Tiling(stages=2)),
        conv.launch(1, FLOAT16, Tiling(depth=16)),
        EPILOGUES["pixels, ASM"].launch(1, FLOAT16, tiling),
    ]
    assert compiled_form(first) == compiled_form(more)
    assert distinct([first, more, *others, more]) == [first, *others]
