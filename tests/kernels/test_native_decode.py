"""JpegDecode returns exactly what the file stores, for every supported file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.arithmetic_files import ARITHMETIC
from support.coefficient_files import SAMPLINGS, random_file
from support.decode_cases import assert_same, decode_session, decoded, planes_of, session_for
from support.images import make_jpeg

from jpegcompile.errors import ImageError
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.operators.ingest import DECODE_GRAY

# One block, less, no whole number of MCUs, several.
SIZES = [(8, 8), (1, 1), (7, 19), (17, 9), (33, 16), (64, 48)]
NAMED = ("4:4:4", "4:2:2", "4:4:0", "4:2:0", "4:1:1", "4:4:4 by 2x2", "gray", "gray by 2x2")


def check(file: bytes) -> None:
    """Compare the operator's outputs with the file's coefficients."""
    coefficients = read_coefficients(file)
    subsampling = subsampling_of(coefficients.frame)
    assert subsampling is not None
    session = session_for(coefficients, subsampling)
    expected = planes_of(coefficients, has_chroma=subsampling != "gray")
    assert_same(decoded(session, file), expected)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_ordinary_files(subsampling: str, progressive: bool, width: int, height: int) -> None:
    check(make_jpeg(width, height, subsampling=subsampling, progressive=progressive))


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", NAMED)
def test_sampling_factors(name: str, width: int, height: int) -> None:
    check(random_file(SAMPLINGS[name], width, height))


@pytest.mark.parametrize("progressive", [False, True])
def test_restart_markers(progressive: bool) -> None:
    each: list[dict[str, Any]] = [{"restart_marker_blocks": 1}, {"restart_marker_rows": 1}]
    for options in each:
        file = make_jpeg(40, 24, subsampling="4:2:0", progressive=progressive, **options)
        assert b"\xff\xd0" in file
        check(file)


@pytest.mark.parametrize("process", ARITHMETIC)
def test_arithmetic_coding(process: str) -> None:
    try:
        read_coefficients(ARITHMETIC[process])
    except ImageError as error:
        if "arithmetic" in str(error):
            pytest.skip(f"this libjpeg was built without it: {error}")
        raise
    check(ARITHMETIC[process])


@pytest.mark.parametrize("name", ["4:4:4", "4:2:2", "4:2:0", "4:1:0", "crossed by luma"])
def test_luma_of_a_color_file(name: str) -> None:
    sampling = SAMPLINGS.get(name, ((2, 2), (1, 2), (2, 1)))
    file = random_file(sampling, 33, 18)
    session = decode_session(DECODE_GRAY, height=18, width=33, takes_color=1)
    assert_same(decoded(session, file), planes_of(read_coefficients(file), has_chroma=False))


@pytest.mark.shared
@pytest.mark.parametrize("folder", ["photos", "odd", "cifar10_test"])
def test_photographs(shared: Path, folder: str) -> None:
    every = sorted((shared / "images" / folder).rglob("*"))
    found = [path for path in every if path.suffix.lower() in (".jpg", ".jpeg")]
    found = found[:: max(len(found) // 60, 1)]
    assert found
    checked = 0
    for path in found:
        file = path.read_bytes()
        try:
            subsampling = subsampling_of(read_coefficients(file).frame)
        except ImageError:  # of CMYK, which the reader refuses
            continue
        if subsampling is not None:
            check(file)
            checked += 1
    assert checked > 0.8 * len(found)


def test_outputs_are_those_of_each_file_in_turn() -> None:
    """Nothing remains of the previous file, large or small, complete or truncated."""
    session = decode_session("JpegDecode", height=64, width=64, subsampling="4:2:0")
    files = [make_jpeg(64, 64, quality=quality, subsampling="4:2:0") for quality in (5, 95, 40)]
    expected = [planes_of(read_coefficients(file)) for file in files]
    for index in (0, 1, 0, 2, 1, 0):
        assert_same(decoded(session, files[index]), expected[index])
        with pytest.raises(Exception, match="damaged"):
            decoded(session, files[index][:-50])


def test_several_sessions_and_threads() -> None:
    """Threads share a session, and each thread has a session of its own."""
    size = {"height": 64, "width": 64}
    sessions = [decode_session("JpegDecode", **size, subsampling="4:2:0") for _ in range(3)]
    files = [make_jpeg(64, 64, quality=quality, subsampling="4:2:0") for quality in range(5, 95, 6)]
    expected = [planes_of(read_coefficients(file)) for file in files]

    def work(turn: int) -> None:
        session, index = sessions[turn % 3], turn % len(files)
        if turn % 7 == 3:
            with pytest.raises(Exception, match="damaged"):
                decoded(session, files[index][: len(files[index]) // 2])
        assert_same(decoded(session, files[index]), expected[index])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(300)))


@pytest.mark.parametrize("output", [0, 1, 2])
def test_a_planted_fault_is_seen(output: int) -> None:
    file = make_jpeg(40, 24, subsampling="4:2:0")
    coefficients = read_coefficients(file)
    session = session_for(coefficients, "4:2:0")
    expected = [np.array(values) for values in planes_of(coefficients)]
    assert_same(decoded(session, file), expected)
    expected[output].flat[-1] ^= 1
    with pytest.raises(AssertionError):
        assert_same(decoded(session, file), expected)
