"""Presets: common preprocessing by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.steps import Crop, Filter, Resize, Size

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BILINEAR, _BICUBIC, _NEAREST = Filter("bilinear"), Filter("bicubic"), Filter("nearest")
# The default of `keras.utils.load_img` with the network's size.
_KERAS = Geometry(Resize("exact", filter=_NEAREST))


def _imagenet(crop_ratio: float, filter: Filter) -> Preprocess:
    """Resize the short side to the network's size / `crop_ratio`, then crop the center."""
    geometry = Geometry(Resize("short", None, crop_ratio, filter), Crop())
    return Preprocess(1 / 255, IMAGENET_MEAN, IMAGENET_STD, geometry=geometry)


def imagenet_sizes(short: int, crop: int, filter: Filter) -> Preprocess:
    """Return preprocessing like torchvision's: resize the short side, then crop the center.

    Args:
        short: short side in pixels.
        crop: side of the square crop in pixels.
        filter: filter of the resize.
    """
    geometry = Geometry(Resize("short", short, filter=filter), Crop(size=(crop, crop)))
    return Preprocess(1 / 255, IMAGENET_MEAN, IMAGENET_STD, geometry=geometry)


# docs/preprocessing.md states the source of each preset.
PRESETS: Mapping[str, Preprocess] = {
    # For a 224x224 network: resize 256, crop 224. For other sizes in proportion.
    "imagenet": _imagenet(224 / 256, _BILINEAR),
    "imagenet-bicubic": _imagenet(224 / 256, _BICUBIC),
    "imagenet-v2": _imagenet(224 / 232, _BILINEAR),
    # For ResNets of torchvision. Other networks: "torchvision:efficientnet_b0.IMAGENET1K_V1".
    "IMAGENET1K_V1": imagenet_sizes(256, 224, _BILINEAR),
    "IMAGENET1K_V2": imagenet_sizes(232, 224, _BILINEAR),
    # The three modes of keras.applications.imagenet_utils.preprocess_input.
    "keras-caffe": Preprocess(1.0, (103.939, 116.779, 123.68), color="BGR", geometry=_KERAS),
    "keras-tf": Preprocess(1 / 127.5, (1.0,), geometry=_KERAS),
    "keras-torch": Preprocess(1 / 255, IMAGENET_MEAN, IMAGENET_STD, geometry=_KERAS),
    # For files of the network's size.
    "imagenet-unresized": Preprocess(1 / 255, IMAGENET_MEAN, IMAGENET_STD),
    "cifar10": Preprocess(1 / 255, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "unit": Preprocess(1 / 255),
    "none": Preprocess(),
}

# Networks with shorter sides, such as networks for CIFAR, expect images of their own size.
_SMALLEST_OF_PHOTOGRAPHS = 96
_OF_PHOTOGRAPHS = ("imagenet", "imagenet-bicubic", "imagenet-v2")


def for_network(preprocess: Preprocess, network: Size) -> Preprocess:
    """Adapt a preset to a network.

    Small networks that use ImageNet's mean and standard deviation read images of their own size.
    For such networks an ImageNet preset keeps only its normalization.

    Args:
        preprocess: any preprocessing; only ImageNet presets are changed.
        network: (height, width) of the network's input.
    """
    is_preset = replace(preprocess, decoder="float") in [PRESETS[name] for name in _OF_PHOTOGRAPHS]
    if min(network) >= _SMALLEST_OF_PHOTOGRAPHS or not is_preset:
        return preprocess
    return replace(preprocess, geometry=Geometry())
