"""What torchvision's transforms and weights say of images, and what is refused of it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.descriptions import HALF, MEAN, STD, refusal

from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Crop, Filter, Resize
from jpegcompile.preprocessing.torchvision_weights import PREFIX, WEIGHTS, of_weights


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


@pytest.mark.parametrize(("name", "views"), [("FiveCrop", "five"), ("TenCrop", "ten")])
def test_compose_of_several_views(name: str, views: Any) -> None:
    """Transforms of the second version take the tuples that these give."""
    crops = transform(name, size=(224, 224), vertical_flip=False)
    made = preprocess_of(compose(resize(256), crops, TO_TENSOR, NORMALIZE))
    one = PRESETS["IMAGENET1K_V1"]
    assert made == replace(one, geometry=replace(one.geometry, views=views))


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
            "transforms[1] is ColorJitter; known are Resize, CenterCrop, FiveCrop, TenCrop,"
            " Grayscale, ToTensor, MaybeToTensor, ToImage, PILToTensor, ConvertImageDtype, ToDtype,"
            " Normalize, " + REMEDY,
        ),
        (
            compose(resize(256, max_size=300), TO_TENSOR),
            "transforms[0] (Resize): max_size is 300, which is not supported; leave it out",
        ),
        (
            compose(CROP, resize(256), TO_TENSOR),
            "transforms[1] (Resize): it stands behind a crop; use each once, in the usual order",
        ),
        (
            compose(transform("TenCrop", size=[224], vertical_flip=True)),
            "transforms[0] (TenCrop): vertical_flip is True, which turns images over; only False is"
            " supported",
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
