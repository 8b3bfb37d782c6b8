"""How pixels become a network's input: presets, JSON files, and what they mean."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.color import Color
from jpegcompile.errors import UsageError
from jpegcompile.files import parse_json, read_json

_FIELDS = {"scale", "mean", "std", "color"}


def _checked(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fields of a Preprocess, those that are not given by their defaults.

    Raises:
        UsageError: beginning with `where`, if one is of another type or out of range.
    """
    color = data.get("color")
    if color is not None and color not in get_args(Color):
        raise UsageError(f"{where}: color is '{color}'; use RGB, BGR or L")
    scale = _numbers(data.get("scale", 1.0), "scale", where)
    std = _numbers(data.get("std", 1.0), "std", where)
    if len(scale) != 1:
        raise UsageError(f"{where}: scale is one number; put per-channel values into std")
    if not scale[0]:
        raise UsageError(f"{where}: scale is zero; every image would be the same")
    if 0.0 in std:
        raise UsageError(f"{where}: std holds a zero; it divides")
    mean = _numbers(data.get("mean", 0.0), "mean", where)
    for name, dividends in (("scale", scale), ("mean", mean)):
        if any(_is_beyond_float32(d / s) for d in dividends for s in std):
            raise UsageError(
                f"{where}: {name} divided by std is beyond what float32 holds; give the numbers"
                " that the model was trained with"
            )
    return {"scale": scale[0], "mean": mean, "std": std, "color": color}


def _is_beyond_float32(number: float) -> bool:
    limits = np.finfo(np.float32)
    return number != 0.0 and not float(limits.tiny) <= abs(number) <= float(limits.max)


def _numbers(value: object, name: str, where: str) -> tuple[float, ...]:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    values = list(value) if isinstance(value, list | tuple) else [value]
    if not values or not all(
        isinstance(v, int | float)
        and not isinstance(v, bool)
        and abs(v) <= sys.float_info.max  # false for NaN, and takes integers of any length
        for v in values
    ):
        raise UsageError(f"{where}: {name} must be a finite number or a list of them")
    return tuple(float(cast(float, v)) for v in values)


@dataclass(frozen=True)
class Preprocess:
    """network input = (pixels * scale - mean) / std, pixels on the 0..255 scale.

    Attributes:
        scale: 1/255 for the unit range; 1 keeps 0..255.
        mean, std: one value for every channel, or one for each; after scaling.
        color: channel order that the network takes; None means RGB or, for one channel, luma.

    Raises:
        UsageError: if a field is of another type or out of range, or the network input would be
            beyond float32.
    """

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    color: Color | None = None

    def __post_init__(self) -> None:
        """Check the fields, and bring their numbers to float."""
        for name, value in _checked(vars(self), "preprocessing").items():
            object.__setattr__(self, name, value)

    def color_for(self, channels: int) -> Color:
        """The colour that a network of so many channels gets.

        Raises:
            UsageError: if the two do not fit.
        """
        color = self.color or ("L" if channels == 1 else "RGB")
        wanted = 1 if color == "L" else 3
        if channels != wanted:
            raise UsageError(
                f"preprocessing gives {wanted} channels ({color}) but the model takes {channels};"
                ' set "color" in --preprocess'
            )
        return color

    def affine(self, channels: int) -> ChannelAffine:
        """The same as y = scale * x + shift for each channel.

        Raises:
            UsageError: if mean or std has a length other than 1 or the number of channels.
        """
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise UsageError(
                    f'preprocessing has {len(values)} values in "{name}"'
                    f" but the model takes {channels} channels; give one for each"
                )
        mean = np.broadcast_to(np.asarray(self.mean, np.float64), (channels,))
        std = np.broadcast_to(np.asarray(self.std, np.float64), (channels,))
        return ChannelAffine(self.scale / std, -mean / std)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data that `preprocess_of` reads back."""
        data: dict[str, Any] = {
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
        }
        if self.color:
            data["color"] = self.color
        return data


PRESETS: dict[str, Preprocess] = {
    "imagenet": Preprocess(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": Preprocess(1 / 255, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "unit": Preprocess(1 / 255),
    "none": Preprocess(),
}


def preprocess_of(spec: str | os.PathLike[str] | Mapping[str, Any] | Preprocess) -> Preprocess:
    """Preprocessing from a preset's name, a JSON file or text, a mapping, or itself.

    Raises:
        UsageError: if the name is unknown or a field is missing, unknown or out of range.
        AccessError: if the file cannot be read.
    """
    if isinstance(spec, Preprocess):
        return spec
    if isinstance(spec, Mapping):
        return _from_mapping(spec, "preprocessing")
    if isinstance(spec, str) and spec in PRESETS:
        return PRESETS[spec]
    if not isinstance(spec, str | os.PathLike):
        raise UsageError(f"preprocessing is a name, a path or a mapping, not {type(spec).__name__}")
    if isinstance(spec, str) and spec.lstrip().startswith("{"):
        return _from_json(parse_json(spec, "preprocessing"), "preprocessing")
    path = Path(spec)
    if not path.exists() and path.suffix != ".json":
        raise UsageError(
            f"unknown preprocessing '{spec}'; use one of {', '.join(PRESETS)} or a JSON file"
        )
    return _from_json(read_json(path, "preprocessing"), str(path))


def _from_json(data: Any, where: str) -> Preprocess:
    if not isinstance(data, dict):
        raise UsageError(f"{where}: preprocessing is a JSON object with scale, mean, std, color")
    return _from_mapping(data, where)


def _from_mapping(data: Mapping[str, Any], where: str) -> Preprocess:
    unknown = sorted(map(str, set(data) - _FIELDS))
    if unknown:
        raise UsageError(
            f"{where}: unknown field '{unknown[0]}'; known are {', '.join(sorted(_FIELDS))}"
        )
    return Preprocess(**_checked(data, where))
