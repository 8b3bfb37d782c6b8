"""Color: from the components of a file to the channels of a model."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from jpegcompile.dct.color import Color, check_chroma_sampling, mixing_matrix
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import ColorSpace, Frame

BT601 = np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("source", get_args(ColorSpace))
@pytest.mark.parametrize("wanted", get_args(Color))
def test_shapes_and_grey_axis(source: ColorSpace, wanted: Color) -> None:
    matrix = mixing_matrix(source, wanted)
    assert matrix.shape == (1 if wanted == "L" else 3, 1 if source == "gray" else 3)
    # A gray pixel g has components (g, 0, 0), relative to 128, or (g, g, g) if the file holds RGB.
    gray = np.ones(3) if source == "rgb" else np.eye(3)[0]
    np.testing.assert_allclose(matrix @ gray[: matrix.shape[1]], 1.0, rtol=0, atol=1e-15)


def test_jfif() -> None:
    expected = [[1, 0, 1.402], [1, -0.344136286, -0.714136286], [1, 1.772, 0]]
    np.testing.assert_array_equal(mixing_matrix("ycbcr", "RGB"), expected)


def test_jfif_inverts_the_luma_of_bt601() -> None:
    """JFIF 1.02, page 3: Y = 0.299 R + 0.587 G + 0.114 B, Cb = (B - Y) / 1.772, Cr likewise."""
    to_ycbcr = np.array([BT601, ([0, 0, 1] - BT601) / 1.772, ([1, 0, 0] - BT601) / 1.402])
    product = mixing_matrix("ycbcr", "RGB") @ to_ycbcr
    np.testing.assert_allclose(product, np.eye(3), rtol=0, atol=1e-9)


def test_bgr_is_rgb_backwards() -> None:
    rgb, bgr = mixing_matrix("ycbcr", "RGB"), mixing_matrix("ycbcr", "BGR")
    np.testing.assert_array_equal(bgr, rgb[::-1])
    np.testing.assert_array_equal(mixing_matrix("rgb", "BGR"), np.eye(3)[::-1])


def test_luma_of_each_source() -> None:
    np.testing.assert_array_equal(mixing_matrix("ycbcr", "L"), [[1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(mixing_matrix("gray", "L"), [[1.0]])
    np.testing.assert_array_equal(mixing_matrix("rgb", "L"), [BT601])


def test_different_chroma_sampling_is_refused() -> None:
    with pytest.raises(ImageError) as caught:
        check_chroma_sampling(Frame(8, 8, ((2, 2), (1, 1), (1, 2)), "ycbcr"))
    assert str(caught.value) == (
        "Cb and Cr are sampled differently (1x1 and 1x2); save the image with one chroma sampling"
    )


def test_sampling_of_rgb_and_grey_is_free() -> None:
    check_chroma_sampling(Frame(8, 8, ((2, 2), (1, 1), (1, 2)), "rgb"))
    check_chroma_sampling(Frame(8, 8, ((3, 3),), "gray"))
    check_chroma_sampling(Frame(8, 8, ((2, 2), (2, 1), (2, 1)), "ycbcr"))
