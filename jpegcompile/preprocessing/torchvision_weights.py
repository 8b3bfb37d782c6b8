"""Preprocessing of torchvision's classification weights: "torchvision:resnet50.IMAGENET1K_V2".

The values come from torchvision 0.29: `transforms()` of the weights in
`torchvision.models.get_model_weights(...)`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import imagenet_sizes
from jpegcompile.preprocessing.steps import Filter, Interpolation

PREFIX = "torchvision:"
_Sizes = tuple[int, int, Interpolation]

_V1: _Sizes = (256, 224, "bilinear")
_V2: _Sizes = (232, 224, "bilinear")
_REGNETS = tuple(
    f"regnet_{kind}_{size}"
    for kind in "xy"
    for size in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf")
)
_BOTH = (
    *("resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d"),
    *("wide_resnet50_2", "wide_resnet101_2", "mobilenet_v2", "mobilenet_v3_large", *_REGNETS),
)
_FIRST = (
    *("alexnet", "densenet121", "densenet161", "densenet169", "densenet201", "googlenet"),
    *("mnasnet0_5", "mnasnet1_0", "mobilenet_v3_small", "resnet18", "resnet34"),
    *("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "squeezenet1_0", "squeezenet1_1"),
    *(f"vgg{layers}{norm}" for layers in (11, 13, 16, 19) for norm in ("", "_bn")),
    *("vit_b_16", "vit_b_32", "vit_l_32"),
)
# Version 1 weights that use the preprocessing of version 2 weights.
_FIRST_LIKE_SECOND = (
    *("convnext_base", "convnext_large", "mnasnet0_75", "mnasnet1_3", "resnext101_64x4d"),
    *("shufflenet_v2_x1_5", "shufflenet_v2_x2_0"),
)
_SWAG_LINEAR = ("regnet_y_128gf", "regnet_y_16gf", "regnet_y_32gf", "vit_b_16", "vit_h_14")
_SWAG_384 = ("regnet_y_128gf", "regnet_y_16gf", "regnet_y_32gf", "vit_b_16")

WEIGHTS: Mapping[str, _Sizes] = {
    **{f"{network}.IMAGENET1K_V1": _V1 for network in (*_BOTH, *_FIRST)},
    **{f"{network}.IMAGENET1K_V2": _V2 for network in _BOTH},
    **{f"{network}.IMAGENET1K_V1": _V2 for network in _FIRST_LIKE_SECOND},
    **{
        f"{network}.IMAGENET1K_SWAG_LINEAR_V1": (224, 224, "bicubic")
        for network in (*_SWAG_LINEAR, "vit_l_16")
    },
    **{f"{network}.IMAGENET1K_SWAG_E2E_V1": (384, 384, "bicubic") for network in _SWAG_384},
    "vit_l_16.IMAGENET1K_SWAG_E2E_V1": (512, 512, "bicubic"),
    "vit_h_14.IMAGENET1K_SWAG_E2E_V1": (518, 518, "bicubic"),
    "vit_l_16.IMAGENET1K_V1": (242, 224, "bilinear"),
    "convnext_tiny.IMAGENET1K_V1": (236, 224, "bilinear"),
    "convnext_small.IMAGENET1K_V1": (230, 224, "bilinear"),
    "efficientnet_b0.IMAGENET1K_V1": (256, 224, "bicubic"),
    "efficientnet_b1.IMAGENET1K_V1": (256, 240, "bicubic"),
    "efficientnet_b1.IMAGENET1K_V2": (255, 240, "bilinear"),
    "efficientnet_b2.IMAGENET1K_V1": (288, 288, "bicubic"),
    "efficientnet_b3.IMAGENET1K_V1": (320, 300, "bicubic"),
    "efficientnet_b4.IMAGENET1K_V1": (384, 380, "bicubic"),
    "efficientnet_b5.IMAGENET1K_V1": (456, 456, "bicubic"),
    "efficientnet_b6.IMAGENET1K_V1": (528, 528, "bicubic"),
    "efficientnet_b7.IMAGENET1K_V1": (600, 600, "bicubic"),
    "efficientnet_v2_s.IMAGENET1K_V1": (384, 384, "bilinear"),
    "efficientnet_v2_m.IMAGENET1K_V1": (480, 480, "bilinear"),
    "efficientnet_v2_l.IMAGENET1K_V1": (480, 480, "bicubic"),
    "inception_v3.IMAGENET1K_V1": (342, 299, "bilinear"),
    "maxvit_t.IMAGENET1K_V1": (224, 224, "bicubic"),
    "swin_t.IMAGENET1K_V1": (232, 224, "bicubic"),
    "swin_s.IMAGENET1K_V1": (246, 224, "bicubic"),
    "swin_b.IMAGENET1K_V1": (238, 224, "bicubic"),
    "swin_v2_t.IMAGENET1K_V1": (260, 256, "bicubic"),
    "swin_v2_s.IMAGENET1K_V1": (260, 256, "bicubic"),
    "swin_v2_b.IMAGENET1K_V1": (272, 256, "bicubic"),
    "vgg16.IMAGENET1K_FEATURES": _V1,
}
# Weights with another mean and standard deviation than ImageNet's.
_MEAN_STD: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "efficientnet_v2_l.IMAGENET1K_V1": ((0.5,) * 3, (0.5,) * 3),
    "vgg16.IMAGENET1K_FEATURES": ((0.48235, 0.45882, 0.40784), (1 / 255,) * 3),
}


def of_weights(name: str) -> Preprocess:
    """Return the preprocessing of weights.

    Args:
        name: such as "torchvision:resnet50.IMAGENET1K_V2".

    Raises:
        UsageError: if the weights are unknown; the message names the weights of the network.
    """
    weights = name.removeprefix(PREFIX)
    if weights not in WEIGHTS:
        network = weights.split(".")[0]
        known = [other for other in WEIGHTS if other.split(".")[0] == network]
        advice = f"use {' or '.join(PREFIX + other for other in known)}"
        if not known:
            advice = f"write it like {PREFIX}resnet50.IMAGENET1K_V2, or give a JSON description"
        raise UsageError(
            Message("torchvision-weights-unknown", f"unknown weights '{name}'; {advice}")
        )
    short, crop, interpolation = WEIGHTS[weights]
    preprocess = imagenet_sizes(short, crop, Filter(interpolation))
    mean, std = _MEAN_STD.get(weights, (preprocess.mean, preprocess.std))
    return dataclasses.replace(preprocess, mean=mean, std=std)
