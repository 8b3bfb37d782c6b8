"""Descriptions of preprocessing that many networks have in common, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.steps import Crop, Filter, Resize, Size

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _imagenet(crop_ratio: float, filter: Filter) -> Preprocess:
    """Short side to the network's size divided by `crop_ratio`, then the middle of it."""
    geometry = Geometry(Resize("short", None, crop_ratio, filter), Crop())
    return Preprocess(1 / 255, _IMAGENET_MEAN, _IMAGENET_STD, geometry=geometry)


PRESETS: Mapping[str, Preprocess] = {
    # Of a network for 224x224: resize 256, crop 224.
    "imagenet": _imagenet(0.875, Filter("bilinear")),
    "imagenet-bicubic": _imagenet(0.875, Filter("bicubic")),
    # torchvision's second set of weights: resize 232, crop 224.
    "imagenet-v2": _imagenet(224 / 232, Filter("bilinear")),
    # For files that have the network's size.
    "imagenet-unresized": Preprocess(1 / 255, _IMAGENET_MEAN, _IMAGENET_STD),
    "cifar10": Preprocess(1 / 255, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "unit": Preprocess(1 / 255),
    "none": Preprocess(),
}

# Networks of fewer pixels a side are made for images of their own size, as those of CIFAR are.
_SMALLEST_OF_PHOTOGRAPHS = 96


def for_network(preprocess: Preprocess, network: Size) -> Preprocess:
    """What a preset means for a network's (height, width).

    Small networks that are trained with the mean and the deviation of ImageNet take images of their
    own size: for them such a preset is the normalisation alone. What is no preset stays as it is.
    """
    if min(network) >= _SMALLEST_OF_PHOTOGRAPHS or preprocess not in PRESETS.values():
        return preprocess
    return replace(preprocess, geometry=Geometry())
