"""Preprocessing of timm: its `config.json`, a `pretrained_cfg` or a `data_config`.

The transforms are those of timm's `create_transform(..., is_training=False)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.fields import number
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import IMAGENET_MEAN, IMAGENET_STD
from jpegcompile.preprocessing.steps import INTERPOLATIONS, Crop, Filter, Resize

_MODES = ("center", "squash", "border")
_USED = {"interpolation", "mean", "std", "crop_pct", "crop_mode"}
# Nothing that comes to pixels: sizes are the network's own, the rest is of weights and classes.
_OTHERS = {
    *("url", "file", "state_dict", "hf_hub_id", "hf_hub_filename", "source", "architecture", "tag"),
    *("custom_load", "input_size", "min_input_size", "fixed_input_size", "num_classes"),
    *("test_input_size", "test_crop_pct", "label_offset", "label_names", "label_descriptions"),
    *("pool_size", "test_pool_size", "first_conv", "classifier", "license", "description"),
    *("origin_url", "paper_name", "paper_ids", "notes", "model_args"),
}


def is_timm(data: Mapping[str, Any]) -> bool:
    """Whether an object of JSON is one of timm's."""
    return "pretrained_cfg" in data or "crop_pct" in data or "input_size" in data


def of_timm(data: Mapping[str, Any]) -> Preprocess:
    """The preprocessing of such an object, for networks of whatever size.

    Raises:
        UsageError: naming the field that is unknown or means something else here.
    """
    path, config = "", data
    if "pretrained_cfg" in data:
        path, config = "pretrained_cfg.", data["pretrained_cfg"]
        if not isinstance(config, Mapping):
            raise UsageError(f"pretrained_cfg is {config!r}; give timm's, an object")
    config = {name: value for name, value in config.items() if value is not None}
    unknown = sorted(map(str, set(config) - _USED - _OTHERS))
    if unknown:
        raise UsageError(
            f"{path}{unknown[0]} is no field of timm's that is known here; leave it out if images"
            " do not depend on it, or describe them by resize, crop, scale, mean and std"
        )
    name = config.get("interpolation", "bicubic")
    if name not in INTERPOLATIONS["pillow"]:
        raise UsageError(
            f"{path}interpolation is {name!r}; use {', '.join(INTERPOLATIONS['pillow'])}"
        )
    mode = config.get("crop_mode", "center")
    if mode not in _MODES:
        raise UsageError(f"{path}crop_mode is {mode!r}; use {', '.join(_MODES)}")
    ratio = number(config.get("crop_pct", 0.875), f"{path}crop_pct")
    if not 0 < ratio <= 1:
        raise UsageError(f"{path}crop_pct is {ratio}; give more than 0 and at most 1")
    mean, std = config.get("mean", IMAGENET_MEAN), config.get("std", IMAGENET_STD)
    fit = {"center": "short", "squash": "exact", "border": "long"}[mode]
    made = Preprocess(1 / 255, mean, std)
    geometry = Geometry(Resize(fit, None, ratio, Filter(name)), Crop())  # type: ignore[arg-type]
    if mode == "border":
        fill = tuple(float(round(255 * value)) for value in made.mean)
        geometry = Geometry(geometry.resize, geometry.crop, fill=fill)
    return Preprocess(made.scale, made.mean, made.std, geometry=geometry)
