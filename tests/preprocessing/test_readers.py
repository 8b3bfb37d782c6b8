"""What timm and transformers say of images, and what is refused of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.descriptions import HALF, MEAN, STD, refusal, without

from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Crop, Filter, Resize

# As timm writes it beside the weights of a network.
TIMM = {
    "architecture": "resnet50",
    "num_classes": 1000,
    "num_features": 2048,
    "pretrained_cfg": {
        "tag": "a1_in1k",
        "custom_load": False,
        "input_size": [3, 224, 224],
        "test_input_size": [3, 288, 288],
        "fixed_input_size": False,
        "interpolation": "bicubic",
        "crop_pct": 0.95,
        "test_crop_pct": 1.0,
        "crop_mode": "center",
        "mean": list(MEAN),
        "std": list(STD),
        "num_classes": 1000,
        "pool_size": [7, 7],
        "first_conv": "conv1",
        "classifier": "fc",
    },
}


def timm(**fields: Any) -> dict[str, Any]:
    return {**TIMM, "pretrained_cfg": {**TIMM["pretrained_cfg"], **fields}}  # type: ignore[dict-item]


def test_timm_config_file(tmp_path: Path) -> None:
    geometry = Geometry(Resize("short", None, 0.95, Filter("bicubic")), Crop())
    path = tmp_path / "config.json"
    path.write_text(json.dumps(TIMM), encoding="utf-8")
    assert preprocess_of(path) == Preprocess(1 / 255, MEAN, STD, geometry=geometry)
    assert preprocess_of(TIMM) == preprocess_of(TIMM["pretrained_cfg"])


@pytest.mark.parametrize(
    ("fields", "geometry"),
    [
        ({"crop_mode": None, "crop_pct": None}, Geometry(Resize("short", None, 0.875), Crop())),
        ({"crop_mode": "squash"}, Geometry(Resize("exact", None, 0.9), Crop())),
        (
            {"crop_mode": "border"},
            Geometry(Resize("long", None, 0.9), Crop(), fill=(128.0, 26.0, 204.0)),
        ),
    ],
)
def test_timm_crop_modes(fields: dict[str, Any], geometry: Geometry) -> None:
    mean = (0.5, 0.1, 0.8)
    config = {"input_size": (3, 32, 32), "crop_pct": 0.9, "interpolation": "bilinear"}
    made = preprocess_of({**config, "mean": mean, "std": STD, **fields})
    assert made == Preprocess(1 / 255, mean, STD, geometry=geometry)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (
            {"interpolation": "random"},
            "timm-interpolation-unknown",
        ),
        (
            {"crop_mode": "tile"},
            "timm-crop-mode-unknown",
        ),
        ({"crop_pct": "1"}, "preprocess-field-not-a-number"),
        ({"crop_pct": 1.2}, "crop-pct-out-of-range"),
        (
            {"gamma": 2},
            "timm-field-unknown",
        ),
    ],
)
def test_timm_refusals(fields: dict[str, Any], code: str) -> None:
    assert refusal(timm(**fields)) == code


def test_timm_config_that_is_none() -> None:
    data = {"architecture": "resnet50", "pretrained_cfg": "a1_in1k"}
    assert refusal(data) == "timm-config-not-an-object"


VIT = {
    "image_processor_type": "ViTImageProcessor",
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 224, "width": 200},
}
CLIP = {
    **VIT,
    "image_processor_type": "CLIPImageProcessorFast",
    "do_center_crop": True,
    "do_convert_rgb": True,
    "crop_size": {"height": 224, "width": 224},
    "resample": 3,
    "size": {"shortest_edge": 256},
}
CONVNEXT = {
    **VIT,
    "image_processor_type": "ConvNextImageProcessor",
    "crop_pct": 0.875,
    "size": {"shortest_edge": 224},
}
CROPPED = Crop(rounding="down", size=(224, 224))


@pytest.mark.parametrize(
    ("data", "geometry"),
    [
        (VIT, Geometry(Resize("exact", (224, 200)))),
        # Of older versions.
        (
            {**VIT, "size": 224, "feature_extractor_type": "ViTFeatureExtractor"}
            | {"image_processor_type": None, "resample": 1},
            Geometry(Resize("exact", (224, 224), filter=Filter("lanczos"))),
        ),
        (CLIP, Geometry(Resize("short", 256, filter=Filter("bicubic")), CROPPED)),
        (
            {**CLIP, "size": 256, "crop_size": 224, "resample": 5},
            Geometry(Resize("short", 256, filter=Filter("hamming")), CROPPED),
        ),
        (
            {**CLIP, "do_center_crop": False, "resample": 4},
            Geometry(Resize("short", 256, filter=Filter("box"))),
        ),
        ({**CLIP, "do_resize": False}, Geometry(None, CROPPED)),
        (CONVNEXT, Geometry(Resize("short", 256), CROPPED)),
        (
            {**CONVNEXT, "size": 384, "resample": 0},
            Geometry(Resize("exact", (384, 384), filter=Filter("nearest"))),
        ),
    ],
)
def test_transformers_geometry(data: dict[str, Any], geometry: Geometry, tmp_path: Path) -> None:
    expected = Preprocess(1 / 255, HALF, HALF, geometry=geometry)
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    made = preprocess_of(path)
    assert (made.geometry, made.mean, made.std) == (geometry, expected.mean, expected.std)
    assert made.scale == pytest.approx(expected.scale, rel=1e-15)


@pytest.mark.parametrize(
    "fields",
    [
        {"do_normalize": False},
        {"do_rescale": False},
        {"include_top": True},
        {"include_top": True, "do_normalize": False},
        {"include_top": False, "rescale_offset": True, "rescale_factor": 1 / 127.5},
        {"include_top": False, "rescale_offset": True, "do_rescale": False},
    ],
)
def test_transformers_numbers(fields: dict[str, Any]) -> None:
    """As transformers computes them, a step at a time."""
    data = {**VIT, "image_processor_type": "EfficientNetImageProcessor", "do_center_crop": False}
    data |= {"include_top": False, "image_mean": [0.1, 0.2, 0.3], "image_std": [2.0, 3.0, 4.0]}
    data |= fields
    pixels = np.array([7.0, 100.0, 255.0])
    expected = pixels
    if data["do_rescale"]:
        expected = expected * data["rescale_factor"] - bool(data.get("rescale_offset"))
    if data["do_normalize"]:
        expected = (expected - data["image_mean"]) / data["image_std"]
    if data["include_top"]:
        expected = expected / data["image_std"]
    affine = preprocess_of(data).affine(3)
    np.testing.assert_allclose(pixels * affine.scale + affine.shift, expected, rtol=1e-13)


def test_transformers_bgr() -> None:
    data = without({**CLIP, "image_processor_type": "MobileViTImageProcessor"}, "do_normalize")
    made = preprocess_of({**data, "do_flip_channel_order": True})
    assert (made.color, made.mean, made.std) == ("BGR", (0.0,), (1.0,))
    assert refusal(data) == "transformers-field-missing"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (
            {**VIT, "image_processor_type": "LevitImageProcessor"},
            "transformers-processor-unknown",
        ),
        (without(VIT, "image_processor_type"), "transformers-processor-unknown"),
        (
            without(VIT, "size"),
            "transformers-field-missing",
        ),
        (
            without(VIT, "do_resize"),
            "transformers-field-missing",
        ),
        (
            without(CLIP, "do_center_crop"),
            "transformers-field-missing",
        ),
        ({**VIT, "resample": 6}, "transformers-resample-unknown"),
        ({**VIT, "size": "big"}, "transformers-size-not-whole"),
        (
            {**CLIP, "size": {"shortest_edge": 800, "longest_edge": 1333}},
            "transformers-size-fields",
        ),
        (
            {**VIT, "do_center_crop": True},
            "transformers-crop-ignored",
        ),
        (
            {**VIT, "do_pad": True},
            "transformers-do-pad",
        ),
        (
            {**CLIP, "do_flip_channel_order": True},
            "transformers-option-ignored",
        ),
        (
            {**VIT, "include_top": True},
            "transformers-option-ignored",
        ),
        (
            {**VIT, "image_std": [0.5, 0, 0.5]},
            "std-zero",
        ),
        ({**CONVNEXT, "crop_pct": 2}, "crop-pct-out-of-range"),
        (
            {"model_type": "vit", "architectures": ["ViTForImageClassification"]},
            "preprocess-model-config",
        ),
    ],
)
def test_transformers_refusals(data: dict[str, Any], code: str) -> None:
    assert refusal(data) == code


def test_transformers_unknown_field() -> None:
    assert refusal({**VIT, "do_thumbnail": True}) == "preprocess-field-unknown"
