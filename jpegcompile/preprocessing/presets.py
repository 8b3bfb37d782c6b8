"""Descriptions of preprocessing that many networks have in common, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.steps import Crop, Filter, Resize, Size

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BILINEAR, _BICUBIC, _NEAREST = Filter("bilinear"), Filter("bicubic"), Filter("nearest")
# Keras loads an image at the network's size (`keras.utils.load_img`), by default like this.
_KERAS = Geometry(Resize("exact", filter=_NEAREST))


def _imagenet(crop_ratio: float, filter: Filter) -> Preprocess:
    """Short side to the network's size divided by `crop_ratio`, then the middle of it."""
    geometry = Geometry(Resize("short", None, crop_ratio, filter), Crop())
    return Preprocess(1 / 255, IMAGENET_MEAN, IMAGENET_STD, geometry=geometry)


def imagenet_sizes(short: int, crop: int, filter: Filter) -> Preprocess:
    """Short side to `short` pixels, then the middle `crop` of it, as torchvision's weights say."""
    geometry = Geometry(Resize("short", short, filter=filter), Crop(size=(crop, crop)))
    return Preprocess(1 / 255, IMAGENET_MEAN, IMAGENET_STD, geometry=geometry)


# docs/preprocessing.md says where each comes from.
PRESETS: Mapping[str, Preprocess] = {
    # Of a network for 224x224: resize 256, crop 224; of others in proportion.
    "imagenet": _imagenet(224 / 256, _BILINEAR),
    "imagenet-bicubic": _imagenet(224 / 256, _BICUBIC),
    "imagenet-v2": _imagenet(224 / 232, _BILINEAR),
    # Of torchvision's ResNets; other networks: "torchvision:efficientnet_b0.IMAGENET1K_V1".
    "IMAGENET1K_V1": imagenet_sizes(256, 224, _BILINEAR),
    "IMAGENET1K_V2": imagenet_sizes(232, 224, _BILINEAR),
    # The three modes of keras.applications.imagenet_utils.preprocess_input.
    "keras-caffe": Preprocess(1.0, (103.939, 116.779, 123.68), color="BGR", geometry=_KERAS),
    "keras-tf": Preprocess(1 / 127.5, (1.0,), geometry=_KERAS),
    "keras-torch": Preprocess(1 / 255, IMAGENET_MEAN, IMAGENET_STD, geometry=_KERAS),
    # For files that have the network's size.
    "imagenet-unresized": Preprocess(1 / 255, IMAGENET_MEAN, IMAGENET_STD),
    "cifar10": Preprocess(1 / 255, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "unit": Preprocess(1 / 255),
    "none": Preprocess(),
}

# Networks of fewer pixels a side are made for images of their own size, as those of CIFAR are.
_SMALLEST_OF_PHOTOGRAPHS = 96
_OF_PHOTOGRAPHS = ("imagenet", "imagenet-bicubic", "imagenet-v2")


def for_network(preprocess: Preprocess, network: Size) -> Preprocess:
    """What a preset means for a network's (height, width).

    Small networks that are trained with the mean and the deviation of ImageNet take images of their
    own size: for them such a preset is the normalisation alone. Everything else stays as it is.
    """
    is_preset = replace(preprocess, decoder="float") in [PRESETS[name] for name in _OF_PHOTOGRAPHS]
    if min(network) >= _SMALLEST_OF_PHOTOGRAPHS or not is_preset:
        return preprocess
    return replace(preprocess, geometry=Geometry())
