"""Coefficients are exactly the integers that a file stores, whatever it looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
import pytest
from numpy.typing import NDArray
from support.arithmetic_files import ARITHMETIC
from support.codes import refused
from support.images import make_jpeg
from support.jpeg_writer import Frame, write_jpeg

from jpegcompile.errors import ImageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import ceil_div
from jpegcompile.jpeg.read import (
    ImageSource,
    read_coefficients,
    read_coefficients_many,
)

SUFFIXES = {".jpg", ".jpeg"}
SAMPLINGS = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2)}


def assert_equal(first: Coefficients, second: Coefficients) -> None:
    assert len(first.planes) == len(second.planes)
    for one, other in zip(first.planes, second.planes, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.quantization, second.quantization)
    fields = ("sampling", "width", "height", "color_space", "progressive")
    for name in fields:
        assert getattr(first, name) == getattr(second, name), name


def assert_equals_jpeglib(path: Path, coefficients: Coefficients) -> None:
    """Compare with jpeglib, which bundles a libjpeg of its own."""
    expected = jpeglib.read_dct(str(path))
    planes = [expected.Y, expected.Cb, expected.Cr][: len(coefficients.planes)]
    assert expected.num_components == len(coefficients.planes)
    for index, plane in enumerate(planes):
        np.testing.assert_array_equal(coefficients.planes[index], plane)
        np.testing.assert_array_equal(
            coefficients.quantization[index], expected.qt[expected.quant_tbl_no[index]]
        )
    # jpeglib gives (vertical, horizontal).
    assert [(h, v) for v, h in expected.samp_factor.tolist()] == list(coefficients.sampling)
    assert (expected.height, expected.width) == (coefficients.height, coefficients.width)
    assert expected.progressive_mode == coefficients.progressive


@pytest.mark.shared
@pytest.mark.parametrize("folder", ["photos", "odd"])
def test_equals_jpeglib_on_shared_files(shared: Path, folder: str) -> None:
    paths = [
        path
        for path in sorted((shared / "images" / folder).iterdir())
        if path.suffix.lower() in SUFFIXES and path.stem != "cmyk"
    ]
    assert len(paths) > 20
    for path in paths:
        assert_equals_jpeglib(path, read_coefficients(path))


@pytest.mark.shared
def test_cmyk_is_refused(shared: Path) -> None:
    with refused("jpeg-kind-unsupported", ImageError) as caught:
        read_coefficients(shared / "images" / "odd" / "cmyk.jpg")
    assert "cmyk.jpg" in str(caught.value)


@pytest.mark.parametrize("size", [(64, 48), (1, 1), (7, 5), (17, 9), (9, 17), (33, 31), (100, 75)])
@pytest.mark.parametrize("subsampling", SAMPLINGS)
@pytest.mark.parametrize("progressive", [False, True])
def test_equals_jpeglib_on_made_files(
    tmp_path: Path, size: tuple[int, int], subsampling: str, progressive: bool
) -> None:
    data = make_jpeg(*size, subsampling=subsampling, progressive=progressive, quality=90)
    path = tmp_path / "made.jpg"
    path.write_bytes(data)
    coefficients = read_coefficients(data)
    assert_equals_jpeglib(path, coefficients)
    assert coefficients.sampling == (SAMPLINGS[subsampling], (1, 1), (1, 1))
    assert coefficients.color_space == "ycbcr"
    assert coefficients.progressive is progressive
    for index, plane in enumerate(coefficients.planes):
        height, width = coefficients.component_size(index)
        assert plane.shape == (ceil_div(height, 8), ceil_div(width, 8), 8, 8)
        assert plane.dtype == np.int16
        assert plane.flags.c_contiguous


@pytest.mark.parametrize("progressive", [False, True])
def test_grey(tmp_path: Path, progressive: bool) -> None:
    path = tmp_path / "gray.jpg"
    path.write_bytes(make_jpeg(50, 37, "L", progressive=progressive))
    coefficients = read_coefficients(path)
    assert_equals_jpeglib(path, coefficients)
    assert coefficients.color_space == "gray"
    assert coefficients.quantization.shape == (1, 8, 8)


def test_restart_markers_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "restart.jpg"
    path.write_bytes(make_jpeg(90, 70, restart_marker_blocks=2))
    assert b"\xff\xd3" in path.read_bytes()
    assert_equals_jpeglib(path, read_coefficients(path))
    assert_equal(read_coefficients(path), read_coefficients(make_jpeg(90, 70)))


def test_rgb_by_adobe_marker(tmp_path: Path) -> None:
    path = tmp_path / "rgb.jpg"
    path.write_bytes(make_jpeg(40, 30, keep_rgb=True))
    coefficients = read_coefficients(path)
    assert coefficients.color_space == "rgb"
    assert_equals_jpeglib(path, coefficients)


def random_frame(sampling: list[tuple[int, int]], width: int, height: int, **options: Any) -> Frame:
    """A frame of sparse random coefficients over their whole range."""
    generator = np.random.default_rng(width * height)
    most = [max(factor[axis] for factor in sampling) for axis in (0, 1)]
    planes: list[NDArray[np.int16]] = []
    for horizontal, vertical in sampling:
        rows = ceil_div(ceil_div(height * vertical, most[1]), 8)
        columns = ceil_div(ceil_div(width * horizontal, most[0]), 8)
        shape = (rows, columns, 8, 8)
        plane = generator.integers(-1023, 1024, shape) * (generator.random(shape) < 0.2)
        planes.append(plane.astype(np.int16))
    quantization = generator.integers(1, 65536, (len(sampling), 8, 8)).astype(np.uint16)
    return Frame(width, height, planes, sampling, quantization, **options)


@pytest.mark.parametrize(
    "sampling",
    [
        [(1, 1), (1, 1), (1, 1)],
        [(4, 1), (1, 1), (1, 1)],
        [(1, 2), (1, 1), (1, 1)],
        [(4, 4), (2, 1), (1, 4)],
        [(3, 2), (2, 1), (1, 1)],  # fractional
        [(1, 1), (2, 2), (2, 2)],  # luma is the smaller one
        [(2, 2), (2, 2), (2, 2)],
        [(3, 3)],
    ],
)
@pytest.mark.parametrize("size", [(45, 51), (8, 8), (1, 1), (129, 10)])
def test_hand_made_sampling(sampling: list[tuple[int, int]], size: tuple[int, int]) -> None:
    frame = random_frame(sampling, *size)
    coefficients = read_coefficients(write_jpeg(frame))
    assert coefficients.sampling == tuple(sampling)
    assert (coefficients.width, coefficients.height) == size
    np.testing.assert_array_equal(coefficients.quantization, frame.quantization)
    for plane, expected in zip(coefficients.planes, frame.planes, strict=True):
        np.testing.assert_array_equal(plane, expected)


@pytest.mark.parametrize("process", ARITHMETIC)
def test_arithmetic_coding(process: str) -> None:
    expected = np.zeros((2, 3, 8, 8), np.int16)
    expected.flat[::5] = np.arange(77) - 30
    try:
        coefficients = read_coefficients(ARITHMETIC[process])
    except ImageError as error:
        if "arithmetic" in str(error):
            pytest.skip(f"this libjpeg was built without it: {error}")
        raise
    np.testing.assert_array_equal(coefficients.planes[0], expected)
    assert coefficients.progressive is (process == "progressive")


def test_a_planted_fault_is_seen() -> None:
    frame = random_frame([(2, 2), (1, 1), (1, 1)], 45, 51)
    data = write_jpeg(frame)
    expected = [plane.copy() for plane in frame.planes]
    expected[2][1, 0, 3, 5] ^= 1
    planes = read_coefficients(data).planes
    np.testing.assert_array_equal(planes[0], expected[0])
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(planes[2], expected[2])


def test_rgb_by_component_ids() -> None:
    sampling = [(1, 1)] * 3
    frame = random_frame(sampling, 20, 20, component_ids=tuple(b"RGB"))
    assert read_coefficients(write_jpeg(frame)).color_space == "rgb"
    frame = random_frame(sampling, 20, 20, adobe_transform=0)
    assert read_coefficients(write_jpeg(frame)).color_space == "rgb"
    frame = random_frame(sampling, 20, 20, adobe_transform=1)
    assert read_coefficients(write_jpeg(frame)).color_space == "ycbcr"


def test_path_and_all_kinds_of_bytes_are_the_same(tmp_path: Path) -> None:
    data = make_jpeg(70, 50)
    path = tmp_path / "ünï.jpg"
    path.write_bytes(data)
    strided = memoryview(bytes(b for byte in data for b in (byte, 0)))[::2]
    assert not strided.c_contiguous
    sources: list[ImageSource] = [path, str(path), data, bytearray(data), memoryview(data), strided]
    many = read_coefficients_many(sources)
    for source, coefficients in zip(sources, many, strict=True):
        assert_equal(read_coefficients(source), many[0])
        assert_equal(coefficients, many[0])


@pytest.mark.parametrize("threads", [None, 1, 2, 3, 64])
def test_threads_give_the_same_in_the_same_order(threads: int | None) -> None:
    sources = [make_jpeg(16 + 8 * n, 40, quality=50 + n) for n in range(20)]
    many = read_coefficients_many(sources, threads=threads)
    assert [c.width for c in many] == [16 + 8 * n for n in range(20)]
    for source, coefficients in zip(sources, many, strict=True):
        assert_equal(coefficients, read_coefficients(source))


def test_no_images() -> None:
    assert read_coefficients_many([]) == []


def test_arrays_outlive_each_other_and_are_never_shared() -> None:
    """Freed memory is used again, and only freed memory."""
    data = make_jpeg(640, 480, quality=95)
    kept = read_coefficients(data)
    copies = [plane.copy() for plane in kept.planes]
    view = read_coefficients(data).planes[0][3:5]
    for _ in range(10):
        other = read_coefficients(make_jpeg(633, 470))
        for plane in other.planes:
            plane[...] = 12345
    for plane, copy in zip(kept.planes, copies, strict=True):
        np.testing.assert_array_equal(plane, copy)
    np.testing.assert_array_equal(view, copies[0][3:5])
    assert_equal(read_coefficients(data), kept)
