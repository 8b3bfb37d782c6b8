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
    ("fields", "message"),
    [
        (
            {"interpolation": "random"},
            "pretrained_cfg.interpolation is 'random'; use nearest, box, bilinear, hamming,"
            " bicubic, lanczos",
        ),
        (
            {"crop_mode": "tile"},
            "pretrained_cfg.crop_mode is 'tile'; use center, squash, border",
        ),
        ({"crop_pct": "1"}, "pretrained_cfg.crop_pct is '1'; give a finite number"),
        ({"crop_pct": 1.2}, "pretrained_cfg.crop_pct is 1.2; give more than 0 and at most 1"),
        (
            {"gamma": 2},
            "pretrained_cfg.gamma is no field of timm's that is known here; leave it out if images"
            " do not depend on it, or describe them by resize, crop, scale, mean and std",
        ),
    ],
)
def test_timm_refusals(fields: dict[str, Any], message: str) -> None:
    assert refusal(timm(**fields)) == f"preprocessing: {message}"


def test_timm_config_that_is_none() -> None:
    message = refusal({"architecture": "resnet50", "pretrained_cfg": "a1_in1k"})
    assert message == "preprocessing: pretrained_cfg is 'a1_in1k'; give timm's, an object"


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
    message = "do_flip_channel_order is missing, and versions differ in its default; write it out"
    assert refusal(data) == f"preprocessing: {message}"


KNOWN = (
    "known are those of Beit, Bit, CLIP, ConvNext, DeiT, EfficientNet, MobileNetV1, MobileNetV2,"
    " MobileViT, Pvt, Siglip, ViT, others are described by resize, crop, scale, mean and std"
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {**VIT, "image_processor_type": "LevitImageProcessor"},
            f"it is for LevitImageProcessor; {KNOWN}",
        ),
        (without(VIT, "image_processor_type"), f"there is no image_processor_type; {KNOWN}"),
        (
            without(VIT, "size"),
            "size is missing, and versions differ in its default; write it out",
        ),
        (
            without(VIT, "do_resize"),
            "do_resize is missing, and versions differ in its default; write it out",
        ),
        (
            without(CLIP, "do_center_crop"),
            "do_center_crop is missing, and versions differ in its default; write it out",
        ),
        ({**VIT, "resample": 6}, "resample is 6; give a number of PIL.Image.Resampling, 0 to 5"),
        ({**VIT, "size": "big"}, "size is 'big'; give whole pixels"),
        (
            {**CLIP, "size": {"shortest_edge": 800, "longest_edge": 1333}},
            "size has longest_edge, shortest_edge; use height and width, or shortest_edge where"
            " the processor has it",
        ),
        (
            {**VIT, "do_center_crop": True},
            "do_center_crop is true, but this processor never crops; set it to false",
        ),
        (
            {**VIT, "do_pad": True},
            "do_pad is true, which is not supported; describe it by resize and crop",
        ),
        (
            {**CLIP, "do_flip_channel_order": True},
            "do_flip_channel_order is true, which this processor ignores; set it to false",
        ),
        (
            {**VIT, "include_top": True},
            "include_top is true, which this processor ignores; set it to false",
        ),
        (
            {**VIT, "image_std": [0.5, 0, 0.5]},
            "image_mean and image_std: std holds a zero; it divides",
        ),
        ({**CONVNEXT, "crop_pct": 2}, "crop_pct is 2.0; give more than 0 and at most 1"),
        (
            {"model_type": "vit", "architectures": ["ViTForImageClassification"]},
            "this is a model's config.json, which does not say how images are prepared; give the"
            " preprocessor_config.json beside it",
        ),
    ],
)
def test_transformers_refusals(data: dict[str, Any], message: str) -> None:
    assert refusal(data) == f"preprocessing: {message}"


def test_transformers_unknown_field() -> None:
    message = refusal({**VIT, "do_thumbnail": True})
    assert message.startswith("preprocessing: unknown field 'do_thumbnail'; known are ")
