"""The reference of integer decoding is Pillow, bit for bit."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.pillow_integers import (
    FILTERS,
    Case,
    by_pillow,
    channels_first,
    needs_pillow_13,
    no_fill,
    random_case,
    unlike_images,
    whole,
)

from jpegcompile.dct import integer_decode
from jpegcompile.dct.color import Color
from jpegcompile.dct.integer_decode import (
    are_rows_first,
    decode_integers,
    integer_pixels,
    resampling_weights,
)
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.preprocessing.geometry import AxisPlacement, Placement
from jpegcompile.preprocessing.steps import Filter

pytestmark = needs_pillow_13

COLORS: tuple[Color, ...] = ("RGB", "BGR", "L")
SIZES = [(1, 1), (2, 3), (3, 2), (4, 9), (5, 5), (8, 8), (16, 16), (17, 18), (33, 31), (6, 50)]


def equals_pillow(data: bytes, color: Color = "RGB") -> bool:
    image = Image.open(io.BytesIO(data))
    expected = channels_first(image.convert("L" if color == "L" else "RGB"), color)
    return np.array_equal(
        integer_pixels(read_coefficients(data), color).transpose(2, 0, 1), expected
    )


def assert_equals_pillow(case: Case) -> None:
    made = decode_integers(read_coefficients(case.data), case.placement, case.color, case.fill)
    expected = by_pillow(case.data, case.placement, case.color, case.fill)
    np.testing.assert_array_equal(made, expected, err_msg=str(case.placement))


@pytest.mark.parametrize("name", SAMPLINGS)
def test_every_sampling(name: str) -> None:
    for width, height in SIZES:
        data = random_file(SAMPLINGS[name], width, height)
        assert equals_pillow(data), (width, height)


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_color(mode: str, color: Color) -> None:
    assert equals_pillow(make_jpeg(50, 33, mode), color)


def test_files_that_are_coded_in_rgb() -> None:
    data = make_jpeg(50, 33, keep_rgb=True)
    assert read_coefficients(data).color_space == "rgb"
    assert equals_pillow(data)
    assert equals_pillow(data, "L")


def test_coefficients_that_overflow() -> None:
    assert all(equals_pillow(data) for data in unlike_images(60))


def test_wrapping_around_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integer_decode, "_wrapped", lambda values, bits: values)
    assert not all(equals_pillow(data) for data in unlike_images(60))
    assert equals_pillow(make_jpeg(50, 33))


def test_a_constant_that_is_off_by_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = integer_decode._PASS.copy()
    changed[1, 4] += 1
    monkeypatch.setattr(integer_decode, "_PASS", changed)
    assert not equals_pillow(make_jpeg(150, 133))


@given(st.integers(0, 2**32))
def test_every_placement(seed: int) -> None:
    assert_equals_pillow(random_case(random.Random(seed)))


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", [(256, 171), (60, 224), (31, 47), (640, 500)])
def test_filters(size: tuple[int, int], name: str) -> None:
    data, chosen = make_jpeg(190, 127, subsampling=2), Filter(name)  # type: ignore[arg-type]
    width, height = size
    rows = AxisPlacement(127, height, 0, height, chosen)
    columns = AxisPlacement(190, width, 0, width, chosen)
    assert_equals_pillow(Case(data, Placement(rows, columns), "RGB", (0, 0, 0)))


def test_weights_sum_to_one() -> None:
    for name in FILTERS:
        weights = resampling_weights(500, 341, name)
        # Each of a row's weights is rounded by at most half a unit.
        off = np.abs(weights.sum(axis=1) - (1 << 22))
        assert (off <= 0.5 * (weights != 0).sum(axis=1)).all()


@pytest.mark.parametrize("fewer_columns", [19, 20, 21])
def test_which_axis_is_first(fewer_columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a difference of 20 columns and 40 rows the order turns, and it changes pixels."""
    data, chosen = random_file(SAMPLINGS["4:4:4"], 60, 90), Filter("bicubic")
    target = 60 - fewer_columns
    rows, columns = (
        AxisPlacement(90, 50, 0, 50, chosen),
        AxisPlacement(60, target, 0, target, chosen),
    )
    case = Case(data, Placement(rows, columns), "RGB", (0, 0, 0))
    are_first = are_rows_first(rows, columns)
    assert are_first == (fewer_columns < 20)
    assert_equals_pillow(case)
    monkeypatch.setattr(integer_decode, "are_rows_first", lambda rows, columns: not are_first)
    with pytest.raises(AssertionError):
        assert_equals_pillow(case)


def test_filters_of_other_libraries_are_refused() -> None:
    axis = AxisPlacement(16, 8, 0, 8, Filter("bilinear", "opencv"))
    image = read_coefficients(make_jpeg(16, 16))
    with refused("integer-decode-filter-not-pillow", UsageError):
        decode_integers(image, Placement(axis, axis), "RGB", no_fill("RGB"))


def test_sampling_by_fractions_is_refused() -> None:
    image = read_coefficients(random_file(((3, 1), (2, 1), (2, 1)), 16, 16))
    with refused("sampling-fractional", ImageError):
        decode_integers(image, whole(16, 16), "RGB", no_fill("RGB"))
