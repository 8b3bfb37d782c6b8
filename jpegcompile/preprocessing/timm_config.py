"""Read preprocessing of timm: its `config.json`, a `pretrained_cfg` or a `data_config`.

The result equals timm's `create_transform(..., is_training=False)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.preprocessing.fields import crop_pct
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import IMAGENET_MEAN, IMAGENET_STD
from jpegcompile.preprocessing.steps import INTERPOLATIONS, Crop, Filter, Resize

_MODES = ("center", "squash", "border")
_USED = {"interpolation", "mean", "std", "crop_pct", "crop_mode"}
# Fields without effect on pixels: sizes of the network, weights and classes.
_OTHERS = {
    *("url", "file", "state_dict", "hf_hub_id", "hf_hub_filename", "source", "architecture", "tag"),
    *("custom_load", "input_size", "min_input_size", "fixed_input_size", "num_classes"),
    *("test_input_size", "test_crop_pct", "label_offset", "label_names", "label_descriptions"),
    *("pool_size", "test_pool_size", "first_conv", "classifier", "license", "description"),
    *("origin_url", "paper_name", "paper_ids", "notes", "model_args"),
}


def is_timm(data: Mapping[str, Any]) -> bool:
    """Whether a JSON object is written by timm."""
    return "pretrained_cfg" in data or "crop_pct" in data or "input_size" in data


def of_timm(data: Mapping[str, Any]) -> Preprocess:
    """Return the preprocessing that timm's JSON describes, for networks of any size.

    Args:
        data: an object for which `is_timm` holds.

    Raises:
        UsageError: if a field is unknown or has an unsupported value.
    """
    path, config = "", data
    if "pretrained_cfg" in data:
        path, config = "pretrained_cfg.", data["pretrained_cfg"]
        if not isinstance(config, Mapping):
            raise UsageError(
                Message(
                    "timm-config-not-an-object",
                    f"pretrained_cfg is {config!r}; give the object that timm writes",
                )
            )
    config = {name: value for name, value in config.items() if value is not None}
    unknown = sorted(map(str, set(config) - _USED - _OTHERS))
    if unknown:
        raise UsageError(
            Message(
                "timm-field-unknown",
                f"{path}{unknown[0]} is an unknown field; leave it out if it does not affect"
                " pixels, or describe the preprocessing by resize, crop, scale, mean and std",
            )
        )
    name = config.get("interpolation", "bicubic")
    if name not in INTERPOLATIONS["pillow"]:
        raise UsageError(
            Message(
                "timm-interpolation-unknown",
                f"{path}interpolation is {name!r}; use {', '.join(INTERPOLATIONS['pillow'])}",
            )
        )
    mode = config.get("crop_mode", "center")
    if mode not in _MODES:
        raise UsageError(
            Message(
                "timm-crop-mode-unknown",
                f"{path}crop_mode is {mode!r}; use {', '.join(_MODES)}",
            )
        )
    ratio = crop_pct(config.get("crop_pct", 0.875), f"{path}crop_pct")
    mean, std = config.get("mean", IMAGENET_MEAN), config.get("std", IMAGENET_STD)
    fit = {"center": "short", "squash": "exact", "border": "long"}[mode]
    made = Preprocess(1 / 255, mean, std)
    geometry = Geometry(Resize(fit, None, ratio, Filter(name)), Crop())  # type: ignore[arg-type]
    if mode == "border":
        fill = tuple(float(round(255 * value)) for value in made.mean)
        geometry = Geometry(geometry.resize, geometry.crop, fill=fill)
    return Preprocess(made.scale, made.mean, made.std, geometry=geometry)
