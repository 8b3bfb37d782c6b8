"""All views of an image are made of one decode and one resize."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.bench_targets import SHORT, target_of
from support.images import make_jpeg
from support.mixed_files import mixed_file

from jpegcompile.dct import resampled
from jpegcompile.errors import ImageError
from jpegcompile.evaluation.pillow import pillow_input
from jpegcompile.jpeg.pixel_fallback import PixelFallback
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.runtime import input_tensors
from jpegcompile.runtime.input_tensors import original_input

FILE, PNG = make_jpeg(97, 61), mixed_file("png", 70, 90)


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[None]:
    """One item for each call of a function from now on."""
    function, calls = getattr(owner, name), list[None]()

    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(None)
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)
    return calls


def test_one_decode_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    image = read_coefficients(FILE)
    for decoder, name in (("float", "decode"), ("libjpeg-turbo", "integer_pixels")):
        calls = counted(monkeypatch, input_tensors, name)
        target = target_of({**SHORT, "views": "ten", "decoder": decoder})
        made = original_input(image, target.preprocess, target.taken)
        assert len(calls) == 1
        apart = [original_input(image, one.preprocess, one.taken) for one in target.views]
        np.testing.assert_array_equal(made, np.stack(apart))


def test_one_decode_for_views_that_take_as_many_frequencies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = read_coefficients(make_jpeg(600, 420))
    calls = counted(monkeypatch, input_tensors, "decode")
    resize = {"size": 36, "scaled_decoding": True}
    target = target_of({"resize": resize, "crop": "center", "views": "ten"})
    made = original_input(image, target.preprocess, target.taken)
    assert len(calls) == 1
    apart = [original_input(image, one.preprocess, one.taken) for one in target.views]
    np.testing.assert_array_equal(made, np.stack(apart))


def test_one_resize_of_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    target = target_of({**SHORT, "views": "ten", "decoder": "libjpeg-turbo"})
    pixels = PixelFallback("pixels", "RGB").instead(PNG, ImageError("refused"))
    calls = counted(monkeypatch, Image.Image, "resize")
    made = original_input(pixels, target.preprocess, target.taken)
    by_pillow = pillow_input(PNG, target.preprocess, target.taken)
    assert len(calls) == 2
    apart = [original_input(pixels, one.preprocess, one.taken) for one in target.views]
    np.testing.assert_array_equal(made, np.stack(apart))
    np.testing.assert_array_equal(made, by_pillow)


def test_views_of_the_same_rows_share_their_resize(monkeypatch: pytest.MonkeyPatch) -> None:
    target = target_of({**SHORT, "views": "ten"})
    pixels = PixelFallback("pixels", "RGB").instead(PNG, ImageError("refused"))
    calls = counted(monkeypatch, resampled, "_along_rows")
    made = original_input(pixels, target.preprocess, target.taken)
    # The rows at the top, at the bottom and in the middle; the columns of each view.
    assert len(calls) == 3 + 10
    preprocess = target.preprocess
    one = replace(preprocess, geometry=preprocess.geometry.each_view()[3])
    np.testing.assert_array_equal(made[3], original_input(pixels, one, target.taken))
