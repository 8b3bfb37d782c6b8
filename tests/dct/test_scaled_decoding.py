"""Scaled decoding: how many frequencies are used, and what the others are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.coefficient_files import SAMPLINGS, random_coefficients
from support.preprocessing import network

from jpegcompile.dct.axis_operator import axis_operator, used_frequencies
from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.dct.decode import decode
from jpegcompile.dct.filters import taps_of
from jpegcompile.dct.ingest import ingest
from jpegcompile.dct.resampled import resampled
from jpegcompile.dct.scaled_decoding import used_coefficients
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import AxisPlacement
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import INTERPOLATIONS, Filter

LENGTH = 56
FILTERS = {
    "bilinear": Filter("bilinear"),
    "hamming": Filter("hamming"),
    "bicubic": Filter("bicubic"),
    "lanczos": Filter("lanczos"),
    "box": Filter("box"),
    "area": Filter("area", "opencv"),
    "dct": Filter("dct", "jpegcompile"),
}


def placed(filter: Filter, shrink: float, *, is_scaled: bool = True) -> AxisPlacement:
    """A whole axis that shrinks to LENGTH."""
    return AxisPlacement(round(LENGTH * shrink), LENGTH, 0, LENGTH, filter, False, False, is_scaled)


def used(filter: Filter, shrink: float, factor: int = 1) -> int:
    axis = placed(filter, shrink)
    return used_frequencies(axis, -(-axis.source // factor), factor, factor == 2)


def error_of(axis: AxisPlacement, factor: int, first: int) -> float:
    """The error in levels if frequencies from `first` on are left out, from the whole matrix."""
    true_size = -(-axis.source // factor)
    plain = AxisPlacement(axis.source, axis.target, axis.start, axis.length, axis.filter)
    matrix = axis_operator(plain, true_size, factor, factor == 2, 1).dense()
    frequency = np.arange(matrix.shape[1]) % 8
    deviations = np.where(frequency >= first, 45 / np.maximum(frequency, 1), 0.0)
    return float(np.sqrt(((matrix * deviations) ** 2).sum(axis=1).mean()))


# As docs/preprocessing.md has them.
@pytest.mark.parametrize(
    ("name", "four", "two"),
    [("bilinear", 6, 18), ("hamming", 6, 20), ("bicubic", 5, 17), ("lanczos", 5, 17)],
)
def test_the_more_an_axis_shrinks_the_fewer_are_used(name: str, four: int, two: int) -> None:
    filter = FILTERS[name]
    assert [used(filter, s) for s in (1, 1.9, 2, 3, 4)] == [8] * 5
    assert [used(filter, s) for s in (four, four + 1.3, 11.7, 15)] == [4] * 4
    assert [used(filter, s) for s in (two, two + 0.7, 30)] == [2] * 3
    # A component of half the size has half the way to go.
    assert [used(filter, 2 * s, 2) for s in (1, 2, 3, 4)] == [8] * 4
    assert [used(filter, 2 * s, 2) for s in (four, 11.7)] == [4] * 2
    assert used(filter, 4 * two, 2) == 2


def test_edges_of_the_mean_are_sharp() -> None:
    """It passes high frequencies, except where pixels are whole blocks."""
    for name in ("box", "area"):
        assert [used(FILTERS[name], s) for s in (5, 8, 11.7, 16)] == [8, 2, 8, 2]


def test_filters_that_pass_everything_drop_nothing() -> None:
    for library, names in INTERPOLATIONS.items():
        for name in names:
            filter = Filter(name, library, antialias=library != "torchvision")
            if not filter.is_antialiased:
                assert [used(filter, s) for s in (2, 4.3, 8, 17, 40)] == [8] * 5


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("name", ["bilinear", "bicubic", "lanczos", "hamming", "box"])
def test_the_error_is_within_its_bound_and_one_less_would_not_be(name: str, factor: int) -> None:
    counts = set()
    for shrink in (2.3, 4.9, 6, 8, 9.1, 11.7, 16, 19, 27.4, 36):
        axis, count = placed(FILTERS[name], shrink), used(FILTERS[name], shrink, factor)
        counts.add(count)
        assert error_of(axis, factor, count) <= 0.2
        if count > 2 and shrink >= 2 * factor:
            assert error_of(axis, factor, count // 2) > 0.2
    assert len(counts) > 1


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("name", ["bilinear", "hamming", "bicubic", "lanczos"])
def test_what_samples_that_are_made_for_it_can_do(name: str, factor: int) -> None:
    """In levels along an axis, as docs/preprocessing.md has it."""
    worst, middle = 0.0, 0.0
    for shrink in (5, 5.7, 6.4, 7.3, 8.3, 9.4, 10.6, 13.5, 16.9, 18.1, 21.4, 30):
        axis = placed(FILTERS[name], shrink)
        true_size = -(-axis.source // factor)
        count = used_frequencies(axis, true_size, factor, factor == 2)
        whole = placed(FILTERS[name], shrink, is_scaled=False)
        matrix = axis_operator(whole, true_size, factor, factor == 2, 1).dense()
        blocks = matrix.reshape(LENGTH, -1, 8)
        weights = blocks[..., count:] @ dct_matrix(8)[count:]
        # Samples lie within 128 of their middle.
        levels = 128 * np.abs(weights).sum(axis=(1, 2))
        worst, middle = max(worst, levels.max()), max(middle, float(np.median(levels)))
    assert 5 < worst <= 26
    assert 2 < middle <= 9.5


def test_the_other_columns_stay_as_they_are() -> None:
    axis = placed(FILTERS["bilinear"], 11.7)
    whole = placed(FILTERS["bilinear"], 11.7, is_scaled=False)
    for block in (1, 8):
        made = axis_operator(axis, axis.source, 1, False, block).dense()
        expected = axis_operator(whole, axis.source, 1, False, block).dense()
        is_used = np.arange(made.shape[1]) % 8 < 4
        np.testing.assert_array_equal(made[:, is_used], expected[:, is_used])
        assert not made[:, ~is_used].any()
        assert np.abs(expected[:, ~is_used]).max() > 1e-3


def test_an_axis_that_shows_nothing() -> None:
    axis = AxisPlacement(160, 8, 100, 8, FILTERS["bilinear"], is_scaled=True)
    assert not taps_of(axis).level.any()
    assert used_frequencies(axis, 160, 1, False) == 2
    assert not axis_operator(axis, 160, 1, False, 8).dense().any()


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("color", ["RGB", "L"])
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0", "4:2:2", "4:1:1", "gray"])
def test_the_ingest_is_the_decode_of_low_frequencies(
    sampling: str, color: Any, orientation: int
) -> None:
    image = random_coefficients(SAMPLINGS[sampling], 8 * 12 + 3, 10 * 19)
    object.__setattr__(image.frame, "orientation", orientation)
    size = (10, 8) if orientation == 1 else (8, 10)
    resize = {"fit": "exact", "filter": "lanczos", "scaled_decoding": True}
    taken = network(size, resize=resize, color=color, orientation=True, scale=1, mean=0, std=1)
    placement = taken.geometry.place(image.frame, taken.size)
    low = used_coefficients(image, placement, color)
    expected = resampled(decode(low, color), placement, (0.0,)).transpose(2, 0, 1)
    made = ingest(image, taken, 1)
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-9)
    # A planted fault: all frequencies.
    whole = resampled(decode(image, color), placement, (0.0,)).transpose(2, 0, 1)
    assert np.abs(made - whole).max() > 1e-2


def photographs(shared: Path, filter: Filter, shrink: float, *, is_scaled: bool) -> NDArray[Any]:
    """Errors in levels of photographs that shrink by so much, pixels of all of them."""
    errors = []
    for file in sorted((shared / "images" / "photos").iterdir())[::4]:
        image = read_coefficients(file)
        size = (round(image.height / shrink), round(image.width / shrink))
        resize = {"fit": "exact", "filter": filter.name, "library": filter.library}
        made = [
            ingest(
                image,
                NetworkInput("image", 3, *size, "NCHW").normalized(
                    preprocess_of({"resize": {**resize, "scaled_decoding": flag}})
                ),
                1,
            )
            for flag in (is_scaled, False)
        ]
        errors.append((made[0] - made[1]).ravel())
    return np.concatenate(errors)


@pytest.mark.parametrize("name", ["bilinear", "bicubic", "lanczos", "area"])
@pytest.mark.parametrize("shrink", [6, 12, 20])
def test_photographs_err_less_than_8_bits(shared: Path, name: str, shrink: float) -> None:
    errors = photographs(shared, FILTERS[name], shrink, is_scaled=True)
    assert np.sqrt((errors**2).mean()) <= 12**-0.5
    assert np.abs(errors).max() <= 8


def test_the_dct_filter_loses_nothing() -> None:
    image = random_coefficients(SAMPLINGS["4:4:4"], 64, 32)
    resize = {"fit": "exact", "filter": "dct", "library": "jpegcompile"}
    for eighths in (1, 2, 4):
        size = (4 * eighths, 8 * eighths)
        scaled = ingest(image, network(size, resize={**resize, "scaled_decoding": True}), 1)
        whole = ingest(image, network(size, resize=resize), 1)
        np.testing.assert_allclose(scaled, whole, rtol=0, atol=1e-12)
