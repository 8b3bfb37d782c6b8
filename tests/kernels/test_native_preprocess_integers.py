"""Decoder "libjpeg-turbo": the network's input is computed from exactly Pillow's integers."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support.codes import refused
from support.images import make_jpeg
from support.preprocessing import network

from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.errors import UsageError
from jpegcompile.network_input import NetworkInput
from jpegcompile.runtime.preprocessor import Preprocessor

INTEGERS = "libjpeg-turbo"
RESIZE = {"fit": "exact", "filter": "bilinear"}


def by_pillow(data: bytes, taken: NetworkInput) -> NDArray[np.float64]:
    """Return the network's input [C, H, W] from Pillow's resized 8-bit pixels."""
    assert taken.affine is not None
    image = Image.open(io.BytesIO(data)).convert("RGB" if taken.channels == 3 else "L")
    pixels = np.asarray(image.resize(taken.size[::-1], Image.Resampling.BILINEAR), np.float64)
    values = pixels.reshape(*taken.size, -1) * taken.affine.scale + taken.affine.shift
    return np.ascontiguousarray(values.transpose(2, 0, 1))


@pytest.mark.parametrize("block", [1, 2, 4, 8])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("color", ["RGB", "L"])
@pytest.mark.parametrize("size", [(97, 61), (30, 25)])
def test_input_of_integers(block: int, layout: str, color: str, size: tuple[int, int]) -> None:
    taken = network((24, 40), layout, color=color, resize=RESIZE, decoder=INTEGERS)
    data = make_jpeg(*size, quality=90, subsampling="4:2:0")
    batch = Preprocessor(taken, block, threads=1).read([data])
    assert not batch.errors
    image = batch.tensor[0]
    image = image.transpose(2, 0, 1) if layout == "NHWC" else image
    pixels = by_pillow(data, taken)
    if block == 1:
        np.testing.assert_array_equal(image, pixels.astype(np.float32))
    else:
        expected = to_jpeg(pixels, block)
        # Two transforms with about ten sums each, of values of a few units.
        np.testing.assert_allclose(image, expected, rtol=0, atol=2e-5)
        assert np.abs(image - np.roll(expected, 1, axis=2)).max() > 1e-2


def test_errors_end_no_batch() -> None:
    taken = network((24, 40), resize=RESIZE, decoder=INTEGERS)
    good = make_jpeg(97, 61)
    batch = Preprocessor(taken, 1).read([good, good[:300], b"", good])
    assert list(batch.errors) == [1, 2]
    np.testing.assert_array_equal(batch.tensor[0], batch.tensor[3])
    small = network((24, 40), decoder=INTEGERS)
    error = Preprocessor(small, 1).read([good]).errors[0]
    assert str(error).startswith("bytes: ")
    assert "97x61" in str(error)


@pytest.mark.parametrize(
    ("geometry", "code", "value"),
    [
        (
            {"resize": {"library": "opencv", "filter": "area"}},
            "integer-decode-resize-not-pillow",
            "opencv",
        ),
        ({"resize": {"fit": "pad"}, "fill": 103.5}, "integer-decode-fill-not-whole", "103.5"),
    ],
)
def test_preprocessing_that_pillow_does_not_support(
    geometry: dict[str, Any], code: str, value: str
) -> None:
    with refused(code, UsageError) as caught:
        Preprocessor(network((24, 40), decoder=INTEGERS, **geometry))
    assert value in str(caught.value)
