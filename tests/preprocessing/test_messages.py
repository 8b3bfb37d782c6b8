"""Invalid fields of preprocessing are refused, with the source of the description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.codes import refused

from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Filter, Resize


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"resize": "big"}, "preprocess-field-not-a-pair"),
        ({"resize": [1, 2, 3]}, "preprocess-field-not-a-pair"),
        ({"resize": 0}, "resize-size-out-of-range"),
        ({"resize": [5, 70000]}, "resize-size-out-of-range"),
        (
            {"resize": {"sizes": 3}},
            "preprocess-field-unknown",
        ),
        ({"resize": {"fit": "crop"}}, "resize-fit-unknown"),
        ({"resize": {"fit": 3}}, "preprocess-field-not-text"),
        (
            {"resize": {"fit": "short", "size": [3, 4]}},
            "resize-short-side-not-one-number",
        ),
        (
            {"resize": {"filter": "cubic"}},
            "resize-filter-unknown",
        ),
        (
            {"resize": {"filter": "area-enlarging", "library": "opencv"}},
            "resize-filter-unknown",
        ),
        (
            {"resize": {"library": "cv2"}},
            "resize-library-unknown",
        ),
        (
            {"resize": {"antialias": False}},
            "resize-antialias-not-optional",
        ),
        (
            {"resize": {"library": "torchvision", "antialias": "no"}},
            "preprocess-field-not-boolean",
        ),
        (
            {"resize": {"scaled_decoding": 1}},
            "preprocess-field-not-boolean",
        ),
        (
            {"resize": {"scaled_decoding": True, "library": "opencv"}},
            "scaled-decoding-without-antialias",
        ),
        (
            {"resize": {"crop_ratio": 1.5}},
            "resize-crop-ratio-out-of-range",
        ),
        ({"resize": {"crop_ratio": "1"}}, "preprocess-field-not-a-number"),
        (
            {"resize": {"crop_ratio": 0.875, "size": 256}},
            "resize-crop-ratio-with-size",
        ),
        (
            {"resize": {"fit": "long"}},
            "resize-long-without-crop",
        ),
        ({"crop": "middle"}, "crop-position-unknown"),
        ({"crop": 3}, "preprocess-field-not-a-pair"),
        ({"crop": [1, 99999]}, "crop-position-out-of-range"),
        ({"crop": {"rounding": "up"}}, "crop-rounding-unknown"),
        ({"crop": {"size": [0, 4]}}, "crop-size-out-of-range"),
        (
            {"crop": {"offset": 1}},
            "preprocess-field-unknown",
        ),
        ({"fill": 256}, "fill-out-of-range"),
        ({"fill": []}, "fill-empty"),
        ({"fill": [1, None]}, "preprocess-field-not-a-number"),
        ({"flip": 1}, "preprocess-field-not-boolean"),
        ({"mirror": "no"}, "preprocess-field-not-boolean"),
        ({"orientation": None}, "preprocess-field-not-boolean"),
        ({"views": "six"}, "views-unknown"),
        (
            {"views": "ten", "crop": "top-left"},
            "views-crop-not-centered",
        ),
        ({"preset": 3}, "preset-unknown"),
        ({"decoder": "turbo"}, "decoder-unknown"),
    ],
)
def test_messages(data: dict[str, Any], code: str, tmp_path: Path) -> None:
    path = tmp_path / "how.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    for spec, where in ((data, "preprocessing"), (path, str(path))):
        with refused(code, UsageError) as caught:
            preprocess_of(spec)
        assert str(caught.value).startswith(f"{where}: ")


def test_a_preset_whose_fields_are_replaced() -> None:
    made = preprocess_of({"preset": "imagenet", "resize": 300, "flip": True})
    base = preprocess_of("imagenet")
    assert made.geometry.resize == preprocess_of({"resize": 300}).geometry.resize
    assert (made.geometry.crop, made.mean, made.std) == (base.geometry.crop, base.mean, base.std)
    assert made.geometry.flip
    assert preprocess_of({"preset": "imagenet", "resize": None}).geometry.resize is None


def test_records_are_checked_wherever_they_are_made() -> None:
    with refused("resize-antialias-not-optional", UsageError):
        Filter("bilinear", antialias=False)
    with refused("resize-filter-unknown", UsageError):
        Filter("area")
    with refused("resize-crop-ratio-with-size", UsageError):
        Resize("pad", crop_ratio=0.5)
    with refused("resize-long-without-crop", UsageError):
        Geometry(Resize("long"))
