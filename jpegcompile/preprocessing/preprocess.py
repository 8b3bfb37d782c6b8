"""How the pixels of an image become a network's input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.color import Color
from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.fields import geometry_json
from jpegcompile.preprocessing.geometry import Geometry

Decoder = Literal["float", "libjpeg-turbo"]


def checked_fields(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fields of a Preprocess but its geometry, those that are not given by their defaults.

    Raises:
        UsageError: beginning with `where`, if one is of another type or out of range.
    """
    color = data.get("color")
    if color is not None and color not in get_args(Color):
        raise UsageError(f"{where}: color is '{color}'; use RGB, BGR or L")
    decoder = data.get("decoder", "float")
    if decoder not in get_args(Decoder):
        raise UsageError(f"{where}: decoder is '{decoder}'; use float or libjpeg-turbo")
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
    return {"scale": scale[0], "mean": mean, "std": std, "color": color, "decoder": decoder}


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
        geometry: how images of any size come to the network's.
        decoder: "float" for the affine decode (`docs/exactness.md`), or "libjpeg-turbo" for the
            integers that Pillow and OpenCV see.

    Raises:
        UsageError: if a field is of another type or out of range, or the network input would be
            beyond float32.
    """

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    color: Color | None = None
    geometry: Geometry = field(default_factory=Geometry)
    decoder: Decoder = "float"

    def __post_init__(self) -> None:
        """Check the fields, and bring their numbers to float."""
        for name, value in checked_fields(vars(self), "preprocessing").items():
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
        """JSON-ready data that `reading.preprocess_of` reads back."""
        data: dict[str, Any] = {
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
        }
        if self.color:
            data["color"] = self.color
        if self.decoder != "float":
            data["decoder"] = self.decoder
        return data | geometry_json(self.geometry)
