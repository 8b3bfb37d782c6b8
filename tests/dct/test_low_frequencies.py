"""Filter "dct": m of 8 frequencies of each block, as m pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_coefficients, random_file
from support.preprocessing import assert_as_reference
from support.preprocessing import network as preprocessed

from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.decode import decode
from jpegcompile.dct.ingest import ingest, ingest_operators
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Filter
from jpegcompile.runtime.preprocessor import Preprocessor

RESIZE = {"fit": "exact", "filter": "dct", "library": "jpegcompile"}
EIGHTHS = range(1, 9)


def network(height: int, width: int, channels: int = 3) -> NetworkInput:
    taken = NetworkInput("image", channels, height, width, "NCHW")
    return taken.normalized(preprocess_of({"resize": RESIZE}))


def basis(order: int) -> NDArray[np.float64]:
    """Rows are the cosines of each frequency: T.81, A.3.3, for any order."""
    places = (2 * np.arange(order) + 1) * np.pi / (2 * order)
    rows = np.cos(np.arange(order)[:, None] * places)
    scales = np.where(np.arange(order)[:, None] == 0, 1, np.sqrt(2)) / np.sqrt(order)
    return np.asarray(rows * scales, np.float64)


def shrunk(pixels: NDArray[np.float64], eighths: int) -> NDArray[np.float64]:
    """[H, W, ...] with every 8x8 block by m x m of its frequencies, with sides filled up."""
    height, width = pixels.shape[:2]
    ends = [(0, -side % 8) for side in (height, width)]
    filled = np.pad(pixels, [*ends, *[(0, 0)] * (pixels.ndim - 2)], mode="edge")
    made = np.zeros((*(side * eighths // 8 for side in filled.shape[:2]), *pixels.shape[2:]))
    small, large = basis(eighths), basis(8)[:eighths]
    to_small = small.T @ large * np.sqrt(eighths / 8)
    for row in range(0, filled.shape[0], 8):
        for column in range(0, filled.shape[1], 8):
            block = filled[row : row + 8, column : column + 8]
            top, left = row * eighths // 8, column * eighths // 8
            made[top : top + eighths, left : left + eighths] = np.einsum(
                "ai,ij...,bj->ab...", to_small, block, to_small
            )
    return made[: height * eighths // 8, : width * eighths // 8]


@pytest.mark.parametrize("eighths", EIGHTHS)
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0", "4:2:2", "gray"])
@pytest.mark.parametrize("size", [(32, 48), (24, 40)])
def test_pixels_of_the_float_decode(eighths: int, sampling: str, size: tuple[int, int]) -> None:
    image = random_coefficients(SAMPLINGS[sampling], *size[::-1])
    taken = network(size[0] * eighths // 8, size[1] * eighths // 8)
    actual = ingest(image, taken, block=1).transpose(1, 2, 0)
    expected = shrunk(decode(image), eighths)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9)
    moved = shrunk(decode(image) * 1.000001, eighths)
    assert np.abs(actual - moved).max() > 1e-6


def test_a_last_block_that_is_not_full() -> None:
    """500 of 504 pixels: 375 of 378, the last block being filled up with its last pixel."""
    image = random_coefficients(SAMPLINGS["4:2:0"], 60, 100)
    actual = ingest(image, network(75, 45), block=1).transpose(1, 2, 0)
    np.testing.assert_allclose(actual, shrunk(decode(image), 6), rtol=0, atol=1e-9)


@pytest.mark.parametrize("eighths", EIGHTHS)
def test_luma_is_the_small_inverse_dct_of_the_coefficients(eighths: int) -> None:
    image = random_coefficients(SAMPLINGS["4:2:0"], 32, 32)
    size = 4 * eighths
    actual = ingest(image, network(size, size, channels=1), block=1)[0]
    np.testing.assert_allclose(actual, by_coefficients(image, eighths), rtol=0, atol=1e-9)


def by_coefficients(image: Coefficients, eighths: int) -> NDArray[np.float64]:
    low = (image.planes[0] * image.quantization[0].astype(np.float64))[..., :eighths, :eighths]
    inverse = basis(eighths).T
    blocks = np.einsum("ai,rcij,bj->racb", inverse, low, inverse) * (eighths / 8)
    rows, _, columns, _ = blocks.shape
    return np.asarray(128 + blocks.reshape(rows * eighths, columns * eighths), np.float64)


@pytest.mark.parametrize("eighths", range(1, 8))
def test_the_other_frequencies_of_luma_are_not_read(eighths: int) -> None:
    image = random_coefficients(SAMPLINGS["4:4:4"], 32, 32)
    operators = ingest_operators(image.frame, network(4 * eighths, 4 * eighths))
    matrix = operators.rows[0].dense()
    by_frequency = np.abs(matrix).reshape(len(matrix), -1, 8).max(axis=(0, 1))
    assert by_frequency[eighths:].max() < 1e-15
    assert by_frequency[:eighths].min() > 1e-3


def test_what_is_no_number_of_eighths() -> None:
    image = random_coefficients(SAMPLINGS["4:4:4"], 32, 32)

    with refused("image-size-not-eighths", ImageError):
        ingest(image, network(25, 32))
    with refused("image-size-not-eighths", ImageError):
        ingest(image, network(36, 32))
    with refused("resize-filter-unknown", UsageError):
        Filter("box", "jpegcompile")


@pytest.mark.parametrize("eighths", EIGHTHS)
@pytest.mark.parametrize("size", [(32, 48), (100, 60)])
def test_the_native_ingest_makes_the_same(eighths: int, size: tuple[int, int]) -> None:
    if any(side * eighths % 8 for side in size):
        eighths = 4
    taken = preprocessed((size[0] * eighths // 8, size[1] * eighths // 8), resize=RESIZE)
    for sampling in ("4:4:4", "4:2:0"):
        file = random_file(SAMPLINGS[sampling], size[1], size[0])
        assert_as_reference(file, taken, 1)
        assert_as_reference(file, taken, block_size(*taken.size))


def test_the_native_ingest_refuses_the_same() -> None:
    taken = preprocessed((25, 32), resize=RESIZE)
    assert Preprocessor(taken, 1, threads=1).placed(32, 32, 1) is None
    assert Preprocessor(taken, 1, threads=1).placed(40, 32, 1) is not None
