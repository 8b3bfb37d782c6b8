"""Baseline files with one scan, which the reader decodes itself: what was stored comes out.

`tests/fuzz/differential.cc` compares the decoder with libjpeg on far more files, and ends where it
leaves a clean one to libjpeg.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.coefficient_files import SAMPLINGS
from support.decode_refusals import refusal
from support.interleaved import EVEN, SHORT_AND_LONG, write_interleaved

from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.read import read_coefficients

# An MCU has ten blocks at most (T.81, B.2.3).
INTERLEAVED = {
    name: sampling
    for name, sampling in SAMPLINGS.items()
    if len(sampling) == 1 or sum(h * v for h, v in sampling) <= 10
}
TABLES = {"short and long codes": SHORT_AND_LONG, "even codes": EVEN}


def frame_of(sampling: str, height: int, width: int) -> Frame:
    factors = INTERLEAVED[sampling]
    return Frame(height, width, factors, "gray" if len(factors) == 1 else "ycbcr")


def random_planes(
    frame: Frame, chance: np.random.Generator, density: float, most: int
) -> list[NDArray[np.int16]]:
    """Coefficients up to `most` at random places; the last one of some blocks is none of them 0."""
    planes = []
    for index in range(len(frame.sampling)):
        shape = (*frame.block_counts(index), 8, 8)
        plane = chance.integers(-most, most + 1, shape) * (chance.random(shape) < density)
        plane[..., 7, 7] = np.where(chance.random(shape[:2]) < 0.3, most, plane[..., 7, 7])
        planes.append(plane.astype(np.int16))
    return planes


def tables_of(frame: Frame) -> NDArray[np.uint16]:
    count = len(frame.sampling)
    return np.arange(1, 64 * count + 1, dtype=np.uint16).reshape(count, 8, 8) * np.uint16(300)


def assert_stored(data: bytes, frame: Frame, planes: Sequence[NDArray[np.int16]]) -> None:
    found = read_coefficients(data)
    assert found.frame == frame
    assert not found.progressive
    np.testing.assert_array_equal(found.quantization, tables_of(frame))
    for plane, expected in zip(found.planes, planes, strict=True):
        np.testing.assert_array_equal(plane, expected)


@pytest.mark.parametrize("sampling", INTERLEAVED)
@pytest.mark.parametrize("restart_interval", [0, 1, 3])
@pytest.mark.parametrize("tables", TABLES)
def test_all_samplings(sampling: str, restart_interval: int, tables: str) -> None:
    frame = frame_of(sampling, 41, 67)
    planes = random_planes(frame, np.random.default_rng(3), 0.2, 1023)
    data = write_interleaved(
        frame, planes, tables_of(frame), TABLES[tables], restart_interval=restart_interval
    )
    assert_stored(data, frame, planes)
    changed = [plane.copy() for plane in planes]
    changed[-1][-1, -1, 7, 6] += 1
    with pytest.raises(AssertionError):
        assert_stored(data, frame, changed)


@given(
    sampling=st.sampled_from(sorted(INTERLEAVED)),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    density=st.sampled_from([0.0, 0.02, 0.2, 1.0]),
    most=st.sampled_from([1, 3, 127, 128, 1023]),
    tables=st.sampled_from(sorted(TABLES)),
    restart_interval=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_file(
    sampling: str,
    height: int,
    width: int,
    density: float,
    most: int,
    tables: str,
    restart_interval: int,
    seed: int,
) -> None:
    frame = frame_of(sampling, height, width)
    planes = random_planes(frame, np.random.default_rng(seed), density, most)
    data = write_interleaved(
        frame, planes, tables_of(frame), TABLES[tables], restart_interval=restart_interval
    )
    assert_stored(data, frame, planes)


@pytest.mark.parametrize("place", range(1, 64))
def test_one_coefficient_at_each_place(place: int) -> None:
    """Runs of zeros of every length, with both signs and every size of values."""
    frame = frame_of("4:2:0", 64, 160)
    planes = random_planes(frame, np.random.default_rng(1), 0, 0)
    values = [sign * (1 << bit) - (sign < 0) for bit in range(10) for sign in (1, -1)]
    for index, value in enumerate(values):
        planes[0].reshape(-1, 64)[7 * index, place] = value
    data = write_interleaved(frame, planes, tables_of(frame))
    assert_stored(data, frame, planes)


def test_largest_differences_and_sums_beyond_16_bits() -> None:
    """First coefficients as far from one another as a baseline file can store."""
    frame = frame_of("gray", 8, 8 * 64)
    plane = np.zeros((1, 64, 8, 8), np.int16)
    plane[0, :, 0, 0] = np.where(np.arange(64) % 2, 1023, -1024)
    data = write_interleaved(frame, [plane], tables_of(frame))
    assert_stored(data, frame, [plane])
    # Sums wrap, as they do in libjpeg.
    climbing = (2047 * np.arange(1, 65)).astype(np.int64)
    differences = climbing.astype(np.int16)
    wide = np.zeros((1, 64, 8, 8), np.int64)
    wide[0, :, 0, 0] = climbing
    data = write_interleaved(frame, [wide], tables_of(frame))
    np.testing.assert_array_equal(read_coefficients(data).planes[0][0, :, 0, 0], differences)


@pytest.mark.parametrize("restart_interval", [0, 2])
def test_data_that_end_too_early_or_too_late(restart_interval: int) -> None:
    frame = frame_of("4:2:2", 32, 64)
    planes = random_planes(frame, np.random.default_rng(5), 0.3, 100)
    data = write_interleaved(frame, planes, tables_of(frame), restart_interval=restart_interval)
    assert_stored(data + b"more", frame, planes)  # nobody reads beyond the end of the image
    whole = data[:-2]
    assert "Premature end of JPEG file" in refusal(whole)
    assert "extraneous bytes before marker 0xd9" in refusal(whole + b"\0\0\0" + data[-2:])
    assert "premature end of data segment" in refusal(whole[:-8] + data[-2:])
    if restart_interval:
        swapped = data.replace(b"\xff\xd1", b"\xff\xd5", 1)
        assert "found marker 0xd5 instead of RST1" in refusal(swapped)


PROGRAM = """
import sys
from jpegcompile.jpeg.read import read_coefficients
for plane in read_coefficients(sys.stdin.buffer.read()).planes:
    sys.stdout.buffer.write(plane.tobytes())
"""


@pytest.mark.parametrize("instructions", ["plain", "avx2"])
def test_instruction_sets(instructions: str) -> None:
    frame = frame_of("4:2:0", 120, 200)
    planes = random_planes(frame, np.random.default_rng(8), 0.3, 1023)
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM],
        input=write_interleaved(frame, planes, tables_of(frame), restart_interval=5),
        env={**os.environ, "JPEGCOMPILE_ISA": instructions},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"".join(plane.tobytes() for plane in planes)


def test_the_documented_fuzzer_is_built_of_every_source() -> None:
    """Those apart that it does not reach: the Python module, and what is made of coefficients."""
    root = Path(__file__).resolve().parents[2]
    text = (root / "docs" / "fuzzing.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"g\+\+ -O2.*?fuzz_differential\n", text, re.DOTALL)
    named = {
        name for group in re.findall(r"jpeg/\{(.*?)\}\.cc", command) for name in group.split(",")
    }
    sources = {path.stem for path in (root / "jpegcompile" / "jpeg").glob("*.cc")}
    assert named == sources - {"bindings", "packing_bindings", "planes"}
