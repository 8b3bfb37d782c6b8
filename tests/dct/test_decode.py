"""The float decode against Pillow: what differs is Pillow's rounding and clamping, no more."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_coefficients, random_file
from support.images import make_jpeg

from jpegcompile.dct import decode as decode_module
from jpegcompile.dct.blocks import to_spatial
from jpegcompile.dct.color import mixing_matrix
from jpegcompile.dct.decode import component_samples, decode
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.read import read_coefficients

Doubles = NDArray[np.float64]

# (width, height): every width and every height of 1..40, in combinations that have no pattern.
SIZES = [(width, 1 + 17 * width % 40) for width in range(1, 41)]
RGB_IDS = tuple(map(ord, "RGB"))


def pillow_pixels(data: bytes) -> Doubles:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"), np.float64)


def clamped_decode(coefficients: Coefficients, monkeypatch: pytest.MonkeyPatch) -> Doubles:
    """The float decode with libjpeg's two clamps, of samples and of pixels, but no rounding."""
    with monkeypatch.context() as patch:
        patch.setattr(
            decode_module,
            "component_samples",
            lambda *arguments: np.clip(component_samples(*arguments), -128, 127),
        )
        return np.clip(decode(coefficients), 0, 255)


def rounding_bound(coefficients: Coefficients) -> Doubles:
    """How far libjpeg's integers may be from real arithmetic, for each channel.

    Samples: rounded (1/2) after an integer IDCT (jidctint.c). Its first pass keeps 2 fractional
    bits of values scaled by sqrt(8), an error of 1/8 / sqrt(8) each; an orthonormal pass over 8 of
    them adds up to sqrt(8) times that, 1/8. Constants have 13 bits and at most 4 of them make one
    entry of the scaled matrix: an entry is off by 2^-12 / sqrt(8) and its partner in the other pass
    is 1/2 at most, so both passes together are off by 2^-12 / sqrt(8) times the sum of magnitudes
    of a block. A triangle filter rounds once more (1/2), and so does the color transform, whose
    constants have 16 bits (two products of 128 x 2^-17). Clamping enlarges no difference.
    """
    mixing: Doubles = np.abs(mixing_matrix(coefficients.color_space, "RGB"))
    bound = np.full(3, 0.5 + 2**-9 if coefficients.color_space == "ycbcr" else 0.0)
    for index, plane in enumerate(coefficients.planes):
        magnitudes = np.abs(plane * coefficients.quantization[index].astype(np.float64))
        constants = 2**-12 / np.sqrt(8) * magnitudes.sum(axis=(2, 3)).max()
        triangle = Upsampling.of(coefficients.frame, index).triangle
        bound += mixing[:, index] * (0.5 + 0.125 + constants + 0.5 * triangle)
    return bound


