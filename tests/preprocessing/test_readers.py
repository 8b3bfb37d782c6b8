"""What timm, transformers and torchvision say of images, and what is refused of it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Crop, Filter, Resize
from jpegcompile.preprocessing.torchvision_weights import PREFIX, WEIGHTS, of_weights

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


def refusal(spec: Any) -> str:
    with pytest.raises(UsageError) as caught:
        preprocess_of(spec)
    return str(caught.value)


def without(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in data.items() if other != name}


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


def interpolation(name: str) -> SimpleNamespace:
    """As torchvision's enumeration."""
    return SimpleNamespace(value=name)


def transform(name: str, **attributes: Any) -> Any:
    """An object that has a class of that name, as torchvision's transforms."""
    return type(name, (), attributes)()


def resize(size: Any, **attributes: Any) -> Any:
    defaults = {"interpolation": interpolation("bilinear"), "antialias": True, "max_size": None}
    return transform("Resize", size=size, **{**defaults, **attributes})


def compose(*transforms: Any) -> Any:
    return SimpleNamespace(transforms=list(transforms))


CROP = transform("CenterCrop", size=(224, 224))
TO_TENSOR = transform("ToTensor")
NORMALIZE = transform("Normalize", mean=list(MEAN), std=np.array(STD))


def test_transforms_of_weights() -> None:
    weights = SimpleNamespace(
        crop_size=[224],
        resize_size=[232],
        mean=list(MEAN),
        std=list(STD),
        interpolation=interpolation("bilinear"),
        antialias=True,
    )
    assert preprocess_of(weights) == PRESETS["IMAGENET1K_V2"]
    weights.antialias = False
    made = preprocess_of(weights).geometry.resize
    assert made == Resize("short", 232, filter=Filter("bilinear", "torchvision", False))


def test_compose_of_images() -> None:
    made = preprocess_of(compose(resize(256), CROP, TO_TENSOR, NORMALIZE))
    assert made == PRESETS["IMAGENET1K_V1"]
    exact = resize((224, 200), interpolation=interpolation("lanczos"), antialias=False)
    made = preprocess_of(compose(exact, transform("Grayscale", num_output_channels=1), TO_TENSOR))
    geometry = Geometry(Resize("exact", (224, 200), filter=Filter("lanczos")))
    assert made == Preprocess(1 / 255, color="L", geometry=geometry)


def test_compose_of_tensors() -> None:
    to_float = transform("ToDtype", dtype="torch.float32", scale=True)
    to_plain = transform("ToDtype", dtype="torch.float32", scale=False)
    for antialias in (True, False):
        chosen = Filter("bilinear", "torchvision", antialias)
        made = preprocess_of(compose(resize([256], antialias=antialias), CROP, to_float, NORMALIZE))
        geometry = Geometry(Resize("short", 256, filter=chosen), Crop(size=(224, 224)))
        assert made == Preprocess(1 / 255, MEAN, STD, geometry=geometry)
    nearest = resize(9, interpolation="nearest-exact")
    made = preprocess_of(compose(transform("ToImage"), nearest, to_plain))
    chosen = Filter("nearest-exact", "torchvision")
    assert made == Preprocess(geometry=Geometry(Resize("short", 9, filter=chosen)))


REMEDY = "others are described by resize, crop, scale, mean and std"


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        (
            compose(resize(256), transform("ColorJitter")),
            "transforms[1] is ColorJitter; known are Resize, CenterCrop, Grayscale, ToTensor,"
            " MaybeToTensor, ToImage, PILToTensor, ConvertImageDtype, ToDtype, Normalize, "
            + REMEDY,
        ),
        (
            compose(resize(256, max_size=300), TO_TENSOR),
            "transforms[0] (Resize): max_size is 300, which is not supported; leave it out",
        ),
        (
            compose(CROP, resize(256), TO_TENSOR),
            "transforms[1] (Resize): it stands behind CenterCrop; use each once, in the usual"
            " order",
        ),
        (
            compose(TO_TENSOR, NORMALIZE, NORMALIZE),
            "transforms[2] (Normalize): it stands behind Normalize; use each once, in the usual"
            " order",
        ),
        (
            compose(resize(256, antialias=None)),
            "transforms[0] (Resize): antialias is None; use true or false",
        ),
        (
            compose(resize(256, interpolation=interpolation("box"))),
            "transforms[0] (Resize): interpolation is 'box'; of torchvision, use nearest,"
            " nearest-exact, bilinear, bicubic",
        ),
        (
            compose(resize("256"), TO_TENSOR),
            "transforms[0] (Resize): size is '256'; give whole pixels, one number or two",
        ),
        (
            compose(transform("Grayscale", num_output_channels=3)),
            "transforms[0] (Grayscale): num_output_channels is 3, which repeats luma; only 1 is"
            " supported",
        ),
        (
            compose(transform("ToDtype", dtype="torch.uint8", scale=True)),
            "transforms[0] (ToDtype): dtype is torch.uint8; use torch.float32",
        ),
    ],
)
def test_transforms_refusals(transforms: Any, message: str) -> None:
    assert refusal(transforms) == f"preprocessing: {message}"


def test_something_else() -> None:
    message = "preprocessing is a name, a path, a mapping or torchvision's transforms, not int"
    assert refusal(3) == message


def test_names_of_weights() -> None:
    assert preprocess_of("torchvision:resnet50.IMAGENET1K_V2") == PRESETS["IMAGENET1K_V2"]
    made = preprocess_of("torchvision:inception_v3.IMAGENET1K_V1").geometry
    assert made == Geometry(Resize("short", 342), Crop(size=(299, 299)))
    assert preprocess_of("torchvision:efficientnet_v2_l.IMAGENET1K_V1").mean == HALF
    assert refusal("torchvision:resnet18.IMAGENET1K_V2") == (
        "unknown weights 'torchvision:resnet18.IMAGENET1K_V2';"
        " use torchvision:resnet18.IMAGENET1K_V1"
    )
    assert refusal("torchvision:resnet") == (
        "unknown weights 'torchvision:resnet'; write it as torchvision:resnet50.IMAGENET1K_V2, or"
        " give its JSON"
    )


def test_weights_are_those_of_torchvision() -> None:
    torchvision = pytest.importorskip("torchvision", reason="needs torchvision")
    models = torchvision.models
    names = set()
    for network in models.list_models(module=models):
        for weights in models.get_model_weights(network):
            name = f"{network}.{weights.name}"
            names.add(name)
            assert of_weights(PREFIX + name) == preprocess_of(weights.transforms()), name
    assert names == set(WEIGHTS)
