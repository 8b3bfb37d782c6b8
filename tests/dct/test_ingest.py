"""The ingest gives, turned back into pixels, what the decode gives: one affine map, two ways."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from support.coefficient_files import SAMPLINGS, random_coefficients
from support.network_inputs import network_input

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.blocks import block_size, to_spatial
from jpegcompile.dct.color import Color
from jpegcompile.dct.decode import decode
from jpegcompile.dct.ingest import ingest, ingest_operators
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.preprocessing.presets import PRESETS

Doubles = NDArray[np.float64]

IDENTITY = PRESETS["none"].affine(3)
RGB_IDS = tuple(map(ord, "RGB"))


def assert_same(ingested: Doubles, expected: Doubles) -> None:
    """Samples are a few hundred in size, and float64 has sixteen digits."""
    pixels = to_spatial(ingested, block_size(*ingested.shape[1:])).transpose(1, 2, 0)
    assert pixels.shape == expected.shape
    np.testing.assert_allclose(pixels, expected, rtol=0, atol=1e-10)


def ingested(image: Coefficients, color: Color, affine: ChannelAffine) -> Doubles:
    """At the image's own size."""
    return ingest(image, network_input(image.frame, color, affine))


def assert_ingest_is_decode(image: Coefficients, color: Color, affine: ChannelAffine) -> None:
    expected = decode(image, color) * affine.scale + affine.shift
    assert_same(ingested(image, color, affine), expected)


@pytest.mark.parametrize(
    "size", [(40, 32), (36, 20), (34, 26), (33, 31), (8, 8), (4, 4), (5, 3), (1, 1), (2, 40)]
)
@pytest.mark.parametrize("name", SAMPLINGS)
def test_every_sampling_and_block_size(name: str, size: tuple[int, int]) -> None:
    assert_ingest_is_decode(random_coefficients(SAMPLINGS[name], *size), "RGB", IDENTITY)


@pytest.mark.parametrize("color", ["RGB", "BGR", "L"])
@pytest.mark.parametrize("name", ["4:2:0", "4:4:0", "luma subsampled", "gray"])
@pytest.mark.parametrize("preset", PRESETS)
def test_color_and_normalization(name: str, color: Color, preset: str) -> None:
    affine = PRESETS[preset].affine(3)
    if color == "L":
        affine = ChannelAffine(affine.scale[1:2], affine.shift[1:2])
    assert_ingest_is_decode(random_coefficients(SAMPLINGS[name], 40, 24), color, affine)


@pytest.mark.parametrize("sampling", [SAMPLINGS["4:2:0"], ((2, 2), (1, 2), (2, 1))])
@pytest.mark.parametrize("color", ["RGB", "L"])
def test_rgb_coded(sampling: tuple[tuple[int, int], ...], color: Color) -> None:
    coefficients = random_coefficients(sampling, 36, 20, component_ids=RGB_IDS)
    assert coefficients.color_space == "rgb"
    affine = IDENTITY if color == "RGB" else ChannelAffine(np.array([2.0]), np.array([-3.0]))
    assert_ingest_is_decode(coefficients, color, affine)


def test_a_flat_image_is_dc_alone() -> None:
    coefficients = Coefficients(
        (np.zeros((2, 3, 8, 8), np.int16),),
        np.ones((1, 8, 8), np.uint16),
        Frame(16, 24, ((1, 1),), "gray"),
        False,
    )
    affine = ChannelAffine(np.array([0.5]), np.array([3.0]))
    expected = np.zeros((1, 16, 24))
    expected[:, ::8, ::8] = 8 * (128 * 0.5 + 3.0)
    np.testing.assert_array_equal(ingested(coefficients, "L", affine), expected)


def test_shapes_of_operators() -> None:
    frame = random_coefficients(SAMPLINGS["4:2:0"], 36, 20).frame
    operators = ingest_operators(frame, network_input(frame, "RGB", IDENTITY))
    shapes = [(matrix.outputs, matrix.inputs) for matrix in operators.rows]
    assert shapes == [(20, 24), (20, 16), (20, 16)]
    shapes = [(matrix.outputs, matrix.inputs) for matrix in operators.columns]
    assert shapes == [(36, 40), (36, 24), (36, 24)]
    assert operators.block == 4
    assert operators.mixing.shape == (3, 3)
    np.testing.assert_array_equal(operators.offset, [128.0] * 3)


def test_fractional_and_uneven_sampling_are_refused() -> None:
    fractional = random_coefficients(((3, 2), (2, 1), (2, 1)), 20, 11)
    with pytest.raises(ImageError) as caught:
        ingested(fractional, "RGB", IDENTITY)
    assert str(caught.value) == (
        "component 1 is subsampled by a fraction (3/2 x 2/1);"
        " save the image with whole sampling factors"
    )
    uneven = random_coefficients(((2, 2), (1, 1), (2, 1)), 20, 11)
    with pytest.raises(ImageError) as caught:
        ingested(uneven, "RGB", IDENTITY)
    assert str(caught.value) == (
        "Cb and Cr are sampled differently (1x1 and 2x1); save the image with one chroma sampling"
    )


@pytest.mark.parametrize("fault", ["one coefficient", "offset", "replication"])
def test_planted_faults_are_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    coefficients = random_coefficients(SAMPLINGS["4:2:0"], 40, 24)
    expected, affine = decode(coefficients), IDENTITY
    assert_same(ingested(coefficients, "RGB", affine), expected)
    if fault == "offset":
        affine = ChannelAffine(affine.scale, affine.shift + 1e-8)
    elif fault == "replication":
        monkeypatch.setattr("jpegcompile.dct.upsampling._TRIANGLE_FACTORS", set())
    result = ingested(coefficients, "RGB", affine)
    if fault == "one coefficient":
        result[1, 9, 3] += 1e-8
    with pytest.raises(AssertionError, match="Mismatched elements"):
        assert_same(result, expected)
