"""Images of any size: the ingest is the float decode, resized by Pillow on planes of floats."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support.coefficient_files import SAMPLINGS, random_coefficients

from jpegcompile.dct.blocks import block_size, to_spatial
from jpegcompile.dct.decode import decode
from jpegcompile.dct.ingest import ingest
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import INTERPOLATIONS

PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resized(pixels: NDArray[np.float64], size: tuple[int, int], name: str) -> NDArray[np.float32]:
    """[H, W, C] by Pillow, in float32."""
    planes = [
        np.asarray(Image.fromarray(plane).resize(size[::-1], PILLOW[name]))
        for plane in pixels.astype(np.float32).transpose(2, 0, 1)
    ]
    return np.stack(planes, axis=2)


def network(height: int, width: int, **fields: object) -> NetworkInput:
    taken = NetworkInput("image", 3, height, width, "NCHW")
    return taken.normalized(preprocess_of({"scale": 1 / 255, **fields}))


def pixels_of(image: Coefficients, taken: NetworkInput) -> NDArray[np.float64]:
    """[H, W, C] on the unit scale."""
    return to_spatial(ingest(image, taken), block_size(*taken.size)).transpose(1, 2, 0)


@pytest.mark.parametrize("name", INTERPOLATIONS["pillow"])
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0", "4:2:2", "4:1:1", "grey"])
@pytest.mark.parametrize("size", [(97, 61), (30, 200), (16, 16)])
def test_exact_sizes(name: str, sampling: str, size: tuple[int, int]) -> None:
    image = random_coefficients(SAMPLINGS[sampling], *size)
    taken = network(32, 40, resize={"fit": "exact", "filter": name})
    expected = resized(decode(image), (32, 40), name) / 255
    # Pillow sums in float32.
    np.testing.assert_allclose(pixels_of(image, taken), expected, rtol=0, atol=5e-6)


def test_imagenet_is_resize_and_center_crop() -> None:
    image = random_coefficients(SAMPLINGS["4:2:0"], 500, 375)
    taken = NetworkInput("image", 3, 224, 224, "NCHW").normalized(PRESETS["imagenet"])
    whole = resized(decode(image), (256, 341), "bilinear")
    top, left = round((256 - 224) / 2), round((341 - 224) / 2)
    expected = whole[top : top + 224, left : left + 224] / 255
    expected = (expected - (0.485, 0.456, 0.406)) / np.array((0.229, 0.224, 0.225))
    np.testing.assert_allclose(pixels_of(image, taken), expected, rtol=0, atol=2e-5)
