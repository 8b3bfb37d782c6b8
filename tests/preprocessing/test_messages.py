"""What is said of fields that are wrong: what, where in the file, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Filter, Resize

SIDES = "pixels, [height, width], or leave it out for the network's size"
CORNERS = "center, top-left, top-right, bottom-left, bottom-right"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"resize": "big"}, f"resize.size is 'big'; give {SIDES}"),
        ({"resize": [1, 2, 3]}, f"resize.size is [1, 2, 3]; give {SIDES}"),
        ({"resize": 0}, "resize.size is 0; give pixels, each from 1 to 65535"),
        ({"resize": [5, 70000]}, "resize.size is (5, 70000); give pixels, each from 1 to 65535"),
        (
            {"resize": {"sizes": 3}},
            "unknown field 'resize.sizes'; known are antialias, crop_ratio, filter, fit, library,"
            " scaled_decoding, size",
        ),
        ({"resize": {"fit": "crop"}}, "resize.fit is 'crop'; use short, long, exact, pad"),
        ({"resize": {"fit": 3}}, "resize.fit is 3; give its name as text"),
        (
            {"resize": {"fit": "short", "size": [3, 4]}},
            "resize.size is [3, 4] but a short side is one number; give one, or set resize.fit to"
            ' "exact"',
        ),
        (
            {"resize": {"filter": "cubic"}},
            "resize.filter is 'cubic'; pillow has nearest, box, bilinear, hamming, bicubic,"
            " lanczos",
        ),
        (
            {"resize": {"filter": "area-enlarging", "library": "opencv"}},
            "resize.filter is 'area-enlarging'; opencv has nearest, bilinear, bicubic, lanczos,"
            " area",
        ),
        (
            {"resize": {"library": "cv2"}},
            "resize.library is 'cv2'; use one of pillow, opencv, tensorflow, torchvision,"
            " onnxruntime, jpegcompile",
        ),
        (
            {"resize": {"antialias": False}},
            "resize.antialias is for torchvision and onnxruntime, and pillow has no choice; leave"
            " it out, or set resize.library to one of these",
        ),
        (
            {"resize": {"library": "torchvision", "antialias": "no"}},
            "resize.antialias is 'no'; use true or false",
        ),
        (
            {"resize": {"scaled_decoding": 1}},
            "resize.scaled_decoding is 1; use true or false",
        ),
        (
            {"resize": {"scaled_decoding": True, "library": "opencv"}},
            "resize.scaled_decoding drops what an antialiasing filter averages out, and opencv's"
            " bilinear does not antialias; leave it out, or choose another filter",
        ),
        (
            {"resize": {"crop_ratio": 1.5}},
            "resize.crop_ratio is 1.5; give more than 0 and at most 1",
        ),
        ({"resize": {"crop_ratio": "1"}}, "resize.crop_ratio is '1'; give a finite number"),
        (
            {"resize": {"crop_ratio": 0.875, "size": 256}},
            "resize.crop_ratio divides the network's size; leave resize.size out, and resize.fit"
            ' other than "pad"',
        ),
        (
            {"resize": {"fit": "long"}},
            'resize.fit is "long", which leaves room; set crop to "center"',
        ),
        ({"crop": "middle"}, f"crop.position is 'middle'; use {CORNERS}, or [top, left] in pixels"),
        ({"crop": 3}, "crop.position is 3; give its name, or [top, left] in pixels"),
        ({"crop": [1, 99999]}, "crop.position is [1, 99999]; give at most 65535 pixels"),
        ({"crop": {"rounding": "up"}}, "crop.rounding is 'up'; use even or down"),
        ({"crop": {"size": [0, 4]}}, "crop.size is [0, 4]; give pixels, each from 1 to 65535"),
        (
            {"crop": {"offset": 1}},
            "unknown field 'crop.offset'; known are position, rounding, size",
        ),
        ({"fill": 256}, "fill is 256; give numbers from 0 to 255"),
        ({"fill": []}, "fill is empty; give a number from 0 to 255, or one for each channel"),
        ({"fill": [1, None]}, "fill is None; give a finite number"),
        ({"flip": 1}, "flip is 1; use true or false"),
        ({"mirror": "no"}, "mirror is 'no'; use true or false"),
        ({"orientation": None}, "orientation is None; use true or false"),
        ({"views": "six"}, "views is 'six'; use one, five or ten"),
        (
            {"views": "ten", "crop": "top-left"},
            'views is "ten", which are crops of their own; set crop.position to "center"',
        ),
        ({"preset": 3}, f"preset is 3; use one of {', '.join(PRESETS)}"),
        ({"decoder": "turbo"}, "decoder is 'turbo'; use float or libjpeg-turbo"),
    ],
)
def test_messages(data: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "how.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    for spec, where in ((data, "preprocessing"), (path, str(path))):
        with pytest.raises(UsageError) as caught:
            preprocess_of(spec)
        assert str(caught.value) == f"{where}: {message}"


def test_a_preset_whose_fields_are_replaced() -> None:
    made = preprocess_of({"preset": "imagenet", "resize": 300, "flip": True})
    base = preprocess_of("imagenet")
    assert made.geometry.resize == preprocess_of({"resize": 300}).geometry.resize
    assert (made.geometry.crop, made.mean, made.std) == (base.geometry.crop, base.mean, base.std)
    assert made.geometry.flip
    assert preprocess_of({"preset": "imagenet", "resize": None}).geometry.resize is None


def test_records_are_checked_wherever_they_are_made() -> None:
    with pytest.raises(
        UsageError, match=r"^resize\.antialias is for torchvision and onnxruntime, and"
    ):
        Filter("bilinear", antialias=False)
    with pytest.raises(UsageError, match=r"^resize\.filter is 'area'; pillow has nearest"):
        Filter("area")
    with pytest.raises(UsageError, match=r"^resize\.crop_ratio divides the network's size"):
        Resize("pad", crop_ratio=0.5)
    with pytest.raises(UsageError, match=r'^resize\.fit is "long", which leaves room'):
        Geometry(Resize("long"))
