"""What torchvision's transforms and weights say of images, and what is refused of it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.codes import refused
from support.descriptions import HALF, MEAN, STD, refusal

from jpegcompile.errors import UsageError
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


@pytest.mark.parametrize(
    ("transforms", "code"),
    [
        (
            compose(resize(256), transform("ColorJitter")),
            "transform-unknown",
        ),
        (
            compose(resize(256, max_size=300), TO_TENSOR),
            "transform-max-size",
        ),
        (
            compose(CROP, resize(256), TO_TENSOR),
            "transform-order-unsupported",
        ),
        (
            compose(transform("TenCrop", size=[224], vertical_flip=True)),
            "transform-vertical-flip",
        ),
        (
            compose(TO_TENSOR, NORMALIZE, NORMALIZE),
            "transform-order-unsupported",
        ),
        (
            compose(resize(256, antialias=None)),
            "preprocess-field-not-boolean",
        ),
        (
            compose(resize(256, interpolation=interpolation("box"))),
            "transform-interpolation-unknown",
        ),
        (
            compose(resize("256"), TO_TENSOR),
            "transform-size-invalid",
        ),
        (
            compose(transform("Grayscale", num_output_channels=3)),
            "transform-grayscale-channels",
        ),
        (
            compose(transform("ToDtype", dtype="torch.uint8", scale=True)),
            "transform-dtype-unsupported",
        ),
    ],
)
def test_transforms_refusals(transforms: Any, code: str) -> None:
    assert refusal(transforms) == code


def test_the_error_says_which_transform_it_is() -> None:
    with refused("transform-max-size", UsageError) as caught:
        preprocess_of(compose(resize(256, max_size=300), TO_TENSOR))
    assert str(caught.value).startswith("preprocessing: transforms[0] (Resize): max_size is 300")


def test_something_else() -> None:
    assert refusal(3) == "preprocess-type-unknown"


def test_names_of_weights() -> None:
    assert preprocess_of("torchvision:resnet50.IMAGENET1K_V2") == PRESETS["IMAGENET1K_V2"]
    made = preprocess_of("torchvision:inception_v3.IMAGENET1K_V1").geometry
    assert made == Geometry(Resize("short", 342), Crop(size=(299, 299)))
    assert preprocess_of("torchvision:efficientnet_v2_l.IMAGENET1K_V1").mean == HALF
    with refused("torchvision-weights-unknown", UsageError) as caught:
        preprocess_of("torchvision:resnet18.IMAGENET1K_V2")
    assert "use torchvision:resnet18.IMAGENET1K_V1" in str(caught.value)
    assert refusal("torchvision:resnet") == "torchvision-weights-unknown"


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