def assert_explained(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Doubles:
    """Pillow's pixels are those of the clamped decode within its rounding; gives differences."""
    coefficients = read_coefficients(data)
    difference = np.abs(pillow_pixels(data) - clamped_decode(coefficients, monkeypatch))
    excess = difference.max(axis=(0, 1)) - rounding_bound(coefficients)
    assert excess.max() <= 0, f"beyond rounding by {excess}"
    return difference


def mean_over_sizes(
    monkeypatch: pytest.MonkeyPatch, mode: str = "RGB", **options: Any
) -> tuple[float, float]:
    """Mean difference over all sizes, of the clamped decode."""
    differences = [
        assert_explained(make_jpeg(*size, mode, **options), monkeypatch) for size in SIZES
    ]
    joined = np.concatenate([difference.ravel() for difference in differences])
    return float(joined.mean()), float(joined.max())


# Variance of an upsampled chroma sample, in twelfths: a triangle filter averages the roundings of
# the samples (weights 9 and 1 of 16 an axis) and rounds again, to quarters or to sixteenths.
CHROMA_VARIANCE = {"4:4:4": 1.0, "4:2:2": 10 / 16 + 9 / 8, "4:2:0": (10 / 16) ** 2 + 1.0}


@pytest.mark.parametrize("quality", [100, 85, 10])
@pytest.mark.parametrize("subsampling", CHROMA_VARIANCE)
def test_pillow_files(subsampling: str, quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds for every pixel; on average roundings are uniform and independent.

    Luma, chroma and the result are rounded, each with variance 1/12, and the sum is near to normal:
    its mean magnitude is sqrt(2 / pi) standard deviations. That is 0.45, 0.52, 0.49 gray levels.
    """
    mean, most = mean_over_sizes(monkeypatch, quality=quality, subsampling=subsampling)
    gains = np.sum(mixing_matrix("ycbcr", "RGB")[:, 1:] ** 2, axis=1)
    variance = (2 + gains * CHROMA_VARIANCE[subsampling]) / 12
    assert mean < np.sqrt(2 / np.pi * variance).mean() + 0.02
    assert most < 3.4


@pytest.mark.parametrize("quality", [100, 10])
def test_pillow_grey(quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One rounding: uniform in -1/2..1/2 its mean magnitude is 1/4."""
    mean, most = mean_over_sizes(monkeypatch, "L", quality=quality)
    assert mean < 0.27
    assert most < 0.65


def test_pillow_rgb_coded(monkeypatch: pytest.MonkeyPatch) -> None:
    mean, _ = mean_over_sizes(monkeypatch, keep_rgb=True, quality=90)
    assert mean < 0.27


@pytest.mark.parametrize("size", [(40, 33), (17, 9), (3, 5), (4, 4), (1, 1), (2, 40), (9, 1)])
@pytest.mark.parametrize("name", SAMPLINGS)
def test_hand_made_sampling(
    name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_explained(random_file(SAMPLINGS[name], *size), monkeypatch)


@pytest.mark.parametrize("name", ["4:4:4", "4:2:2", "4:2:0"])
def test_rgb_by_component_ids(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = random_file(SAMPLINGS[name], 33, 18, component_ids=RGB_IDS)
    assert read_coefficients(data).color_space == "rgb"
    assert_explained(data, monkeypatch)


def test_rgb_may_sample_every_component_differently(monkeypatch: pytest.MonkeyPatch) -> None:
    data = random_file(((2, 2), (1, 2), (2, 1)), 33, 18, component_ids=RGB_IDS)
    assert_explained(data, monkeypatch)


def test_nothing_is_clamped() -> None:
    pixels = decode(random_coefficients(SAMPLINGS["4:4:4"], 64, 64))
    assert pixels.min() < 0
    assert pixels.max() > 255


def test_colors() -> None:
    coefficients = random_coefficients(SAMPLINGS["4:2:0"], 33, 18)
    rgb, bgr, luma = (decode(coefficients, color) for color in ("RGB", "BGR", "L"))
    np.testing.assert_array_equal(bgr, rgb[..., ::-1])
    assert luma.shape == (18, 33, 1)
    np.testing.assert_array_equal(luma[..., 0], component_samples(coefficients, 0) + 128)
    # JFIF: luma is a mean of the channels; its matrix has 9 digits.
    np.testing.assert_allclose(rgb @ [0.299, 0.587, 0.114], luma[..., 0], rtol=0, atol=1e-6)


def test_grey_fills_all_channels() -> None:
    coefficients = random_coefficients(SAMPLINGS["gray"], 20, 11)
    rgb = decode(coefficients)
    np.testing.assert_array_equal(rgb, np.repeat(decode(coefficients, "L"), 3, axis=2))


def test_fractional_and_uneven_sampling_are_refused() -> None:
    fractional = random_coefficients(((3, 2), (2, 1), (2, 1)), 20, 11)
    with refused("sampling-fractional", ImageError):
        decode(fractional)
    uneven = random_coefficients(((2, 2), (1, 1), (2, 1)), 20, 11)
    with refused("chroma-sampled-differently", ImageError):
        decode(uneven)


@pytest.mark.parametrize("fault", ["swapped chroma", "replication", "less luma", "scale"])
def test_planted_faults_are_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_jpeg(40, 33, quality=90, subsampling="4:2:0")
    assert_explained(data, monkeypatch)
    if fault == "swapped chroma":
        monkeypatch.setattr(
            decode_module, "mixing_matrix", lambda *a: mixing_matrix(*a)[:, [0, 2, 1]]
        )
    elif fault == "replication":
        monkeypatch.setattr("jpegcompile.dct.upsampling._TRIANGLE_FACTORS", set())
    elif fault == "less luma":
        monkeypatch.setattr(
            decode_module, "mixing_matrix", lambda *a: mixing_matrix(*a) - [[0.05, 0, 0]]
        )
    else:
        monkeypatch.setattr(decode_module, "to_spatial", lambda x, b: to_spatial(x * 1.05, b))
    with pytest.raises(AssertionError, match="beyond rounding"):
        assert_explained(data, monkeypatch)
