"""Presets, against the libraries' own arithmetic written out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.steps import Filter, Resize

Pixel = NDArray[np.float64]


def keras_caffe(rgb: Pixel) -> Pixel:
    """`_preprocess_numpy_input` of keras.applications.imagenet_utils, as the next two."""
    return rgb[::-1] - [103.939, 116.779, 123.68]


def keras_tf(rgb: Pixel) -> Pixel:
    return rgb / 127.5 - 1.0


def keras_torch(rgb: Pixel) -> Pixel:
    return (rgb / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


@pytest.mark.parametrize(
    ("name", "formula"),
    [("keras-caffe", keras_caffe), ("keras-tf", keras_tf), ("keras-torch", keras_torch)],
)
def test_keras(name: str, formula: Callable[[Pixel], Pixel]) -> None:
    preprocess = PRESETS[name]
    affine = preprocess.affine(3)
    for rgb in np.random.default_rng(1).uniform(0, 255, (20, 3)):
        taken = rgb[::-1] if preprocess.color_for(3) == "BGR" else rgb
        made = taken * affine.scale + affine.shift
        np.testing.assert_allclose(made, formula(rgb), rtol=0, atol=1e-12)
    # keras.utils.load_img(path, target_size=...), whose interpolation is "nearest".
    assert preprocess.geometry == Geometry(Resize("exact", None, filter=Filter("nearest")))


@pytest.mark.parametrize(
    ("name", "short", "crop"),
    [
        ("imagenet", 256, 224),
        ("imagenet-bicubic", 256, 224),
        ("imagenet-v2", 232, 224),
        ("IMAGENET1K_V1", 256, 224),
        ("IMAGENET1K_V2", 232, 224),
        ("imagenet", 512, 448),
        ("imagenet-v2", 464, 448),
    ],
)
def test_imagenet_sizes(name: str, short: int, crop: int) -> None:
    resize = PRESETS[name].geometry.resize
    assert resize is not None
    assert resize.size_of((600, 500), (crop, crop)) == (int(short * 600 / 500), short)
    assert resize.filter.name == ("bicubic" if name == "imagenet-bicubic" else "bilinear")


def test_ratios_are_not_rounded_to_a_pixel_less() -> None:
    for network in range(28, 1500, 28):
        for name, short in (("imagenet", 256), ("imagenet-v2", 232)):
            resize = PRESETS[name].geometry.resize
            assert resize is not None
            made = resize.size_of((99, 99), (network, network))
            assert made == (math.floor(network * short / 224),) * 2
